import { oneLine, plainText } from '../../core/plain.ts'
import { parseYaml } from '../yaml.ts'
import { requireSmall } from './bounds.ts'

/** What a project teaches agents: a `SKILL.md`, read. */
export interface Skill {
  readonly name: string
  readonly description?: string
  /** Markdown, without the front matter; at most 20,000 characters with description and heading. */
  readonly text: string
}

const longest = 20_000
const places = [
  '.loopwright/skills',
  'skills',
  '.claude/skills',
  '.agents/skills',
  '.codex/skills',
  '.opencode/skills',
  '.grok/skills',
]

/** Where the skill of a name may lie, from the top of the project; the first that is there counts. None for a name that is no folder's. */
export function skillPaths(name: string): string[] {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return []
  return places.map((place) => `${place}/${name}/SKILL.md`)
}

/**
 * Reads a `SKILL.md`; a front matter that cannot be read is left out, the words stay. `name` is that of its folder. What is too long is
 * cut off and says so. Throws `bad_input` only for more than 1 MiB.
 */
export function parseSkill(text: string, name: string, path: string): Skill {
  requireSmall(text, path, 'agents read a skill each time: keep it short')
  const whole = plainText(text)
  const front = /^---[ \t]*\n([\s\S]*?)\n---[ \t]*(?:\n|$)/.exec(whole)
  const description = descriptionOf(front?.[1] ?? '', path)
  const body = whole.slice(front?.[0].length ?? 0).trim()
  const said = description === undefined || body.includes(description) ? body : `${description}\n\n${body}`.trim()
  const cut =
    said.length > longest ? `${said.slice(0, longest - 40).toWellFormed()}\n\n(cut off here: it is too long)` : said
  return { name, ...(description === undefined ? {} : { description }), text: cut }
}

function descriptionOf(front: string, path: string): string | undefined {
  const text = oneLine(written(front, path), 1000)
  return text === '' ? undefined : text
}

function written(front: string, path: string): string {
  if (front.trim() === '') return ''
  try {
    const { value } = parseYaml(front, path)
    const own = typeof value === 'object' && value !== null && Object.hasOwn(value, 'description')
    const given: unknown = own ? Reflect.get(value, 'description') : ''
    return typeof given === 'string' ? given : ''
  } catch {
    // Many write a colon in it without quotes, which no YAML reader takes.
    return /^description:[ \t]{0,20}([^\n|>].{0,2000})$/m.exec(front)?.[1] ?? ''
  }
}
