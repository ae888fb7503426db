import { z } from 'zod'
import { LoopwrightError } from '../core/errors.ts'
import type { Story } from '../core/spec/goal.ts'
import { problemError } from '../core/spec/loop.ts'
import { markMarkdown, parseMarkdown } from './prd-markdown.ts'
import { parseYaml, validate } from './yaml.ts'

export type PlanFormat = 'json' | 'markdown'

/** The format of a backlog by its file's name. Throws `bad_input` for a name that is neither. */
export function planFormat(file: string): PlanFormat {
  if (/\.json$/i.test(file)) return 'json'
  if (/\.(md|markdown)$/i.test(file)) return 'markdown'
  throw new LoopwrightError('bad_input', `${file}: a plan is a .json or .md file`, {
    hint: 'for example: --plan prd.json',
  })
}

const id = z.union([z.string().trim().min(1), z.number().transform(String)])
const storySchema = z.looseObject({
  id,
  title: z.string().trim().min(1),
  description: z.string().optional(),
  acceptanceCriteria: z.array(z.string()).optional(),
  criteria: z.array(z.string()).optional(),
  priority: z.number().optional(),
  passes: z.boolean().optional(),
})
const planSchema = z.looseObject({
  userStories: z.array(storySchema).optional(),
  stories: z.array(storySchema).optional(),
})

/** Reads a backlog to stories, in the order of the file. Throws `bad_input` with file, line and column. */
export function parsePlan(text: string, format: PlanFormat, file: string): Story[] {
  const { stories, where } = format === 'json' ? parseJson(text, file) : parseMarkdown(text, file)
  if (stories.length === 0)
    throw new LoopwrightError('bad_input', `${file}:1:1: there is no story in the plan`, {
      hint:
        format === 'json'
          ? 'add "userStories": [{ "id": "US-1", "title": "…" }]'
          : 'write a list: - [ ] the first story',
    })
  const seen = new Set<string>()
  const doubled = stories.flatMap((one, i) => {
    if (!seen.has(one.id)) return seen.add(one.id) && []
    return [{ path: [i], message: `the story id "${one.id}" is used twice` }]
  })
  if (doubled.length > 0) throw problemError(doubled, (problem) => `${where(Number(problem.path[0]))}: `)
  return stories
}

/**
 * The text with one story marked as done, and nothing else changed by a byte. Throws `not_found` for a story that is not there,
 * `bad_input` for a text that is no backlog.
 */
export function markPassed(text: string, format: PlanFormat, storyId: string, file = 'plan'): string {
  const story = parsePlan(text, format, file).find((one) => one.id === storyId)
  if (story === undefined) throw new LoopwrightError('not_found', `${file}: there is no story "${storyId}"`)
  if (story.passes) return text
  return format === 'json' ? markJson(text, storyId, file) : markMarkdown(text, storyId, file)
}

function parseJson(text: string, file: string) {
  const parsed = parseYaml(text, file)
  const plan = validate(planSchema, parsed)
  const key = plan.userStories === undefined ? 'stories' : 'userStories'
  const stories = (plan[key] ?? []).map(
    (one): Story => ({
      id: one.id,
      title: one.title,
      description: one.description ?? '',
      criteria: one.acceptanceCriteria ?? one.criteria ?? [],
      priority: one.priority ?? 0,
      passes: one.passes ?? false,
    }),
  )
  return { stories, parsed, key, where: (i: number) => parsed.where([key, i, 'id']) }
}

function markJson(text: string, storyId: string, file: string): string {
  const { stories, parsed, key } = parseJson(text, file)
  const index = stories.findIndex((one) => one.id === storyId)
  const old = parsed.span([key, index, 'passes'])
  if (old !== undefined) return `${text.slice(0, old[0])}true${text.slice(old[1])}`
  const map = parsed.span([key, index])
  if (map === undefined) throw new LoopwrightError('bad_input', `${file}: the story "${storyId}" cannot be changed`)
  const body = text.slice(map[0], map[1])
  const gap = /^\{(\s*)/.exec(body)?.[1]
  const end = /[,\s]*\}$/.exec(body)?.index
  if (gap === undefined || end === undefined)
    throw new LoopwrightError('bad_input', `${file}: the story "${storyId}" is not JSON`)
  const at = map[0] + end
  return `${text.slice(0, at)},${gap === '' ? ' ' : gap}"passes": true${text.slice(at)}`
}
