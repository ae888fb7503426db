import { extractJson } from '../../core/extract.ts'
import type { Review } from '../../core/verdict.ts'

export interface Subgoal {
  readonly id: string
  readonly description: string
}

/** A decomposer's answer: a list, or an object that holds one; items are texts or objects. Undefined when there is none. */
export function readSubgoals(text: string): Subgoal[] | undefined {
  const found = extractJson(text)
  const items = Array.isArray(found) ? found : listIn(found, ['subgoals', 'tasks', 'steps', 'plan'])
  if (!items) return undefined
  const subgoals: Subgoal[] = []
  for (const item of items) {
    const read = readSubgoal(item, subgoals.length + 1)
    if (!read) continue
    const taken = (id: string) => subgoals.some((other) => other.id === id)
    let { id } = read
    for (let number = 2; taken(id); number++) id = `${read.id}-${number}`
    subgoals.push({ ...read, id })
  }
  return subgoals.length > 0 ? subgoals : undefined
}

function readSubgoal(item: unknown, number: number): Subgoal | undefined {
  if (typeof item === 'string') return item.trim() === '' ? undefined : { id: `s${number}`, description: item.trim() }
  const fields = asObject(item)
  const description = ['description', 'task', 'goal', 'title'].map((key) => fields[key]).find(isText)
  if (description === undefined) return undefined
  const id = fields.id
  const name = typeof id === 'number' ? String(id) : isText(id) ? id : `s${number}`
  const safe = name
    .trim()
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^\.+/, '')
    .slice(0, 60)
  return {
    id: safe === '' ? `s${number}` : safe,
    description: description.trim(),
  }
}

/** A reviewer's answer. A gate that is not said to be open is shut. */
export function readReview(text: string): Review | undefined {
  const found = asObject(extractJson(text))
  const gates = ['quality_ok', 'consistency_ok', 'goal_aligned', 'goal_complete'] as const
  if (!gates.some((gate) => typeof found[gate] === 'boolean')) return undefined
  return {
    quality_ok: found.quality_ok === true,
    consistency_ok: found.consistency_ok === true,
    goal_aligned: found.goal_aligned === true,
    goal_complete: found.goal_complete === true,
    issues: texts(found.issues),
    follow_up_questions: texts(found.follow_up_questions),
  }
}

/** A list of texts under one of these keys, or a bare list. */
export function readTexts(text: string, keys: readonly string[]): string[] | undefined {
  const found = extractJson(text)
  const items = Array.isArray(found) ? found : listIn(found, keys)
  return items && texts(items)
}

function listIn(value: unknown, keys: readonly string[]): readonly unknown[] | undefined {
  const fields = asObject(value)
  for (const key of keys) if (Array.isArray(fields[key])) return fields[key] as readonly unknown[]
  return undefined
}

/** The texts in a list, or the one text; whatever else there is is left out. */
export function texts(value: unknown): string[] {
  if (isText(value)) return [value.trim()]
  if (!Array.isArray(value)) return []
  return value
    .map((item) =>
      isText(item) ? item : ['text', 'description', 'question', 'issue'].map((key) => asObject(item)[key]).find(isText),
    )
    .filter(isText)
    .map((item) => item.trim())
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
