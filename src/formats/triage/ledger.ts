import { z } from 'zod'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import { problemsOf } from '../../core/spec/problems.ts'
import { parseYaml } from '../yaml.ts'
import { requireSmall } from './bounds.ts'

const text = z.string().max(20_000)

const attempt = z.looseObject({
  iteration: z.number(),
  action: text,
  outcome: z.enum(['success', 'failure', 'noop']),
  error: text.optional(),
  tokensUsed: z.number().min(0).optional(),
  // Ours: what it was about, whose it was, and which run it was.
  item: text.optional(),
  pattern: text.optional(),
  run: text.optional(),
})

const ledger = z.looseObject({
  goal: text.optional(),
  pattern: text.optional(),
  level: text.optional(),
  attempts: z.array(attempt).default([]),
})

/** What was tried: a `loop-ledger.json`, read. Keys that are not known are kept. */
export type Ledger = z.output<typeof ledger>

/** One try, as it is added. */
export interface LedgerAttempt {
  readonly action: string
  readonly outcome: 'success' | 'failure' | 'noop'
  readonly error?: string
  readonly tokensUsed: number
  /** The id of what it was about. */
  readonly item?: string
  /** The loopwright run; the same one is written once. */
  readonly run?: string
}

const mostAttempts = 500
const hint = 'mend or move it; loopwright does not overwrite a ledger it cannot read'

/** Reads a ledger; an empty text is an empty ledger. Throws `bad_input` with file and line for one that is broken. */
export function parseLedger(source: string, path: string): Ledger {
  requireSmall(source, path, 'move old attempts to another file')
  if (source.trim() === '') return { attempts: [] }
  const value = json(source, path)
  const parsed = ledger.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = problemsOf(ledger, parsed.error.issues, value).slice(0, 5)
  const where = placeOf(source, path)
  const lines = problems.map((one) => `${where(one.path)}: ${one.message}`)
  throw new LoopwrightError('bad_input', lines.join('\n'), { hint })
}

/**
 * Adds a try to a ledger, and answers its new text. The same run is written once; of more than 500 tries the oldest go. Throws
 * `bad_input` for a ledger that is broken: it is not overwritten.
 */
export function addAttempt(
  source: string,
  path: string,
  given: LedgerAttempt,
  owner: { readonly goal: string; readonly pattern: string; readonly level: string },
): string {
  const { attempts, ...head } = parseLedger(source, path)
  const { run, item } = given
  if (run !== undefined && attempts.some((one) => one.run === run && one.item === item)) return source
  const last = attempts.reduce((most, { iteration }) => Math.max(most, iteration), 0)
  const added = {
    iteration: last + 1,
    action: oneLine(given.action, 500),
    outcome: given.outcome,
    ...(given.error === undefined ? {} : { error: oneLine(given.error, 2000) }),
    tokensUsed: given.tokensUsed,
    ...(item === undefined ? {} : { item }),
    pattern: owner.pattern,
    ...(run === undefined ? {} : { run }),
  }
  const all = [...attempts, added].slice(-mostAttempts)
  return `${JSON.stringify({ ...owner, ...head, attempts: all }, undefined, 2)}\n`
}

/** How often a pattern failed at each item since it last succeeded there, by the item's id. */
export function failedAttempts(given: Ledger, pattern: string): Map<string, number> {
  const failed = new Map<string, number>()
  for (const one of given.attempts) {
    if (one.item === undefined || (one.pattern ?? given.pattern) !== pattern) continue
    if (one.outcome === 'success') failed.delete(one.item)
    else if (one.outcome === 'failure') failed.set(one.item, (failed.get(one.item) ?? 0) + 1)
  }
  return failed
}

function json(source: string, path: string): unknown {
  try {
    return JSON.parse(source.replace(/^\uFEFF/, ''))
  } catch (error) {
    const said = messageOf(error)
    const at = Number(/position (\d+)/.exec(said)?.[1] ?? source.length)
    const line = source.slice(0, at).split('\n').length
    throw new LoopwrightError('bad_input', `${path}:${line}: this is not JSON: ${oneLine(said, 200)}`, { hint })
  }
}

/** Where a value stands, as far as the YAML reader follows: JSON is YAML but for tabs. */
function placeOf(source: string, path: string): (way: readonly (string | number)[]) => string {
  try {
    return parseYaml(source, path).where
  } catch {
    return () => path
  }
}
