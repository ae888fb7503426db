import { objectOf, textOf } from '../../core/peek.ts'
import { finalStatuses, type RunRecord, type Store } from '../../core/ports.ts'
import { isLevel } from '../../core/triage/level.ts'
import type { TickOutcome, TickResult } from '../../core/triage/tick.ts'

/** How far back tries are remembered, in milliseconds, and how many runs are looked at. */
const rememberedMs = 30 * 24 * 60 * 60 * 1000
const mostRuns = 2000

/** Outcomes after which a try came to nothing. */
const failures: readonly TickOutcome[] = ['rejected', 'denied', 'failed']

/** A past tick: its run, and what it came to so far. */
export interface PastTick {
  readonly run: RunRecord
  readonly result: TickResult
}

/** The ticks of a pattern of a project, newest first; rehearsals left out. The journal's own word, which no agent can edit. */
export async function pastTicks(store: Store, root: string, pattern: string, now: number): Promise<PastTick[]> {
  const runs = await store.listRuns({ loop: 'triage', labels: { pattern, triage: root }, limit: mostRuns })
  return runs.flatMap((run) => {
    if (run.createdAt < now - rememberedMs) return []
    const result = tickResultOf(run)
    return result === undefined || result.dryRun ? [] : [{ run, result }]
  })
}

/** The tick result that a run holds; undefined when it holds none. */
export function tickResultOf(run: Pick<RunRecord, 'result'>): TickResult | undefined {
  const value = objectOf(run.result)
  const [pattern, outcome, level] = [value.pattern, value.outcome, value.level].map((one) => textOf(one))
  if (pattern === undefined || outcome === undefined || level === undefined || !isLevel(level)) return undefined
  return value as unknown as TickResult
}

/** Whether a tick waits for a person. */
export function isWaiting({ run, result }: PastTick): boolean {
  return result.outcome === 'escalated' && !finalStatuses.includes(run.status)
}

/**
 * What past ticks say of each item: tries that came to nothing since the last that did not, what waits for a person, and what people said.
 * A change that was let through waits until it is merged or thrown away: `open` are the branches for which that is so.
 */
export function remember(
  past: readonly PastTick[],
  open: ReadonlySet<string>,
): {
  readonly attempts: Record<string, number>
  readonly waiting: string[]
  readonly feedback: Record<string, string>
  /** By item: the tick whose pull request is the last word on it. */
  readonly proposed: ReadonlyMap<string, TickResult>
} {
  const last = new Map<string, TickResult>()
  for (const { result } of [...past].reverse())
    if (result.outcome === 'proposed') last.set(proposedBranch(result), result)
  // What a later tick put in its place on the same pull request waits for nothing any more.
  const isReplaced = (result: TickResult) =>
    result.outcome === 'proposed' && last.get(proposedBranch(result)) !== result
  const isOpen = (result: TickResult) => result.branch !== undefined && open.has(result.branch) && !isReplaced(result)
  const proposed = new Map<string, TickResult>()
  const attempts: Record<string, number> = {}
  const feedback: Record<string, string> = {}
  const waiting: string[] = []
  for (const tick of [...past].reverse()) {
    const { item, outcome, reason, decided } = tick.result
    if (item === undefined) continue
    if (isWaiting(tick) || isOpen(tick.result)) {
      waiting.push(item.id)
      // Anything else that waits is for a person to settle first.
      if (outcome === 'proposed') proposed.set(item.id, tick.result)
      else proposed.delete(item.id)
    }
    if (failures.includes(outcome)) {
      attempts[item.id] = (attempts[item.id] ?? 0) + 1
      const note = decided?.note ?? ''
      feedback[item.id] = note === '' ? `An earlier try came to nothing: ${reason}` : `A person said no: ${note}`
    } else if (outcome === 'committed' || outcome === 'proposed' || outcome === 'merged') {
      delete attempts[item.id]
    }
  }
  return { attempts, waiting, feedback, proposed }
}

/** The branch of a tick's pull request at the forge. */
export function proposedBranch({ revises, branch = '' }: TickResult): string {
  return revises?.branch ?? branch
}
