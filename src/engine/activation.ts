import type { Amounts, Caps, Refusal } from '../core/budget.ts'
import { LoopwrightError, toErrorRecord } from '../core/errors.ts'
import type { BlobRef, EventBody, JournalEvent, Signal, StepKey } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { Appended, Blobs, Clock, Entry, Redact, RunRecord, Store } from '../core/ports.ts'
import { ActiveTime } from './active-time.ts'
import { Appender } from './appender.ts'
import { Branch, Continuation } from './branch.ts'
import { BudgetWatch } from './budget-watch.ts'
import type { Children } from './children.ts'
import { Effects } from './effect.ts'
import {
  cancelled,
  type Ending,
  earliest,
  failed,
  finished,
  type LastWord,
  paused,
  stopped,
  suspended,
} from './ending.ts'
import { Mailbox } from './mailbox.ts'
import type { Guard, Operation, Parked } from './operation.ts'
import {
  askedForAnother,
  cancelledError,
  durationReason,
  foreignAwait,
  neverAsked,
  refusalReason,
  revokedError,
} from './reasons.ts'
import {
  assertKnown,
  changeMark,
  didProgress,
  type History,
  isDeliverable,
  isWord,
  type Recorded,
  readHistory,
  underWaySince,
} from './recorded.ts'

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

