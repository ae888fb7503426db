import type { JournalEvent } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { Blobs, Clock, Redact, RunRecord, Store } from '../core/ports.ts'
import { Appender } from './appender.ts'
import { Branch, Continuation } from './branch.ts'
import { BudgetWatch } from './budget-watch.ts'
import type { Children } from './children.ts'
import { Effects } from './effect.ts'
import { cancelled, type Ending, earliest, finished, paused, stopped, suspended } from './ending.ts'
import { Inbox } from './inbox.ts'
import { foreignAwait, neverAsked } from './reasons.ts'
import { assertKnown, isWord, underWaySince } from './recorded.ts'
import { Release } from './release.ts'
import { Segment, type SegmentParts } from './segment.ts'
import { Timers } from './timers.ts'
import { Values } from './values.ts'

/** Bounds of an activation; each has a default. */
export interface ActivationLimits {
  /** How long an idle run stays in memory before it is suspended, in milliseconds. */
  readonly lingerMs: number
  /** How long a loop may wait for something that is not its context, in milliseconds. */
  readonly watchdogMs: number
  /** How long `final` steps, and effects that were told to end, may take, in milliseconds. */
  readonly graceMs: number
  /** Values whose JSON is longer than this go to a file, in characters. */
  readonly blobChars: number
}

export const defaultLimits: ActivationLimits = {
  lingerMs: 250,
  watchdogMs: 5_000,
  graceMs: 30_000,
  blobChars: 256_000,
}

export interface ActivationOptions extends ActivationLimits {
  readonly store: Store
  readonly clock: Clock
  readonly blobs: Blobs
  readonly redact: Redact
  readonly children: Children
  readonly run: RunRecord
  readonly epoch: number
  /** Who drives, as the journal shows it. */
  readonly driver: string
  /** The version of the loop's code. */
  readonly version: string
  readonly body: (root: Branch, spec: Json) => Promise<unknown>
}

/**
 * One stretch of driving a run: the loop function runs from the top, recorded results are delivered in journal order, one per
 * macrotask, and from the first unrecorded step on the world is real. It ends when the loop returns, or when every branch
 * waits for the outside (the run is then suspended and holds no memory), or when the run is taken away.
 */
export class Activation {
  readonly options: ActivationOptions
  readonly appender: Appender
  readonly values: Values
  readonly budget: BudgetWatch
  readonly effects: Effects
  readonly release: Release
  readonly #timers: Timers
  readonly #inbox: Inbox
  readonly #parts: SegmentParts
  #segment: Segment
  #turning = false
  #turnScheduled = false
  /** The loop function is over: what it comes to is settled, and no signal can change it any more. */
  #over = false
  /** What to do with that once nothing is left in flight. */
  #returned: (() => void) | undefined
  /** Effects in flight were given their time to end, and are not waited for any longer. */
  #graceOver = false
  #interrupted: string | undefined
  #cancellation: { readonly reason: string; readonly graceUntil: number } | undefined
  #idleSince: number | undefined
  #underWaySince = 0
  #watchdog: (() => void) | undefined
  /** The step whose result the loop saw last, as people read it. */
  #last: string | undefined

