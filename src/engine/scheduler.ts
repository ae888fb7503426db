import { messageOf } from '../core/errors.ts'
import type { Pattern } from '../core/triage/pattern.ts'
import type { TickNote } from '../core/triage/pulse.ts'
import {
  askedNow,
  isPaused,
  noControl,
  type PatternState,
  type ScheduleControl,
  type TickUnderWay,
} from '../core/triage/schedule-state.ts'
import { beginTick, endTick, fitEntry, newEntry } from './schedule-entry.ts'
import type { ScheduledTick, SchedulerOptions } from './schedule-ports.ts'

/** Patterns are read anew at least so often, in milliseconds: there may be new ones. */
const refreshMs = 10_000

interface Ending {
  readonly pattern: Pattern
  readonly tick: TickUnderWay
  /** Absent: it was cut off. */
  readonly note?: TickNote
  readonly error?: unknown
}

/**
 * Begins the ticks of a project's patterns when they are due: never two of one pattern at once, at most `concurrency` in all, the lowest
 * priority first, then what is due longest. One scheduler at a time may use a state.
 */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #entries = new Map<string, PatternState>()
  readonly #running = new Map<string, Promise<void>>()
  #ended: Ending[] = []
  #patterns: readonly Pattern[] = []
  #readAt: number | undefined
  #lost = false
  #dirty = false
  #unsaved: unknown
  #told = false
  readonly #problems = new Map<string, string>()
  #wake: () => void = () => {}

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Works until the signal is aborted and the ticks under way have ended. Rejects when the patterns or the state cannot be read at first. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#open()
    try {
      while (!signal.aborted) {
        const control = await this.#look()
        this.#ready(control)
        await this.#begin(this.#due(control), control, signal)
        await this.#sleep(control, signal)
      }
    } finally {
      await this.#close()
    }
  }

  /** Runs what is due now, each pattern once, and ends. Rejects as `run`, and when the state cannot be kept. */
  async once(signal: AbortSignal): Promise<void> {
    await this.#open()
    const done = new Set<string>()
    let until: number | undefined
    try {
      while (!signal.aborted) {
        const control = await this.#look()
        this.#ready(control)
        // What is new is due from its first look on.
        until ??= this.#options.clock.now()
        const due = this.#due(control, until).filter(({ id }) => !done.has(id))
        for (const id of await this.#begin(due, control, signal)) done.add(id)
        if (this.#unsaved !== undefined) throw this.#unsaved
        if (this.#running.size === 0 && this.#ended.length === 0) return
        await Promise.race(this.#running.values())
      }
    } finally {
      await this.#close()
    }
  }

  async #open(): Promise<void> {
    const { patterns, lost = false } = await this.#options.load()
    for (const entry of patterns) this.#entries.set(entry.id, entry)
    this.#lost = lost
    this.#patterns = await this.#options.patterns()
    this.#readAt = undefined
  }

  /** Takes in what ended, what people ask, and the patterns as they are now. */
  async #look(): Promise<ScheduleControl> {
    this.#settle()
    const control = (await this.#options.control?.()) ?? noControl
    const now = this.#options.clock.now()
    const old = this.#readAt === undefined || now < this.#readAt || now - this.#readAt >= refreshMs
    if (old || this.#due(control).length > 0) {
      await this.#read()
      this.#readAt = now
    }
    this.#fit(control)
    await this.#save()
    return control
  }

  async #read(): Promise<void> {
    try {
      this.#patterns = await this.#options.patterns()
      this.#problem('patterns', undefined)
    } catch (error) {
      this.#problem('patterns', `the patterns cannot be read, and stay as they were: ${messageOf(error)}`)
    }
  }

  #fit(control: ScheduleControl): void {
    const { clock, place } = this.#options
    const now = clock.now()
    for (const pattern of this.#patterns) {
      const before = this.#entries.get(pattern.id)
      try {
        const entry = before
          ? fitEntry(before, pattern, now, place)
          : newEntry(pattern, { now, lost: this.#lost, asked: askedNow(control, pattern.id) }, place)
        this.#problem(`pattern ${pattern.id}`, undefined)
        if (entry !== before) this.#put(entry)
      } catch (error) {
        this.#problem(`pattern ${pattern.id}`, `${pattern.id} is not run: ${messageOf(error)}`)
        if (before && before.next !== null) this.#put({ ...before, next: null, cadence: '' })
      }
    }
    this.#lost = false
  }

  /** Patterns whose tick may begin, in the order in which they go. */
  #due(control: ScheduleControl, until = this.#options.clock.now()): Pattern[] {
    return this.#patterns
      .flatMap((pattern) => {
        const entry = this.#entries.get(pattern.id)
        if (!entry || this.#running.has(pattern.id)) return []
        const since = this.#dueSince(entry, control, until)
        return since === undefined ? [] : [{ pattern, since }]
      })
      .sort(
        (a, b) =>
          a.pattern.priority - b.pattern.priority || a.since - b.since || (a.pattern.id < b.pattern.id ? -1 : 1),
      )
      .map(({ pattern }) => pattern)
  }

  #dueSince(entry: PatternState, control: ScheduleControl, until: number): number | undefined {
    const asked = askedNow(control, entry.id) > entry.served
    if (!asked && isPaused(control, entry.id)) return undefined
    if (entry.underWay) return entry.underWay.due
    if (entry.next !== null && entry.next <= until) return entry.next
    return asked ? until : undefined
  }

  /** Begins what there is room for; answers which began. */
  async #begin(due: readonly Pattern[], control: ScheduleControl, signal: AbortSignal): Promise<string[]> {
    const { clock, concurrency = 1, newRun, onEvent } = this.#options
    const begun: string[] = []
    for (const pattern of due) {
      const before = this.#entries.get(pattern.id)
      if (!before || signal.aborted || this.#running.size >= concurrency) break
      const asked = askedNow(control, pattern.id)
      const entry = beginTick(before, { now: clock.now(), run: newRun, asked })
      this.#put(entry)
      if (!(await this.#save())) {
        this.#put(before)
        break
      }
      const { underWay: tick } = entry
      const resumed = before.underWay !== undefined
      onEvent?.({ type: 'tick_started', pattern, tick, resumed })
      this.#running.set(pattern.id, this.#perform(pattern, { ...tick, resumed, signal }))
      begun.push(pattern.id)
    }
    return begun
  }

  async #perform(pattern: Pattern, tick: ScheduledTick): Promise<void> {
    const { resumed: _, signal, ...underWay } = tick
    try {
      const note = await this.#options.tick(pattern, tick)
      this.#ended.push({ pattern, tick: underWay, note })
    } catch (error) {
      const failed: TickNote = { outcome: 'failed', items: [] }
      this.#ended.push({ pattern, tick: underWay, error, ...(signal.aborted ? {} : { note: failed }) })
    } finally {
      this.#wake()
    }
  }

  #settle(): void {
    const { onEvent } = this.#options
    const ended = this.#ended
    this.#ended = []
    for (const { pattern: begun, tick, note, error } of ended) {
      this.#running.delete(begun.id)
      const entry = this.#entries.get(begun.id)
      if (note === undefined || !entry) {
        onEvent?.({ type: 'tick_paused', pattern: begun, tick })
        continue
      }
      const pattern = this.#patterns.find(({ id }) => id === begun.id) ?? begun
      const after = this.#after(entry, pattern, begun, note)
      this.#put(after)
      onEvent?.({ type: 'tick_ended', pattern, entry: after, note, ...(error === undefined ? {} : { error }) })
    }
  }

  /** A cadence that became wrong while the tick ran is said by the next look; the tick counts by what it began with. */
  #after(entry: PatternState, pattern: Pattern, begun: Pattern, note: TickNote): PatternState {
    const ending = { note, now: this.#options.clock.now() }
    try {
      return endTick(entry, pattern, ending, this.#options.place)
    } catch {
      return endTick(entry, begun, ending, this.#options.place)
    }
  }

  async #sleep(control: ScheduleControl, signal: AbortSignal): Promise<void> {
    const { clock, pollMs = 1000, concurrency = 1 } = this.#options
    if (this.#ended.length > 0 || signal.aborted) return
    const now = clock.now()
    const full = this.#running.size >= concurrency || this.#unsaved !== undefined
    const waits = this.#patterns.flatMap(({ id }) => {
      const next = this.#entries.get(id)?.next ?? null
      return full || next === null || this.#running.has(id) || isPaused(control, id) ? [] : [next - now]
    })
    await new Promise<void>((resolve) => {
      const callOff = clock.after(Math.max(0, Math.min(pollMs, ...waits)), () => end())
      const end = () => {
        callOff()
        signal.removeEventListener('abort', end)
        this.#wake = () => {}
        resolve()
      }
      this.#wake = end
      signal.addEventListener('abort', end, { once: true })
    })
  }

  async #close(): Promise<void> {
    await Promise.all(this.#running.values())
    this.#settle()
    await this.#save()
  }

  #put(entry: PatternState): void {
    this.#entries.set(entry.id, entry)
    this.#dirty = true
  }

  async #save(): Promise<boolean> {
    if (!this.#dirty) return true
    try {
      await this.#options.save({ patterns: [...this.#entries.values()] })
      this.#dirty = false
      this.#unsaved = undefined
      this.#problem('save', undefined)
      return true
    } catch (error) {
      this.#unsaved = error
      this.#problem('save', `the schedule cannot be kept, so no tick begins: ${messageOf(error)}`)
      return false
    }
  }

  #ready(control: ScheduleControl): void {
    if (this.#told) return
    this.#told = true
    const rows = this.#patterns.flatMap((pattern) => {
      const entry = this.#entries.get(pattern.id)
      return entry === undefined ? [] : [{ pattern, entry, paused: isPaused(control, pattern.id) }]
    })
    this.#options.onEvent?.({ type: 'ready', rows })
  }

  /** Says what is wrong about something, once; undefined: nothing any more. */
  #problem(about: string, message: string | undefined): void {
    if (message === undefined) this.#problems.delete(about)
    else if (this.#problems.get(about) !== message) {
      this.#problems.set(about, message)
      this.#options.onEvent?.({ type: 'problem', message })
    }
  }
}
