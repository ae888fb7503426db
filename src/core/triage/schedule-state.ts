import type { Pulse } from './schedule.ts'

/** What is kept of a pattern between ticks and across restarts. Plain JSON; times in milliseconds since 1970. */
export interface PatternState {
  readonly id: string
  /** The cadence and the time zone that `next` was made for. */
  readonly cadence: string
  readonly timeZone: string
  /** When it is due; null: never. */
  readonly next: number | null
  /** Of a range: the time between ticks now; 0 for cron. */
  readonly intervalMs: number
  /** How many ticks were begun. */
  readonly ticks: number
  /** The tick that is under way, or was when its scheduler was ended. */
  readonly underWay?: TickUnderWay | undefined
  readonly last?: LastTick | undefined
  /** How many ticks in a row said the same. */
  readonly streak?: { readonly pulse: Pulse; readonly count: number } | undefined
  /** Ids of items that the last ticks reported: what is not among them is new. */
  readonly seen: readonly string[]
  /** The last of the requests to run now that was heard. */
  readonly served: number
}

export interface TickUnderWay {
  /** The run that the tick is. */
  readonly run: string
  /** From 1, of this pattern. */
  readonly number: number
  readonly due: number
  readonly began: number
}

export interface LastTick extends TickUnderWay {
  readonly ended: number
  readonly pulse: Pulse
}

/** The schedule of a project. */
export interface ScheduleState {
  readonly patterns: readonly PatternState[]
  /** Nothing is known of what ran before, but something did: no pattern is due at once. */
  readonly lost?: boolean
}

/** What people ask of a schedule, from any process. */
export interface ScheduleControl {
  /** All patterns are paused, but those that say otherwise. */
  readonly paused: boolean
  readonly patterns: readonly {
    readonly id: string
    readonly paused?: boolean | undefined
    /** Stands for the newest request to run now, and grows with each; 0: none. */
    readonly now: number
  }[]
}

export const noControl: ScheduleControl = { paused: false, patterns: [] }

/** Whether a pattern waits until it is resumed. */
export function isPaused(control: ScheduleControl, id: string): boolean {
  return control.patterns.find((one) => one.id === id)?.paused ?? control.paused
}

/** The number of the newest request to run a pattern now; 0 when there was none. */
export function askedNow(control: ScheduleControl, id: string): number {
  return control.patterns.find((one) => one.id === id)?.now ?? 0
}

/** The control after a request of a person; no ids: all patterns. `known` are the patterns there are, `stamp` the time in milliseconds. */
export function steer(
  control: ScheduleControl,
  how: 'pause' | 'resume' | 'now',
  ids: readonly string[],
  known: readonly string[],
  stamp: number,
): ScheduleControl {
  const rows = new Map(control.patterns.map((one) => [one.id, one]))
  if (how === 'now') {
    for (const id of ids.length === 0 ? known : ids) {
      // Times, not numbers: they grow even when this file was lost.
      rows.set(id, { ...rows.get(id), id, now: Math.max(stamp, askedNow(control, id) + 1) })
    }
    return { ...control, patterns: [...rows.values()] }
  }
  if (ids.length === 0) {
    return { paused: how === 'pause', patterns: control.patterns.map(({ id, now }) => ({ id, now })) }
  }
  for (const id of ids) rows.set(id, { id, paused: how === 'pause', now: askedNow(control, id) })
  return { ...control, patterns: [...rows.values()] }
}