  constructor(options: ActivationOptions) {
    this.options = options
    const { store, clock, run, children, graceMs, version } = options
    const controller = new AbortController()
    const released = controller.signal
    const wake = () => this.#wake()
    const lose = (error: unknown) => this.release.lose(error)
    const fail = (error: unknown) => this.release.fail(error)
    const timers = new Timers(clock, released)
    const values = new Values({ ...options, run: run.id })
    const appender = new Appender({
      store,
      run: run.id,
      epoch: options.epoch,
      patch: () => ({ activeMs: this.budget.activeMs }),
      onEvent: (event) => this.#onEvent(event),
      alone: () => !this.effects.busy,
      onIdle: wake,
      onLost: lose,
    })
    const budget = new BudgetWatch({ store, clock, timers, appender, run })
    const isOpen: Segment['isOpen'] = (operation) => this.#segment.isOpen(operation)
    const effects = new Effects({ appender, values, timers, budget, graceMs, released, isOpen, fail, onSettled: wake })
    this.appender = appender
    this.values = values
    this.budget = budget
    this.effects = effects
    this.release = new Release({ appender, effects, budget, values, clock, graceMs, released: controller })
    this.#timers = timers
    this.#inbox = new Inbox({
      store,
      run: run.id,
      appender,
      values,
      released,
      isOver: () => this.#over,
      onRead: wake,
      onLost: lose,
    })
    const isPausing = () => this.#isPausing
    this.#parts = { version, appender, values, timers, children, released, isPausing, wake, fail, lose }
    this.#segment = new Segment(this.#parts, [])
  }

  /** Drives the run until it ends, waits, or is taken away. Never rejects. */
  async run(): Promise<Ending> {
    try {
      await this.#load()
      this.#startBody()
      this.#wake()
    } catch (error) {
      this.release.lose(error)
    }
    return await this.release.ending
  }

  /** Where the loop is. */
  get segment(): Segment {
    return this.#segment
  }

  get iteration(): number {
    return this.#segment.iteration
  }

  /** Milliseconds since the run was started or last set off again. */
  get elapsed(): number {
    return this.options.clock.now() - this.#underWaySince
  }

  get cancellation(): { readonly reason: string; readonly graceUntil: number } | undefined {
    return this.#cancellation
  }

  /** Ends every effect in flight without recording it and gives the run up as paused; it can be resumed. */
  interrupt(reason: string): void {
    if (this.release.isReleased) return
    this.#interrupted = reason
    this.effects.abort('release')
    this.#giveGrace()
    this.#wake()
  }

  /** The lease is gone or about to be: no further append, every effect ended, every later call of the context refused. */
  revoke(error: unknown): void {
    this.release.lose(error)
  }

  // ── the loop function ──────────────────────────────────────────────────────

  async #load(): Promise<void> {
    const { store, run, version, driver, clock } = this.options
    const events = await store.read(run.id, { from: run.segmentSeq })
    assertKnown(run.id, events)
    await this.budget.load()
    for (const event of events) if (event.kind === 'budget_warned') this.budget.warned(event.refusal)
    this.#underWaySince = underWaySince(events, clock.now())
    this.#segment = new Segment(this.#parts, events)
    this.appender.appendLazily(
      run.lastSeq === 0
        ? { kind: 'run_started', loop: run.loop, version, spec: run.spec }
        : { kind: 'run_claimed', driver, version },
    )
  }

  #startBody(): void {
    this.#returned = undefined
    this.#over = false
    this.#graceOver = false
    const root = new Branch(this, { path: '', parent: undefined })
    const call = async () => await this.options.body(root, this.options.run.spec)
    // The loop starts in a macrotask of its own, as everything it will ever see arrives in one.
    setImmediate(() => {
      if (this.release.isReleased) return
      call().then(
        (value) => this.#onReturn(() => this.#complete(value)),
        (error: unknown) => this.#onReturn(() => this.release.fail(error)),
      )
    })
  }

  /** The loop function is over; the run is once nothing is left in flight. */
  #onReturn(then: () => void): void {
    if (this.release.isReleased) return
    this.#over = true
    this.#clearWatchdog()
    const left = this.#segment.left.find((event) => !this.#segment.canSee(event))
    if (left && 'key' in left && 'name' in left) {
      this.release.fail(neverAsked(left, 'but the loop ended without asking for it'))
      return
    }
    // What the loop left behind ends with it.
    this.#segment.drop(() => true, 'the loop ended')
    this.#giveGrace()
    this.#returned = () => (this.#cancellation ? this.release.finish(cancelled(this.#cancellation.reason)) : then())
    this.#wake()
  }

  #complete(value: unknown): void {
    this.#returned = undefined
    if (value instanceof Continuation) {
      this.#continue(this.values.clean(value.state))
      return
    }
    this.values.store(value).then(
      // However large: the row holds the result itself, for parents and people.
      (stored) => this.release.finish(finished(stored, stored.ref ? this.values.clean(value as Json) : stored.value)),
      (error: unknown) => this.release.fail(error),
    )
  }

  #continue(state: Json): void {
    const { number, iteration, unread } = this.#segment
    const { version } = this.options
    this.appender.append(
      { kind: 'continued', version, segment: number + 1, state, mailbox: unread, iteration },
      {
        patch: { newSegment: true },
        done: (result) => {
          if (!result.ok) return
          this.#segment = new Segment(this.#parts, [result.event], this.#segment.left)
          this.#segment.goLive()
          this.#startBody()
          this.#inbox.read()
          this.#wake()
        },
      },
    )
  }

  // ── turns ──────────────────────────────────────────────────────────────────

  #onEvent(event: JournalEvent): void {
    if (isWord(event)) this.#underWaySince = event.ts
    this.#segment.receive(event)
  }

  /** There may be something to do: takes a turn soon, in a macrotask of its own. */
  #wake(): void {
    if (this.#turnScheduled || this.release.isReleased) return
    this.#turnScheduled = true
    setImmediate(() => {
      this.#turnScheduled = false
      void this.#turn()
    })
  }

  async #turn(): Promise<void> {
    if (this.release.isReleased || this.#turning) return
    this.#turning = true
    try {
      await this.#advance()
    } catch (error) {
      this.release.lose(error)
    } finally {
      this.#turning = false
    }
  }

  /** Delivers at most one event, then lets the loop run; with nothing to deliver, looks at what the run is waiting for. */
  async #advance(): Promise<void> {
    const segment = this.#segment
    const event = segment.next
    if (this.#interrupted !== undefined) {
      this.#settleDown()
    } else if (event && segment.canSee(event)) {
      this.#clearWatchdog()
      this.#idleSince = undefined
      this.#obey(event)
      await segment.deliver()
      this.#wake()
    } else if (event) {
      if (this.#returned) this.#settleDown()
      else this.#watch()
    } else if (segment.replaying) {
      segment.goLive()
      this.#inbox.open()
      this.#wake()
    } else if (segment.beginPending()) {
      this.#wake()
    } else {
      this.#settleDown()
    }
  }

  /** What an event means for the run as a whole. */
  #obey(event: JournalEvent): void {
    switch (event.kind) {
      case 'step_settled':
        if (!this.#segment.asksFor(event.key)) return
        this.#last = `'${event.name}' (${event.key})`
        // What a cap refused once would be refused again: the run comes to its stop.
        if (event.error?.code === 'budget_exceeded') this.budget.stopFor(event.error.message)
        return
      case 'cancel_requested':
        if (this.#cancellation) return
        this.#cancellation = { reason: event.reason, graceUntil: this.options.clock.now() + this.options.graceMs }
        this.#segment.drop(() => true, event.reason)
        return
      case 'stop_requested':
        this.budget.stopFor(event.reason)
        this.effects.abort('stop')
        this.effects.retry()
        return
      case 'reopened':
        this.budget.reopen(event.caps ?? {})
        this.#segment.unguard()
        return
      default:
    }
  }

  // ── waiting, ending ────────────────────────────────────────────────────────

  get #isPausing(): boolean {
    return this.#interrupted !== undefined || this.#inbox.pause !== undefined
  }

  /** Nothing to deliver: the run works, waits, is over, or hangs on something foreign. */
  #settleDown(): void {
    if (this.release.isReleased || (this.effects.busy && !this.#graceOver) || !this.appender.idle) return
    const { pause } = this.#inbox
    if (this.#interrupted !== undefined) this.release.finish(paused(this.#interrupted))
    else if (pause) this.release.finish(paused(pause.reason), pause.signal)
    else if (this.#returned) this.#returned()
    else if (this.#inbox.reading) return
    else if (this.#segment.isIdle) this.#watch()
    else if (this.appender.hasLazy) this.appender.flush()
    else this.#suspendIfParked()
  }

  /** What is in flight may take this long to end; what is on its way into the journal is waited for all the same. */
  #giveGrace(): void {
    this.#timers.after(this.options.graceMs, () => {
      this.#graceOver = true
      this.#wake()
    })
  }

  #suspendIfParked(): void {
    const waiting = this.#segment.parked
    if (!waiting) return
    this.#clearWatchdog()
    const parked = waiting.map((one) => one.parked)
    const now = this.options.clock.now()
    const { lingerMs } = this.options
    this.#idleSince ??= now
    if ((earliest(parked) ?? Number.POSITIVE_INFINITY) - now <= lingerMs) return // soon enough to stay in memory
    const guard = parked.every((one) => one.reason === 'guard') ? parked[0]?.guard : undefined
    if (!guard && now - this.#idleSince < lingerMs) {
      this.#timers.after(lingerMs - (now - this.#idleSince), () => this.#wake())
      return
    }
    const asks = waiting.filter((one) => one.parked.reason === 'input').map((one) => one.key)
    this.release.finish(guard ? stopped(guard) : suspended(parked, asks))
  }

  /** The loop has something to come back for, and does not: it waits for something that is not its context. */
  #watch(): void {
    if (this.#watchdog) return
    const head = this.#segment.next
    this.#watchdog = this.#timers.after(this.options.watchdogMs, () => {
      this.#watchdog = undefined
      if (this.#returned || this.#segment.next !== head) return
      if (head && 'name' in head && 'key' in head)
        this.release.fail(neverAsked(head, 'but the loop does not ask for it'))
      else if (this.#segment.isIdle && !this.effects.busy) this.release.fail(foreignAwait(this.#last))
    })
  }

  #clearWatchdog(): void {
    this.#watchdog?.()
    this.#watchdog = undefined
  }
}
