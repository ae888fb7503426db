import { createHash } from 'node:crypto'
import type { Store } from '../../core/ports.ts'

/** The UTC day of a time: `2026-11-21`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** A project in names of scopes and files: short, and the same for the same folder. */
export function projectKey(root: string): string {
  return createHash('sha256').update(root).digest('hex').slice(0, 16)
}

/** The ledger scope of a pattern's UTC day, which every process on this machine counts in. */
export function dayScope(root: string, pattern: string, ms: number): string {
  return `triage:${projectKey(root)}:${pattern}:${dayOf(ms)}`
}

/** Tokens that were used of a scope, open reservations included. */
export async function tokensOf(store: Store, scope: string): Promise<number> {
  return (await store.spend(scope)).used.tokens ?? 0
}

/** How a pattern stands in its day. */
export interface DayLimits {
  readonly used: number
  readonly cap: number | null
  readonly halted?: string
  readonly reportOnly?: string
}

/** What is left of a day: past its share of the tokens only reports, at the cap, or after its last tick, nothing. */
export function dayLimits(
  { used, cap, ticks }: { readonly used: number; readonly cap: number | null; readonly ticks: number },
  { reportOnlyAt, runsPerDay }: { readonly reportOnlyAt: number; readonly runsPerDay?: number | undefined },
): DayLimits {
  if (runsPerDay !== undefined && ticks >= runsPerDay) {
    return { used, cap, halted: `${ticks} of today's ${runsPerDay} ticks are done: it goes on tomorrow (UTC)` }
  }
  if (cap === null) return { used, cap }
  const told = `${used} of today's ${cap} tokens are used`
  if (used >= cap) return { used, cap, halted: `${told}: it goes on tomorrow (UTC), or with a larger cap` }
  if (used < cap * reportOnlyAt) return { used, cap }
  return { used, cap, reportOnly: `${told}: from ${Math.round(reportOnlyAt * 100)} % on it only reports` }
}
