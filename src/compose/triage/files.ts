import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import { tickLines } from '../../core/triage/text.ts'
import type { TickOutcome, TickResult } from '../../core/triage/tick.ts'
import { addAttempt, failedAttempts, parseLedger } from '../../formats/triage/ledger.ts'
import { appendRunLog, loggedDay, type RunLogEntry } from '../../formats/triage/run-log.ts'
import { readState, updateState } from '../../formats/triage/state.ts'
import { shownId } from '../../formats/triage/state-lines.ts'
import { writeAtomic } from '../../workspace/files.ts'
import { withLock } from '../../workspace/lock.ts'
import type { TickFiles } from './desk.ts'

export const runLogName = 'loop-run-log.md'
export const ledgerName = 'loop-ledger.json'
/** The state file that pauses every loop, whatever the pattern's own is called. */
const commonState = 'STATE.md'

/** The files of a project, as a tick of one of its patterns reads and writes them. What is written is written under a lock, and from what is there then. */
export function tickFiles(options: {
  readonly spec: TriageSpec
  readonly home: string
  readonly clock: Clock
  readonly warn: (message: string) => void
}): TickFiles {
  const { spec, home, clock, warn } = options
  const { root, pattern } = spec
  const read = async (name: string) => (await readOptional(join(root, name), root)) ?? ''

  /** Changes a file from what it holds now; a file that cannot be used is left as it is, and people are told. */
  const change = async (name: string, edit: (text: string) => string) => {
    const key = createHash('sha256').update(join(root, name)).digest('hex').slice(0, 16)
    await mkdir(join(home, 'triage'), { recursive: true, mode: 0o700 })
    await withLock(join(home, 'triage', `${key}.file.lock`), async () => {
      try {
        const before = await read(name)
        const after = edit(before)
        if (after === before) return
        await mkdir(dirname(join(root, name)), { recursive: true })
        await writeAtomic(join(root, name), after, 0o644)
      } catch (error) {
        if (!isLoopwrightError(error)) throw error
        warn(`${name} was left as it is: ${error.message}`)
      }
    })
  }

  return {
    state: () => read(pattern.state),
    async paused() {
      for (const name of new Set([pattern.state, commonState])) {
        const at = readState(await read(name), name).pausedAt
        if (at !== undefined) return `loop-pause-all is set in ${name}:${at}`
      }
      return undefined
    },
    async attempts() {
      try {
        return Object.fromEntries(failedAttempts(parseLedger(await read(ledgerName), ledgerName), pattern.id))
      } catch (error) {
        if (!isLoopwrightError(error)) throw error
        warn(error.message)
        return undefined
      }
    },
    today: async (day) => loggedDay(await read(runLogName), pattern.id, day),
    async decided(findings) {
      const { items } = readState(await read(pattern.state), pattern.state)
      const said = new Map(items.flatMap((item) => (item.id === undefined ? [] : [[item.id, item] as const])))
      return findings.map((finding) => {
        const item = said.get(shownId(finding.id))
        if (item === undefined) return finding
        const { decision, ticked } = item
        const held = ticked
          ? 'a person ticked it off'
          : decision !== undefined && isNo(decision)
            ? `a person decided: ${decision}`
            : undefined
        return {
          ...finding,
          ...(decision === undefined ? {} : { note: decision }),
          ...(held === undefined ? {} : { held }),
        }
      })
    },
    async write(result) {
      await change(pattern.state, (text) =>
        updateState(text, {
          pattern: pattern.id,
          at: result.startedAt,
          project: basename(root),
          runLog: runLogName,
          items: itemsOf(result),
          keep: keptOf(result),
          critique: critiqueOf(result),
        }),
      )
      await change(runLogName, (text) => appendRunLog(text, entryOf(result), clock.now()))
      const { item } = result
      if (item === undefined || result.outcome === 'escalated') return
      await change(ledgerName, (text) =>
        addAttempt(
          text,
          ledgerName,
          {
            action: result.proposal ?? item.title,
            outcome: succeeded(result.outcome) ? 'success' : 'failure',
            ...(succeeded(result.outcome) ? {} : { error: result.reason }),
            tokensUsed: result.tokens,
            item: item.id,
            run: result.run,
          },
          { goal: pattern.goal, pattern: pattern.id, level: result.level },
        ),
      )
    },
  }
}

/** Whether a person's decision says to leave something alone; in words, so only where it begins with one that means no. */
function isNo(decision: string): boolean {
  return /^(?:no|not|don['’]?t|do not|won['’]?t|will not|wontfix|never|skip|ignore|leave|reject|denied|deny|declined?|later|wait|hold|stop)\b/i.test(
    decision.trim(),
  )
}

function succeeded(outcome: TickOutcome): boolean {
  return outcome === 'committed' || outcome === 'proposed' || outcome === 'merged'
}

function itemsOf({ items, item, outcome, run, url, branch, reason }: TickResult) {
  return items.map((one) => {
    const own = item?.id === one.id
    return {
      id: one.id,
      title: one.title,
      rank: own && outcome !== 'merged' ? ('high' as const) : one.rank,
      ...(one.why === '' ? {} : { why: one.why }),
      ...(one.url === undefined ? {} : { url: one.url }),
      ...(own ? { action: actionOf({ outcome, run, url, branch, reason }) } : {}),
      ...(!own && one.rank === 'high' && one.why !== '' ? { action: one.why } : {}),
    }
  })
}

function actionOf({
  outcome,
  run,
  url,
  branch,
  reason,
}: Pick<TickResult, 'outcome' | 'run' | 'reason'> & {
  readonly url: string | undefined
  readonly branch: string | undefined
}): string {
  const where = url ?? branch
  if (outcome === 'escalated') return `waits for a human: ${reason} (loopwright approve ${run}, or deny)`
  return where === undefined || !succeeded(outcome)
    ? `${outcome}: ${reason}`
    : `${outcome}: ${where}${outcome === 'merged' ? '' : ', waits to be merged'}`
}

/** What stays though it was not seen: what a human decides about, and what a source that could not look may still have. */
function keptOf({ skipped, item, outcome }: TickResult): string[] {
  const own = item !== undefined && outcome === 'escalated' ? [item.id] : []
  const unseen = skipped.map(({ source, connector }) =>
    connector === undefined ? `${source.replace(/s$/, '')}:*` : `mcp:${connector}:*`,
  )
  return [...own, ...unseen]
}

function critiqueOf(result: TickResult): string {
  return (
    (tickLines(result)[0] ?? '').trim().replace(/^tick \d+: /, '') + (result.reason === '' ? '' : `: ${result.reason}`)
  )
}

function entryOf(result: TickResult): RunLogEntry {
  const { startedAt, pattern, duration, items, outcome, tokens, run, reason } = result
  return {
    run_id: startedAt,
    pattern,
    duration_s: duration,
    items_found: items.length,
    actions_taken: succeeded(outcome) ? 1 : 0,
    escalations: outcome === 'escalated' || outcome === 'denied' ? 1 : 0,
    tokens_estimate: tokens,
    outcome:
      outcome === 'escalated' || outcome === 'denied'
        ? 'escalated'
        : succeeded(outcome)
          ? 'fix-proposed'
          : outcome === 'noop'
            ? 'no-op'
            : 'report-only',
    run,
    reason,
  }
}
