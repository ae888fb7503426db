import type { RunRecord } from './ports.ts'
import { finalStatuses } from './ports.ts'

/** Which runs may go. Without `outcomes` those that are over for good: done, cancelled, killed. */
export interface PruneRule {
  /** Only runs whose last change is longer ago than this, in milliseconds. */
  readonly olderThanMs?: number
  readonly outcomes?: readonly string[]
  /** So many of the newest runs stay, whatever else is said. */
  readonly keep?: number
}

/** The runs a rule lets go, oldest first. Runs under way, waiting or queued always stay; so does a parent of a run that stays. */
export function toPrune(runs: readonly RunRecord[], rule: PruneRule, now: number): RunRecord[] {
  const outcomes = rule.outcomes ?? finalStatuses
  const newestFirst = runs.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
  const kept = new Set(newestFirst.slice(0, rule.keep ?? 0).map((run) => run.id))
  const goes = (run: RunRecord) =>
    !kept.has(run.id) &&
    !['queued', 'running', 'waiting'].includes(run.status) &&
    outcomes.includes(run.status) &&
    (rule.olderThanMs === undefined || now - run.updatedAt > rule.olderThanMs)
  const going = newestFirst.filter(goes)
  const needed = new Set(
    runs.filter((run) => !going.includes(run)).flatMap((run) => (run.parent ? [run.parent.run] : [])),
  )
  return going.filter((run) => !needed.has(run.id)).reverse()
}
