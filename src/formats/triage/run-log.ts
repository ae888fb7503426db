import { z } from 'zod'
import { LoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import { requireSmall } from './bounds.ts'
import { eolOf, linesOf, textOf } from './markdown.ts'

/** An entry of a run log: a run, in a line of JSON. */
export interface RunLogEntry {
  /** When it began, ISO 8601. */
  readonly run_id: string
  readonly pattern: string
  readonly duration_s: number
  readonly items_found: number
  readonly actions_taken: number
  readonly escalations: number
  readonly tokens_estimate: number
  readonly readiness_score?: number
  readonly outcome: 'report-only' | 'fix-proposed' | 'escalated' | 'no-op'
  /** The loopwright run; the same one is written once. */
  readonly run?: string
  readonly workflow_run?: string
  readonly reason?: string
}

/** What of an entry can be relied on, whoever wrote it. */
export interface LoggedRun {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly pattern: string
  readonly tokens: number
  readonly outcome: string
}

const dayMs = 86_400_000
const keptDays = 30
const marker = /<!--\s{0,20}(?:the )?loop appends below this line/i
const newLog =
  '# Loop Run Log\n\nA line for each run, the newest last. Older ones than 30 days are taken out.\n\n<!-- Loop appends below this line -->\n'

/**
 * Adds a run to the end of a run log, below its marker, and takes out entries older than 30 days. The same run is written once. Lines
 * that are no entries stay as they are. An empty text makes a new file. `now` is milliseconds since 1970. Throws `bad_input` for more than 1 MiB.
 */
export function appendRunLog(text: string, entry: RunLogEntry, now: number): string {
  requireSmall(text, 'the run log', 'move what is old to another file')
  const before =
    text.trim() === '' ? newLog : marker.test(text) ? text : `${text.trimEnd()}\n\n${newLog.split('\n').at(-2)}\n`
  const lines = linesOf(before)
  const eol = eolOf(lines)
  const begin = lines.findIndex((line) => marker.test(line.text)) + 1
  const line = JSON.stringify(plain(entry))
  const kept = lines.filter(({ text: own, fenced }, at) => {
    const old = at < begin || fenced ? undefined : logged(own)
    return old === undefined || old.at > now - keptDays * dayMs
  })
  const same = kept.some(({ text: own }) => own.trim() === line || isRun(own, entry.run))
  return textOf(same ? kept : [...kept, { text: line, eol }], eol)
}

/** The runs of a log below its marker, oldest first as they stand there: lines of JSON, and blocks of it. What is broken is left out. */
export function readRunLog(text: string, path = 'loop-run-log.md'): LoggedRun[] {
  requireSmall(text, path, 'move what is old to another file')
  const lines = linesOf(text)
  const begin = lines.findIndex((line) => marker.test(line.text)) + 1
  const found: LoggedRun[] = []
  let block: string[] | undefined
  for (const { text: line, fenced } of lines.slice(begin)) {
    const one = logged(line)
    if (one !== undefined) found.push(one)
    // Without a marker a block is an example.
    if (!fenced || begin === 0) continue
    if (/^\s*\{\s*$/.test(line)) block = [line]
    else if (block !== undefined) {
      block.push(line)
      if (!/^\s*\}\s*$/.test(line) && block.length < 100) continue
      const whole = logged(block.join('\n'))
      if (whole !== undefined) found.push(whole)
      block = undefined
    }
  }
  return found
}

/** Runs and tokens of a pattern on a UTC day (`2026-09-15`), as the log has them. */
export function loggedDay(
  text: string,
  pattern: string,
  day: string,
): { readonly runs: number; readonly tokens: number } {
  const own = readRunLog(text).filter(
    (run) => run.pattern === pattern && new Date(run.at).toISOString().slice(0, 10) === day,
  )
  return { runs: own.length, tokens: own.reduce((sum, { tokens }) => sum + tokens, 0) }
}

const shape = z.looseObject({
  run_id: z.string().max(100),
  pattern: z.string().max(200),
  tokens_estimate: z.number().min(0).max(1e12).catch(0),
  outcome: z.string().max(100).catch(''),
})

function logged(text: string): LoggedRun | undefined {
  const value = json(text)
  const parsed = value === undefined ? undefined : shape.safeParse(value)
  if (!parsed?.success) return undefined
  const { run_id, pattern, tokens_estimate, outcome } = parsed.data
  const at = /^\d{4}-\d{2}-\d{2}/.test(run_id) ? Date.parse(run_id) : Number.NaN
  return Number.isFinite(at) ? { at, pattern, tokens: tokens_estimate, outcome } : undefined
}

function json(text: string): unknown {
  const line = text.trim()
  if (!line.startsWith('{') || !line.endsWith('}')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function isRun(text: string, run: string | undefined): boolean {
  if (run === undefined || !text.includes(run)) return false
  const value = json(text)
  return typeof value === 'object' && value !== null && Reflect.get(value, 'run') === run
}

function plain(entry: RunLogEntry): RunLogEntry {
  if (!Number.isFinite(Date.parse(entry.run_id)))
    throw new LoopwrightError('bad_input', `${JSON.stringify(entry.run_id.slice(0, 60))} is no time a run began at`)
  const { reason } = entry
  // A kill switch or the end of a comment in a reason must stay words.
  return reason === undefined ? entry : { ...entry, reason: oneLine(reason, 300).replaceAll('-->', '->') }
}
