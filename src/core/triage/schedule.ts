import { nextCron } from './cron.ts'
import type { Cadence } from './pattern.ts'

/** What a tick says about how soon the next one is wanted. `halted`: nothing might be done, by the kill switch or the budget. */
export const pulses = ['busy', 'quiet', 'failed', 'halted'] as const
export type Pulse = (typeof pulses)[number]

/** By how much the time between ticks grows when there is nothing to do, and shrinks when there is. */
const factor = 2
/** The share of the time between ticks by which a due time is moved at most, and by which a tick may be late without moving the next. */
const slack = 0.1
/** A last due time further ahead than this was reached by a clock that was wrong, in milliseconds. */
const wrongClockMs = 48 * 3_600_000

/** The time between ticks before anything is known: half of the longest, within the range. Milliseconds; 0 for cron. */
export function firstInterval(cadence: Cadence): number {
  if (cadence.kind === 'cron') return 0
  return within(cadence.maxMs / factor, cadence)
}

/** The time between ticks after a tick: shorter when there was work, longer when there was none, longest after a failure. */
export function nextInterval(cadence: Cadence, intervalMs: number, pulse: Pulse): number {
  if (cadence.kind === 'cron') return 0
  const now = within(intervalMs, cadence)
  if (pulse === 'failed') return cadence.maxMs
  return within(pulse === 'busy' ? now / factor : now * factor, cadence)
}

/** What the next due time depends on. All times in milliseconds since 1970. */
export interface DueQuestion {
  readonly cadence: Cadence
  /** Of a range: the time between ticks now, in milliseconds. */
  readonly intervalMs: number
  /** When the last tick was due, and when it began. */
  readonly due: number
  readonly began: number
  /** Whose schedule it is: the project and the pattern. The same seed and due time give the same jitter. */
  readonly seed: string
  readonly timeZone: string
}

/**
 * When the next tick is due; undefined when it never is. A range keeps its beat while ticks begin on time; one that began late, because
 * the machine slept or others were before it, starts a new beat, so that what was missed is handled once. Cron: the first time after
 * the last tick was due and began. Throws `bad_input` for a cron expression or time zone that does not exist.
 */
export function nextDue(question: DueQuestion): number | undefined {
  const { cadence, intervalMs, due, began, seed, timeZone } = question
  if (cadence.kind === 'cron') return nextCron(cadence.text, Math.max(due, began), timeZone)
  const late = began - due
  const beat = late >= 0 && late <= intervalMs * slack ? due : began
  return beat + spread(cadence, intervalMs, `${seed}\n${due}`)
}

/**
 * A due time that fits the clock as it is now: one that lies further ahead than the longest time between ticks was made before the
 * clock was set back. Cron times that lie ahead stay, so that none comes twice, unless the last tick was more than two days in the future.
 */
export function mendDue(due: number, now: number, question: DueQuestion): number | undefined {
  const { cadence } = question
  const again = { ...question, due: now, began: now }
  if (cadence.kind === 'range') return due - now > cadence.maxMs ? nextDue(again) : due
  return question.due - now > wrongClockMs ? nextDue(again) : due
}

/** The interval, moved by the seed: evenly over what lies within a tenth of it and within the range. */
function spread(cadence: Cadence & { readonly kind: 'range' }, intervalMs: number, seed: string): number {
  const lowest = Math.max(cadence.minMs, intervalMs * (1 - slack))
  const highest = Math.min(cadence.maxMs, intervalMs * (1 + slack))
  return Math.round(lowest + (highest - lowest) * fraction(seed))
}

/** A number in [0, 1) that follows from a text. */
function fraction(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // Texts that differ in the last digit only shall lie far apart.
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296
}

function within(ms: number, { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }): number {
  return Math.min(maxMs, Math.max(minMs, ms))
}
