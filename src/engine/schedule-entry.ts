import type { Pattern } from '../core/triage/pattern.ts'
import { pulseOf, seenAfter, type TickNote } from '../core/triage/pulse.ts'
import { type DueQuestion, firstInterval, mendDue, nextDue, nextInterval } from '../core/triage/schedule.ts'
import type { PatternState, TickUnderWay } from '../core/triage/schedule-state.ts'

/** Where a schedule is: its project makes the jitter its own. */
export interface SchedulePlace {
  readonly project: string
  readonly timeZone: string
}

/** How a pattern stands at its first look: a range is due at once, unless what ran before is not known any more; cron at its time. */
export function newEntry(
  pattern: Pattern,
  { now, lost, asked }: { readonly now: number; readonly lost: boolean; readonly asked: number },
  place: SchedulePlace,
): PatternState {
  const entry: PatternState = {
    id: pattern.id,
    cadence: pattern.cadence.text,
    timeZone: place.timeZone,
    next: now,
    intervalMs: firstInterval(pattern.cadence),
    ticks: 0,
    seen: [],
    // What was asked for before the state was lost may have been done.
    served: lost ? asked : 0,
  }
  if (pattern.cadence.kind === 'range' && !lost) return entry
  return { ...entry, next: nextDue(question(pattern, entry, { due: now, began: now }, place)) ?? null }
}

/** The entry, made to fit what may have changed: the pattern's cadence, the time zone, and the clock. */
export function fitEntry(entry: PatternState, pattern: Pattern, now: number, place: SchedulePlace): PatternState {
  const { cadence } = pattern
  const last = entry.last ?? { due: now, began: now }
  const moved = cadence.kind === 'cron' && entry.timeZone !== place.timeZone
  if (entry.cadence !== cadence.text || moved) {
    const intervalMs = firstInterval(cadence)
    const fresh = { ...entry, cadence: cadence.text, timeZone: place.timeZone, intervalMs }
    // A range counts from the last tick; a cron time that passed before it was written down was not missed.
    const from = cadence.kind === 'cron' ? { due: now, began: now } : last
    const next = nextDue(question(pattern, fresh, from, place))
    return { ...fresh, next: entry.last === undefined && cadence.kind === 'range' ? now : (next ?? null) }
  }
  if (entry.next === null) return entry
  const asked = question(pattern, entry, last, place)
  // Before the first tick of cron nothing can come twice: the clock as it is now decides.
  const first = cadence.kind === 'cron' && !entry.last ? nextDue(asked) : undefined
  const next = first === undefined ? (mendDue(entry.next, now, asked) ?? null) : Math.min(first, entry.next)
  return next === entry.next ? entry : { ...entry, next }
}

/** The entry with its next tick under way. One that was under way before is gone on with. */
export function beginTick(
  entry: PatternState,
  { now, run, asked }: { readonly now: number; readonly run: () => string; readonly asked: number },
): PatternState & { readonly underWay: TickUnderWay } {
  const served = Math.max(entry.served, asked)
  // What was missed while nobody drove it counts once, with it.
  if (entry.underWay) return { ...entry, served, underWay: { ...entry.underWay, began: now } }
  const number = entry.ticks + 1
  // One that was asked for comes before it is due.
  const due = Math.min(entry.next ?? now, now)
  return { ...entry, served, ticks: number, underWay: { run: run(), number, due, began: now } }
}

/** The entry after a tick. */
export function endTick(
  entry: PatternState,
  pattern: Pattern,
  ending: { readonly note: TickNote; readonly now: number },
  place: SchedulePlace,
): PatternState {
  const { underWay, streak, ...rest } = entry
  if (underWay === undefined) return entry
  const pulse = pulseOf(ending.note, entry.seen)
  const settled: PatternState = {
    ...rest,
    intervalMs: nextInterval(pattern.cadence, entry.intervalMs, pulse),
    last: { ...underWay, ended: ending.now, pulse },
    streak: { pulse, count: streak?.pulse === pulse ? streak.count + 1 : 1 },
    seen: seenAfter(ending.note, entry.seen),
  }
  return { ...settled, next: nextDue(question(pattern, settled, underWay, place)) ?? null }
}

function question(
  pattern: Pattern,
  entry: PatternState,
  last: { readonly due: number; readonly began: number },
  { project, timeZone }: SchedulePlace,
): DueQuestion {
  const { due, began } = last
  return {
    cadence: pattern.cadence,
    intervalMs: entry.intervalMs,
    due,
    began,
    seed: `${project}\n${pattern.id}`,
    timeZone,
  }
}