/** How long effects of a run that was lost are waited for, in milliseconds: they are being killed. */
const lostPatienceMs = 5_000

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
  readonly effects: Effects
  readonly #appender: Appender
  readonly #active: ActiveTime
  readonly #budget: BudgetWatch
  #history: History
  readonly #operations = new Map<StepKey, Operation>()
  readonly #dropped = new Set<StepKey>()
  /** Asked for while history is still being delivered; begun, in this order, when it is used up. */
  #pending: Operation[] = []
  /** Durable events the loop has not seen yet, in journal order. */
  #queue: JournalEvent[] = []
  readonly #mailbox = new Mailbox()
  readonly #consumed = new Set<string>()
  readonly #timers = new Set<() => void>()
  #replaying = true
  #pumping = false
  #pumpScheduled = false
  #polling = false
  /** Something came while the inbox was being read: the answer may be older than it. */
  #pollAgain = false
  #returned: (() => void) | undefined
  /** The loop function is over: what it comes to is settled, and no signal can change it any more. */
  #over = false
  /** Effects in flight were given their time to end, and are not waited for any longer. */
  #graceOver = false
  #ended = false
  #pausing: { readonly reason: string; readonly signal?: string; readonly atOnce: boolean } | undefined
  #stop: Guard | undefined
  #cancel: { readonly reason: string; readonly graceUntil: number } | undefined
  #idleSince: number | undefined
  #underWaySince = 0
  #watchdog: (() => void) | undefined
  #last: string | undefined
  #report: unknown
  #unsubscribe: (() => void) | undefined
  #end: (ending: Ending) => void = () => {}
  segment = 0
  iteration = 0
  state: Json | undefined

  constructor(options: ActivationOptions) {
    this.options = options
    this.#history = readHistory([], options.version)
    const after = (ms: number, call: () => void) => this.after(ms, call)
    this.#active = new ActiveTime({
      clock: options.clock,
      after,
      startMs: options.run.activeMs,
      onCap: (cap) => this.#requestStop(durationReason(cap)),
    })
    this.#budget = new BudgetWatch({
      store: options.store,
      scope: options.run.scopes[0] ?? `run:${options.run.id}`,
      onWarn: (refusal) => this.append({ kind: 'budget_warned', refusal }),
      onExceeded: (refusal) => this.#requestStop(refusalReason(refusal)),
    })
    this.#appender = new Appender({
      store: options.store,
      run: options.run.id,
      epoch: options.epoch,
      patch: () => ({ activeMs: this.#active.now }),
      onEvent: (event) => this.#onEvent(event),
      alone: () => !this.effects.busy,
      onIdle: () => this.#schedulePump(),
      onLost: (error) => this.#release({ type: 'lost', error }),
    })
    this.effects = new Effects(this.#effectHost())
  }

  /** Drives the run until it ends, waits, or is taken away. Never rejects. */
  async run(): Promise<Ending> {
    const ended = new Promise<Ending>((resolve) => {
      this.#end = resolve
    })
    try {
      await this.#load()
      this.#unsubscribe = this.options.store.subscribe(this.options.run.id, (by) => {
        // What we append ourselves puts nothing in the inbox; to look after each event costs a read per commit.
        if (by !== 'append') this.#poll()
      })
      this.#startBody()
      this.#schedulePump()
    } catch (error) {
      this.#release({ type: 'lost', error })
    }
    return ended
  }

  /** True once the run was released: its context is dead. */
  get ended(): boolean {
    return this.#ended
  }

  get caps(): Caps {
    return this.#budget.caps
  }

  /** Milliseconds since the run was started or last set off again. */
  get elapsed(): number {
    return this.options.clock.now() - this.#underWaySince
  }

  get stopping(): boolean {
    return this.#stop !== undefined
  }

  get cancellation(): { readonly reason: string; readonly graceUntil: number } | undefined {
    return this.#cancel
  }

  /** Ends every effect in flight without recording it and gives the run up as paused; it can be resumed. */
  interrupt(reason: string): void {
    if (this.#ended) return
    this.#pausing = { reason, atOnce: true }
    this.effects.abort('release')
    this.#giveGrace()
    this.#schedulePump()
  }

  /** The lease is gone or about to be: no further append, every effect ended, every later call of the context refused. */
  revoke(error: unknown): void {
    this.#release({ type: 'lost', error })
  }

  // ── what branches use ──────────────────────────────────────────────────────

  /** Checks a request against history and begins it, or keeps it until history is used up. */
  request(operation: Operation): void {
    if (this.#ended) throw revokedError()
    const record = this.#history.byKey.get(operation.key)
    if (record && (record.name !== operation.name || record.hash !== operation.hash)) {
      const error = askedForAnother(operation, record.name)
      this.#fail(error)
      throw error
    }
    this.#operations.set(operation.key, operation)
    this.#schedulePump()
    if (record?.settled) return
    if (this.#replaying || this.#pausing) this.#pending.push(operation)
    else operation.begin()
  }

  recorded(key: StepKey): Recorded | undefined {
    return this.#history.byKey.get(key)
  }

  append(event: EventBody, entry: Omit<Entry, 'event'> = {}, done?: (result: Appended) => void): void {
    this.#appender.append({ event, ...entry }, done ? { done } : {})
  }

  /** Something for people to see. Skipped when the journal has it; written with the next step's commit otherwise. */
  emit(key: StepKey, name: string, data: object): void {
    if (this.#history.emitted.has(key)) return
    this.#history.emitted.add(key)
    this.#appender.appendLazily({ event: { kind: 'emitted', key, name, data: this.clean(data) as Json } })
    this.#schedulePump()
  }

  report(value: unknown): void {
    this.#report = value
  }

  /**
   * Whether code guarded by `id` may run at this place: yes, unless an older version of the loop has come further here. Where
   * older versions took part, the answer is written before anything the branch does next.
   */
  changed(key: StepKey, id: string): boolean {
    if (this.#history.ofOtherVersions.size === 0) return true
    const mark = changeMark(key, id)
    if (this.#history.changes.has(mark)) return true
    if (didProgress(this.#history, key)) return false
    this.#history.changes.add(mark)
    this.#appender.appendLazily({ event: { kind: 'changed', key, id } })
    return true
  }

  /** Takes the first fitting signal out of the mailbox. */
  takeSignal(fits: (signal: Signal) => boolean): Signal | undefined {
    return this.#mailbox.take(fits)
  }

  /** What a value becomes by being stored: redacted, serialised and parsed again. */
  clean<T>(value: T): T {
    if (value === undefined) return value
    return JSON.parse(this.options.redact(JSON.stringify(value) ?? 'null'))
  }

  /** Why no further iteration may begin, or undefined. */
  get guard(): Guard | undefined {
    const cap = this.#active.reachedCap
    return this.#stop ?? (cap === undefined ? undefined : { reason: durationReason(cap) })
  }

  guardOf(refusal: Refusal): Guard {
    return { reason: refusalReason(refusal), refusal }
  }

  /** From now on the operation waits for the outside only. */
  park(operation: Operation, parked: Parked): void {
    if (!this.waitsFor(operation)) return
    operation.parked = parked
    if (parked.wakeAt !== undefined) {
      operation.abort = this.after(parked.wakeAt - this.options.clock.now(), () => {
        if (this.#isOpen(operation)) this.append({ kind: 'timer_fired', key: operation.key, name: operation.name })
      })
    }
    this.#schedulePump()
  }

  /** Records that an operation failed before it could begin. */
  refuse(operation: Operation, error: unknown): void {
    if (!this.waitsFor(operation)) return
    const { key, name, hash } = operation
    const identity = hash === undefined ? { key, name } : { key, name, hash }
    this.append({ kind: 'step_settled', ...identity, attempt: 1, error: this.clean(toErrorRecord(error)) })
  }

  /** False once the operation was dropped, or the run released. */
  waitsFor(operation: Operation): boolean {
    return !this.#ended && this.#isOpen(operation)
  }

  /** Rejects the operations of a cancelled branch and ends their effects. */
  drop(concerns: (path: string) => boolean, reason: string): void {
    for (const operation of [...this.#operations.values()]) {
      if (operation.final || !concerns(operation.path)) continue
      this.#operations.delete(operation.key)
      this.#dropped.add(operation.key)
      if (operation.child !== undefined) {
        this.options.children
          .cancel(operation.child, reason)
          .catch((error: unknown) => this.#release({ type: 'lost', error }))
      }
      operation.abort?.('cancel')
      operation.reject(cancelledError(reason))
    }
  }

  /** A timer that dies with the activation. */
  after(ms: number, call: () => void): () => void {
    const callOff = this.options.clock.after(Math.max(0, ms), () => {
      this.#timers.delete(callOff)
      if (!this.#ended) call()
    })
    this.#timers.add(callOff)
    return () => {
      this.#timers.delete(callOff)
      callOff()
    }
  }

  // ── history and delivery ───────────────────────────────────────────────────

  async #load(): Promise<void> {
    const { store, run } = this.options
    const events = await store.read(run.id, { from: run.segmentSeq })
    assertKnown(run.id, events)
    this.#applyCaps(await this.#budget.load())
    this.#history = readHistory(events, this.options.version)
    this.#underWaySince = underWaySince(events, this.options.clock.now())
    const first = events[0]
    if (first?.kind === 'continued') {
      this.segment = first.segment
      this.state = first.state
      this.iteration = first.iteration
      this.#mailbox.restore(first.mailbox)
    }
    for (const event of events) if (event.kind === 'budget_warned') this.#budget.warned(event.refusal)
    this.#queue = [...this.#history.deliverable]
    this.#appender.appendLazily({
      event:
        run.lastSeq === 0
          ? { kind: 'run_started', loop: run.loop, version: this.options.version, spec: run.spec }
          : { kind: 'run_claimed', driver: this.options.driver, version: this.options.version },
    })
  }

  #applyCaps(caps: Caps): void {
    this.#budget.caps = caps
    this.#active.cap = caps.activeMs
  }

  #startBody(): void {
    this.#returned = undefined
    this.#over = false
    this.#graceOver = false
    const root = new Branch(this, { path: '', parent: undefined })
    const call = async () => await this.options.body(root, this.options.run.spec)
    // The loop starts in a macrotask of its own, as everything it will ever see arrives in one.
    setImmediate(() => {
      if (this.#ended) return
      call().then(
        (value) => this.#onReturn(() => this.#complete(value)),
        (error: unknown) => this.#onReturn(() => this.#fail(error)),
      )
    })
  }

  #onEvent(event: JournalEvent): void {
    if (isWord(event)) this.#underWaySince = event.ts
    if (!isDeliverable(event)) return
    this.#queue.push(event)
    this.#schedulePump()
  }

  #schedulePump(): void {
    if (this.#pumpScheduled || this.#ended) return
    this.#pumpScheduled = true
    setImmediate(() => {
      this.#pumpScheduled = false
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#ended || this.#pumping) return
    this.#pumping = true
    try {
      await this.#advance()
    } catch (error) {
      this.#release({ type: 'lost', error })
    } finally {
      this.#pumping = false
    }
  }

  /** Delivers at most one event, then lets the loop run; with nothing to deliver, looks at what the run is waiting for. */
  async #advance(): Promise<void> {
    if (this.#pausing?.atOnce) {
      this.#settleDown()
      return
    }
    const event = this.#queue[0]
    if (event) {
      if (this.#canDeliver(event)) {
        this.#clearWatchdog()
        this.#idleSince = undefined
        this.#queue.shift()
        await this.#deliver(event)
        this.#schedulePump()
      } else if (this.#returned) {
        this.#settleDown()
      } else {
        this.#watch()
      }
    } else if (this.#replaying) {
      this.#replaying = false
      this.#poll()
      this.#schedulePump()
    } else if (this.#pending.length > 0 && !this.#pausing) {
      const pending = this.#pending
      this.#pending = []
      for (const operation of pending) if (this.#isOpen(operation)) operation.begin()
      this.#schedulePump()
    } else {
      this.#settleDown()
    }
  }

  #isOpen(operation: Operation): boolean {
    return this.#operations.get(operation.key) === operation
  }

  #canDeliver(event: JournalEvent): boolean {
    if (!('key' in event)) return true
    return this.#operations.has(event.key) || this.#dropped.has(event.key)
  }

  async #deliver(event: JournalEvent): Promise<void> {
    switch (event.kind) {
      case 'step_settled': {
        const operation = this.#take(event.key)
        if (!operation) return
        this.#last = `'${event.name}' (${event.key})`
        // What a cap refused once would be refused again: the run comes to its stop.
        if (event.error?.code === 'budget_exceeded') this.#stop ??= { reason: event.error.message }
        if (event.error) operation.reject(LoopwrightError.fromRecord(event.error))
        else operation.resolve(event.ref ? await this.#fetch(event.ref) : event.value)
        return
      }
      case 'timer_fired':
        this.#take(event.key)?.resolve(undefined)
        return
      case 'iteration_started':
        this.iteration = event.iteration
        this.#take(event.key)?.resolve(event.iteration)
        return
      case 'signal_received':
        this.#deliverSignal(event.signal)
        return
      case 'cancel_requested':
        if (this.#cancel) return
        this.#cancel = { reason: event.reason, graceUntil: this.options.clock.now() + this.options.graceMs }
        this.drop(() => true, event.reason)
        return
      case 'stop_requested':
        this.#stop ??= { reason: event.reason }
        this.effects.abort('stop')
        this.effects.retry()
        return
      case 'reopened':
        this.#reopen(event.caps ?? {})
        return
      default:
    }
  }

  #take(key: StepKey): Operation | undefined {
    const operation = this.#operations.get(key)
    this.#operations.delete(key)
    return operation
  }

  async #fetch(ref: BlobRef): Promise<Json> {
    return JSON.parse(await this.options.blobs.get(this.options.run.id, ref))
  }

  #deliverSignal(signal: Signal): void {
    const operation = this.#mailbox.receive(signal, this.#operations.values())
    if (!operation) return
    this.#operations.delete(operation.key)
    operation.resolve(signal.payload)
  }

  #reopen(caps: Caps): void {
    this.#stop = undefined
    this.#applyCaps({ ...this.#budget.caps, ...caps })
    for (const operation of this.#operations.values()) {
      if (operation.parked?.reason !== 'guard') continue
      delete operation.parked
      if (this.#replaying || this.#pausing) this.#pending.push(operation)
      else operation.begin()
    }
  }

  // ── signals ────────────────────────────────────────────────────────────────

  /** Journals what waits in the inbox; its position there is what fixes the order. */
  #poll(): void {
    if (this.#ended || this.#replaying) return
    this.#pollAgain = this.#polling
    if (this.#polling) return
    this.#polling = true
    this.options.store.inbox(this.options.run.id).then(
      (signals) => {
        this.#polling = false
        for (const signal of signals) this.#consume(signal)
        if (this.#pollAgain) this.#poll()
        this.#schedulePump()
      },
      (error: unknown) => this.#release({ type: 'lost', error }),
    )
  }

  #consume(signal: Signal): void {
    if (this.#ended || this.#over || this.#consumed.has(signal.id)) return
    this.#consumed.add(signal.id)
    const consume = signal.id
    const signalId = signal.id
    const reason = typeof signal.payload === 'string' ? signal.payload : signal.kind
    switch (signal.kind) {
      case 'pause':
        this.#pausing ??= { reason, signal: signal.id, atOnce: false }
        return
      case 'cancel':
        this.append({ kind: 'cancel_requested', signalId, reason }, { consume })
        return
      case 'stop':
        this.append({ kind: 'stop_requested', signalId, reason }, { consume })
        return
      case 'reopen': {
        const caps = (signal.payload ?? {}) as Caps
        if (this.#pausing?.signal !== undefined) {
          // Said later than the pause, and so in its place.
          this.append({ kind: 'reopened', signalId }, { consume: this.#pausing.signal })
          this.#pausing = undefined
        }
        this.append({ kind: 'reopened', signalId, caps }, { consume, caps })
        return
      }
      default:
        this.append({ kind: 'signal_received', signal: this.clean(signal) }, { consume })
    }
  }

  #requestStop(reason: string): void {
    if (!this.#stop) this.append({ kind: 'stop_requested', reason })
  }

  // ── waiting, ending ────────────────────────────────────────────────────────

  /** Nothing to deliver: the run works, waits, is over, or hangs on something foreign. */
  #settleDown(): void {
    if (this.#ended || (this.effects.busy && !this.#graceOver) || !this.#appender.idle) return
    if (this.#pausing) this.#pause()
    else if (this.#returned) this.#returned()
    else if (this.#polling) return
    else if (this.#operations.size === 0) this.#watch()
    else if (this.#appender.hasLazy) this.#appender.flush()
    else this.#suspendIfParked()
  }

  /** What is in flight may take this long to end; what is on its way into the journal is waited for all the same. */
  #giveGrace(): void {
    this.after(this.options.graceMs, () => {
      this.#graceOver = true
      this.#schedulePump()
    })
  }

  #pause(): void {
    if (this.#pausing) this.#finish(paused(this.#pausing.reason), this.#pausing.signal)
  }

  #suspendIfParked(): void {
    const parked: Parked[] = []
    for (const operation of this.#operations.values()) {
      if (!operation.parked) return
      parked.push(operation.parked)
    }
    this.#clearWatchdog()
    const now = this.options.clock.now()
    const wakeAt = earliest(parked) ?? Number.POSITIVE_INFINITY
    const { lingerMs } = this.options
    this.#idleSince ??= now
    if (wakeAt - now <= lingerMs) return // soon enough to stay in memory
    const guard = parked.every((one) => one.reason === 'guard') ? parked[0]?.guard : undefined
    if (!guard && now - this.#idleSince < lingerMs) {
      this.after(lingerMs - (now - this.#idleSince), () => this.#schedulePump())
      return
    }
    const asks = [...this.#operations.values()].filter((one) => one.parked?.reason === 'input').map((one) => one.key)
    this.#finish(guard ? stopped(guard) : suspended(parked, asks))
  }

  /** The loop function is over; the run is once nothing is left in flight. */
  #onReturn(then: () => void): void {
    if (this.#ended) return
    this.#over = true
    this.#clearWatchdog()
    const left = this.#queue.find((event) => !this.#canDeliver(event))
    if (left && 'key' in left && 'name' in left) {
      this.#fail(neverAsked(left, 'but the loop ended without asking for it'))
      return
    }
    const finish = () => (this.#cancel ? this.#finish(cancelled(this.#cancel.reason)) : then())
    // What the loop left behind ends with it.
    this.drop(() => true, 'the loop ended')
    this.#giveGrace()
    this.#returned = finish
    this.#schedulePump()
  }

  #complete(value: unknown): void {
    if (value instanceof Continuation) {
      this.#continue(this.clean(value.state))
      return
    }
    this.#returned = undefined
    this.#store(value).then(
      // However large: the row holds the result itself, for parents and people.
      (stored) => this.#finish(finished(stored, stored.ref ? this.clean(value as Json) : stored.value)),
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    if (this.#ended) return
    this.effects.abort('release')
    this.#finish(failed(this.clean(toErrorRecord(error))))
  }

  #continue(state: Json): void {
    const segment = this.segment + 1
    const mailbox = this.#mailbox.kept
    this.#returned = undefined
    this.#appender.append(
      {
        event: { kind: 'continued', version: this.options.version, segment, state, mailbox, iteration: this.iteration },
      },
      {
        patch: { newSegment: true },
        done: () => {
          this.segment = segment
          this.state = state
          this.#history = readHistory([], this.options.version)
          this.#operations.clear()
          this.#dropped.clear()
          this.#pending = []
          this.#startBody()
          this.#poll()
          this.#schedulePump()
        },
      },
    )
  }

  /** The last append of this activation; the run is given up in the same transaction, and the context is dead from here on. */
  #finish({ event, patch, ending }: LastWord, consume?: string): void {
    if (this.#ended) return
    this.#active.stop()
    // A run that is not over keeps what its loop has reported so far as its result.
    const reported = this.#report === undefined || 'result' in patch ? {} : { result: this.clean(this.#report) as Json }
    this.#appender.append(
      { event, ...(consume === undefined ? {} : { consume }) },
      { patch: { ...reported, ...patch, release: true }, done: () => this.#release(ending) },
    )
    this.#ended = true
    this.#callOffAll()
  }

  #release(ending: Ending): void {
    if (!this.#ended) {
      this.#ended = true
      this.effects.abort('release')
      this.#callOffAll()
    }
    this.#appender.close()
    if (ending.type !== 'lost') {
      this.#end(ending)
      return
    }
    // Whoever goes on with the run shall not meet what this one had begun: it is waited for, but not past the lease.
    const callOff = this.options.clock.after(Math.min(this.options.graceMs, lostPatienceMs), () => this.#end(ending))
    void this.effects.idle().then(() => {
      callOff()
      this.#end(ending)
    })
  }

  #callOffAll(): void {
    this.#unsubscribe?.()
    for (const callOff of this.#timers) callOff()
    this.#timers.clear()
  }

  // ── watchdog ───────────────────────────────────────────────────────────────

  /** The loop has something to come back for, and does not: it waits for something that is not its context. */
  #watch(): void {
    if (this.#watchdog) return
    const head = this.#queue[0]
    this.#watchdog = this.after(this.options.watchdogMs, () => {
      this.#watchdog = undefined
      if (this.#returned || this.#queue[0] !== head) return
      if (head && 'name' in head && 'key' in head) this.#fail(neverAsked(head, 'but the loop does not ask for it'))
      else if (this.#operations.size === 0 && !this.effects.busy) this.#fail(foreignAwait(this.#last))
    })
  }

  #clearWatchdog(): void {
    this.#watchdog?.()
    this.#watchdog = undefined
  }

  // ── effects ────────────────────────────────────────────────────────────────

  #effectHost(): ConstructorParameters<typeof Effects>[0] {
    const activation = this
    return {
      get ended() {
        return activation.#ended
      },
      get guardStop() {
        return activation.#stop
      },
      attemptsOf: (key) => this.#history.byKey.get(key)?.attempts ?? 0,
      isOpen: (operation) => this.#isOpen(operation),
      append: (event, entry, done) => this.append(event, entry, done),
      store: (value) => this.#store(value),
      clean: (value) => this.clean(value),
      fail: (error) => this.#fail(error),
      onActivity: (active) => (active ? this.#active.start() : this.#active.stop()),
      onSettled: () => {
        this.#budget.check()
        this.#schedulePump()
      },
      onUsage: (inFlight: Amounts) => this.#budget.check(inFlight),
      after: (ms, call) => this.after(ms, call),
      now: () => this.options.clock.now(),
      graceMs: this.options.graceMs,
    }
  }

  /** The recorded form of a value: redacted JSON, inline or in a file when it is large. */
  async #store(value: unknown): Promise<{ value?: Json; ref?: BlobRef }> {
    if (value === undefined) return {}
    const text = this.options.redact(JSON.stringify(value) ?? 'null')
    if (text.length <= this.options.blobChars) return { value: JSON.parse(text) }
    return { ref: await this.options.blobs.put(this.options.run.id, text) }
  }
}
