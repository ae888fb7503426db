import { LoopwrightError, toErrorRecord } from '../core/errors.ts'
import type { JournalEvent, Signal, StepKey } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { Appender } from './appender.ts'
import type { Children } from './children.ts'
import { Mailbox } from './mailbox.ts'
import { identityOf, type Operation, type Parked } from './operation.ts'
import { askedForAnother, cancelledError, revokedError } from './reasons.ts'
import { changeMark, didProgress, type History, isDeliverable, type Recorded, readHistory } from './recorded.ts'
import type { Timers } from './timers.ts'
import type { Values } from './values.ts'

export interface SegmentParts {
  /** The version of the loop's code. */
  readonly version: string
  readonly appender: Appender
  readonly values: Values
  readonly timers: Timers
  readonly children: Children
  /** Aborted once the run was released. */
  readonly released: AbortSignal
  /** True while nothing new may begin. */
  readonly isPausing: () => boolean
  /** Something changed: there may be more to do. */
  readonly wake: () => void
  /** Ends the activation: the run failed. */
  readonly fail: (error: unknown) => void
  /** Ends the activation: the run cannot be driven from here. */
  readonly lose: (error: unknown) => void
}

/**
 * The loop on its way through one segment of the journal: what it asks for is matched with what the journal holds, and kept until
 * its event is delivered. What the journal does not hold begins once the recorded history is used up.
 */
export class Segment {
  readonly number: number
  /** What the loop went on with; undefined in a run's first segment. */
  readonly state: Json | undefined
  iteration: number
  readonly #parts: SegmentParts
  readonly #history: History
  readonly #mailbox = new Mailbox()
  /** Durable events the loop has not seen yet, in journal order. */
  #queue: JournalEvent[]
  readonly #operations = new Map<StepKey, Operation>()
  readonly #dropped = new Set<StepKey>()
  /** Asked for while nothing may begin; begun, in this order, when it may again. */
  #pending: Operation[] = []
  #replaying = true

  /** `events` are what the journal holds of the segment; `left` is what the segment before it did not come to see. */
  constructor(parts: SegmentParts, events: readonly JournalEvent[], left: readonly JournalEvent[] = []) {
    this.#parts = parts
    this.#history = readHistory(events, parts.version)
    this.#queue = [...left, ...this.#history.deliverable]
    const first = events[0]?.kind === 'continued' ? events[0] : undefined
    this.number = first?.segment ?? 0
    this.state = first?.state
    this.iteration = first?.iteration ?? 0
    this.#mailbox.restore(first?.mailbox ?? [])
  }

  // ── what the loop asks for ─────────────────────────────────────────────────

  /** Checks a request against history and begins it, or keeps it until it may begin. */
  request(operation: Operation): void {
    if (this.#parts.released.aborted) throw revokedError()
    const record = this.#history.byKey.get(operation.key)
    if (record && (record.name !== operation.name || record.hash !== operation.hash)) {
      const error = askedForAnother(operation, record.name)
      this.#parts.fail(error)
      throw error
    }
    this.#operations.set(operation.key, operation)
    this.#parts.wake()
    if (!record?.settled) this.#begin(operation)
  }

  recorded(key: StepKey): Recorded | undefined {
    return this.#history.byKey.get(key)
  }

  /** Something for people to see. Skipped when the journal has it; written with the next step's commit otherwise. */
  emit(key: StepKey, name: string, data: object): void {
    if (this.#history.emitted.has(key)) return
    this.#history.emitted.add(key)
    this.#parts.appender.appendLazily({ kind: 'emitted', key, name, data: this.#parts.values.clean(data) as Json })
    this.#parts.wake()
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
    this.#parts.appender.appendLazily({ kind: 'changed', key, id })
    return true
  }

  /** Takes the first fitting signal out of the mailbox. */
  takeSignal(fits: (signal: Signal) => boolean): Signal | undefined {
    return this.#mailbox.take(fits)
  }

  /** From now on the operation waits for the outside only. */
  park(operation: Operation, parked: Parked): void {
    if (!this.waitsFor(operation)) return
    const { key, name } = operation
    operation.parked = parked
    if (parked.wakeAt !== undefined) {
      operation.abort = this.#parts.timers.at(parked.wakeAt, () => {
        if (this.isOpen(operation)) this.#parts.appender.append({ kind: 'timer_fired', key, name })
      })
    }
    this.#parts.wake()
  }

