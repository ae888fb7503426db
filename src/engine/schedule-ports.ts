import type { Clock } from '../core/ports.ts'
import type { Pattern } from '../core/triage/pattern.ts'
import type { TickNote } from '../core/triage/pulse.ts'
import type { PatternState, ScheduleControl, ScheduleState, TickUnderWay } from '../core/triage/schedule-state.ts'
import type { SchedulePlace } from './schedule-entry.ts'

/** One tick that a schedule wants. */
export interface ScheduledTick extends TickUnderWay {
  /** It was under way when its scheduler was ended: its run may be there already. */
  readonly resumed: boolean
  /** Aborted: it shall be paused, and the call reject. */
  readonly signal: AbortSignal
}

/** What a scheduler tells while it works. */
export type ScheduleEvent =
  | {
      readonly type: 'ready'
      readonly rows: readonly { readonly pattern: Pattern; readonly entry: PatternState; readonly paused: boolean }[]
    }
  | { readonly type: 'tick_started'; readonly pattern: Pattern; readonly tick: TickUnderWay; readonly resumed: boolean }
  | {
      readonly type: 'tick_ended'
      readonly pattern: Pattern
      readonly entry: PatternState
      readonly note: TickNote
      readonly error?: unknown
    }
  /** It was cut off by the end of the scheduler, and is gone on with by the next. */
  | { readonly type: 'tick_paused'; readonly pattern: Pattern; readonly tick: TickUnderWay }
  /** Something is wrong that does not end the scheduler; said once until it changes. */
  | { readonly type: 'problem'; readonly message: string }

export interface SchedulerOptions {
  readonly clock: Clock
  readonly place: SchedulePlace
  /** Asked before each decision. One that rejects leaves the patterns as they were. */
  readonly patterns: () => Promise<readonly Pattern[]>
  readonly load: () => Promise<ScheduleState>
  /** Keeps the state, all or nothing. Called before and after each tick; a tick whose beginning cannot be kept does not begin. */
  readonly save: (state: ScheduleState) => Promise<void>
  readonly control?: () => Promise<ScheduleControl>
  readonly tick: (pattern: Pattern, tick: ScheduledTick) => Promise<TickNote>
  /** The id for the run of a tick. */
  readonly newRun: () => string
  /** Ticks at once; 1 by default. */
  readonly concurrency?: number
  /** How often it looks what people ask and whether the clock was set, in milliseconds; 1,000 by default. */
  readonly pollMs?: number
  readonly onEvent?: (event: ScheduleEvent) => void
}
