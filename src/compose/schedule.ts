import type { App } from '../app.ts'
import { systemClock } from '../clock.ts'
import { isLoopwrightError, LoopwrightError } from '../core/errors.ts'
import { objectOf } from '../core/peek.ts'
import type { Clock } from '../core/ports.ts'
import { checkTimeZone } from '../core/triage/cron.ts'
import type { Level } from '../core/triage/level.ts'
import type { Pattern } from '../core/triage/pattern.ts'
import { noteOf } from '../core/triage/pulse.ts'
import { isPaused, type PatternState, type ScheduleState } from '../core/triage/schedule-state.ts'
import type { TickResult } from '../core/triage/tick.ts'
import type { TriageTicks } from '../core/triage/ticks.ts'
import { unknownPattern } from '../core/triage/unknown-pattern.ts'
import type { ScheduleEvent } from '../engine/schedule-ports.ts'
import { Scheduler } from '../engine/scheduler.ts'
import { ScheduleFiles, type ScheduleHolder } from './schedule-file.ts'

export interface ScheduleWorld {
  /** The state directory, and the project; absolute. */
  readonly home: string
  readonly project: string
  readonly clock: Clock
  /** Of cron expressions, where the configuration says so. */
  readonly timeZone?: string
  readonly ticks: TriageTicks
  readonly newRun: () => string
  readonly warn: (message: string) => void
}

export interface StartSchedule {
  /** Only these patterns, by id; none: all. */
  readonly only: readonly string[]
  readonly level?: Level
  /** Of cron expressions; the machine's by default. */
  readonly timeZone?: string
  /** Ticks are dry runs, and the schedule is left as it is. */
  readonly dryRun?: boolean
  /** Runs what is due now, and ends. */
  readonly once?: boolean
  readonly pollMs?: number
  readonly signal: AbortSignal
  readonly onEvent?: (event: ScheduleEvent, result?: TickResult) => void
}

/** A pattern as the schedule knows it. */
export interface ScheduleRow {
  readonly pattern: Pattern
  readonly paused: boolean
  /** Absent: no scheduler has seen it yet. */
  readonly entry?: PatternState
}

export interface ScheduleStatus {
  readonly holder?: ScheduleHolder
  readonly rows: readonly ScheduleRow[]
}

/** The schedule of the project that an app was opened in. */
export function scheduleOf(app: App, warn: (message: string) => void): Schedule {
  const { home, project } = app.config
  const { timezone } = app.config.triage
  const zone = timezone === undefined ? {} : { timeZone: timezone }
  return new Schedule({
    ...zone,
    home,
    project,
    clock: systemClock,
    ticks: app.triage,
    newRun: () => app.runs.newId(),
    warn,
  })
}

/** The schedule of a project's triage loops. */
export class Schedule {
  readonly #world: ScheduleWorld
  readonly #files: ScheduleFiles

  constructor(world: ScheduleWorld) {
    this.#world = world
    this.#files = new ScheduleFiles(world)
  }

  /**
   * Begins ticks as they are due until the signal is aborted, or what is due now. Rejects with `conflict` while another process does so,
   * `not_found` for a pattern that does not exist, and what the patterns reject with.
   */
  async start(options: StartSchedule): Promise<void> {
    const { clock, ticks, newRun, project } = this.#world
    const { dryRun = false, level, onEvent, once, signal, pollMs } = options
    const timeZone =
      options.timeZone ?? this.#world.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC'
    checkTimeZone(timeZone)
    const { only } = options
    const known = await this.#known(only)
    if (known.length === 0) {
      const own = (await ticks.patterns()).some(({ origin }) => origin !== undefined)
      const why = own ? `every pattern of ${project} is paused in LOOP.md` : `${project} has no registry.yaml`
      throw new LoopwrightError('bad_input', `${why}, so nothing says which patterns to start`, {
        hint: 'name them, as in loopwright start daily-triage; loopwright list shows what there is',
      })
    }
    const held = dryRun ? undefined : await this.#files.hold(clock.now())
    const results = new Map<string, TickResult>()
    const session = newRun()
    const scheduler = new Scheduler({
      clock,
      place: { project, timeZone },
      patterns: async () => chosen(await ticks.patterns(), only, await ticks.active?.()),
      load: async () => (dryRun ? untouched(await this.#files.load(false)) : await this.#files.load(true)),
      save: async (state) => {
        if (!dryRun) await this.#files.save(state)
      },
      control: () => this.#files.control(),
      tick: async (pattern, tick) => {
        const request = { pattern, dryRun, id: tick.run, signal: tick.signal, ...(dryRun ? { session } : {}) }
        try {
          const result = await ticks.tick(level === undefined ? request : { ...request, level })
          results.set(tick.run, result)
          return noteOf(result)
        } catch (error) {
          // Somebody else is at it: the next one sees what came of it.
          if (isLoopwrightError(error, 'conflict') && objectOf(error.data).underWay !== undefined) {
            return { outcome: 'noop', items: [], reason: error.message }
          }
          // Nothing failed: nothing might begin.
          if (!isLoopwrightError(error, 'killed') || tick.signal.aborted) throw error
          return { outcome: 'halt', items: [], reason: error.message }
        }
      },
      newRun,
      ...(pollMs === undefined ? {} : { pollMs }),
      onEvent: (event) => {
        const run = event.type === 'tick_ended' ? (event.entry.last?.run ?? '') : ''
        onEvent?.(event, results.get(run))
        results.delete(run)
      },
    })
    try {
      await (once ? scheduler.once(signal) : scheduler.run(signal))
    } finally {
      held?.release()
    }
  }

  async status(): Promise<ScheduleStatus> {
    const [patterns, { patterns: entries }, control] = [
      await this.#world.ticks.patterns(),
      await this.#files.load(false),
      await this.#files.control(),
    ]
    const holder = this.#files.holder()
    const rows = patterns.flatMap((pattern) => {
      const entry = entries.find(({ id }) => id === pattern.id)
      if (entry === undefined && pattern.origin === undefined) return []
      return [{ pattern, paused: isPaused(control, pattern.id), ...(entry === undefined ? {} : { entry }) }]
    })
    return { rows, ...(holder === undefined ? {} : { holder }) }
  }

  /** Pauses, resumes or runs now: by the scheduler that runs, or the next that will. No ids: all patterns. Rejects with `not_found`. */
  async steer(how: 'pause' | 'resume' | 'now', ids: readonly string[]): Promise<void> {
    const known = await this.#known(ids)
    await this.#files.steer(how, ids, known, this.#world.clock.now())
  }

  /** The ids that are meant: those named, or all that the project has. */
  async #known(ids: readonly string[]): Promise<string[]> {
    const patterns = await this.#world.ticks.patterns()
    const known = patterns.map(({ id }) => id)
    const strange = ids.find((id) => !known.includes(id))
    if (strange === undefined) return chosen(patterns, ids, await this.#world.ticks.active?.()).map(({ id }) => id)
    throw unknownPattern(strange, known)
  }
}

/** Those named; with no names those the project set up: what comes with loopwright starts only when somebody asks for it. */
function chosen(
  patterns: readonly Pattern[],
  ids: readonly string[],
  active: readonly string[] | undefined,
): Pattern[] {
  if (ids.length > 0) return patterns.filter(({ id }) => ids.includes(id))
  return patterns.filter(({ id, origin }) => origin !== undefined && (active?.includes(id) ?? true))
}

/** A state for a dry run: what is really under way is not its business. */
function untouched(state: ScheduleState): ScheduleState {
  return { ...state, patterns: state.patterns.map(({ underWay: _, ...entry }) => entry) }
}