  /** Records that an operation failed before it could begin. */
  refuse(operation: Operation, cause: unknown): void {
    if (!this.waitsFor(operation)) return
    const error = this.#parts.values.clean(toErrorRecord(cause))
    this.#parts.appender.append({ kind: 'step_settled', ...identityOf(operation), attempt: 1, error })
  }

  /** False once the operation was dropped, or the run released. */
  waitsFor(operation: Operation): boolean {
    return !this.#parts.released.aborted && this.isOpen(operation)
  }

  /** False once the operation was answered or dropped. */
  isOpen(operation: Operation): boolean {
    return this.#operations.get(operation.key) === operation
  }

  /** Rejects the operations of a cancelled branch and ends their effects. */
  drop(concerns: (path: string) => boolean, reason: string): void {
    for (const operation of [...this.#operations.values()]) {
      if (operation.final || !concerns(operation.path)) continue
      this.#operations.delete(operation.key)
      this.#dropped.add(operation.key)
      if (operation.child !== undefined) {
        this.#parts.children.cancel(operation.child, reason).catch(this.#parts.lose)
      }
      operation.abort?.('cancel')
      operation.reject(cancelledError(reason))
    }
  }

  // ── what the journal answers ───────────────────────────────────────────────

  get replaying(): boolean {
    return this.#replaying
  }

  /** History is used up: from here on the world is real. */
  goLive(): void {
    this.#replaying = false
  }

  /** Puts a durable event into the queue, if it is one that a loop observes. */
  receive(event: JournalEvent): void {
    if (!isDeliverable(event)) return
    this.#queue.push(event)
    this.#parts.wake()
  }

  /** The event that comes next. */
  get next(): JournalEvent | undefined {
    return this.#queue[0]
  }

  /** What the loop has not seen. */
  get left(): readonly JournalEvent[] {
    return this.#queue
  }

  /** True when the loop is where it can see this event, or is past it. */
  canSee(event: JournalEvent): boolean {
    return !('key' in event) || this.#operations.has(event.key) || this.#dropped.has(event.key)
  }

  /** True when the loop waits for what has this key. */
  asksFor(key: StepKey): boolean {
    return this.#operations.has(key)
  }

  /** Gives the event that comes next to whoever asked for it. */
  async deliver(): Promise<void> {
    const event = this.#queue.shift()
    switch (event?.kind) {
      case 'step_settled': {
        const operation = this.#take(event.key)
        if (event.error) operation?.reject(LoopwrightError.fromRecord(event.error))
        else operation?.resolve(await this.#parts.values.read(event))
        return
      }
      case 'timer_fired':
        this.#take(event.key)?.resolve(undefined)
        return
      case 'iteration_started':
        this.iteration = event.iteration
        this.#take(event.key)?.resolve(event.iteration)
        return
      case 'signal_received': {
        const operation = this.#mailbox.receive(event.signal, this.#operations.values())
        if (operation) this.#take(operation.key)?.resolve(event.signal.payload)
        return
      }
      default:
    }
  }

  /** Begins what had to wait; false when there was nothing, or it still has to. */
  beginPending(): boolean {
    if (this.#pending.length === 0 || this.#parts.isPausing()) return false
    const pending = this.#pending
    this.#pending = []
    for (const operation of pending) if (this.isOpen(operation)) operation.begin()
    return true
  }

  /** Begins again what a guard held up. */
  unguard(): void {
    for (const operation of this.#operations.values()) {
      if (operation.parked?.reason !== 'guard') continue
      delete operation.parked
      this.#begin(operation)
    }
  }

  // ── what it waits for ──────────────────────────────────────────────────────

  /** True when the loop waits for nothing that its context could give it. */
  get isIdle(): boolean {
    return this.#operations.size === 0
  }

  /** What the loop waits for, when all of it is outside; undefined when something of it is being worked on. */
  get parked(): readonly { readonly key: StepKey; readonly parked: Parked }[] | undefined {
    const all: { key: StepKey; parked: Parked }[] = []
    for (const { key, parked } of this.#operations.values()) {
      if (!parked) return undefined
      all.push({ key, parked })
    }
    return all
  }

  /** Messages nobody has asked for yet. */
  get unread(): readonly Signal[] {
    return this.#mailbox.kept
  }

  #begin(operation: Operation): void {
    if (this.#replaying || this.#parts.isPausing()) this.#pending.push(operation)
    else operation.begin()
  }

  #take(key: StepKey): Operation | undefined {
    const operation = this.#operations.get(key)
    this.#operations.delete(key)
    return operation
  }
}
