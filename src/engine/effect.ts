import { type Amounts, add } from '../core/budget.ts'
import { type ErrorRecord, isOfThePlace, toErrorRecord } from '../core/errors.ts'
import type { BlobRef, EventBody, StepKey } from '../core/event.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Appended, Entry } from '../core/ports.ts'
import type { AbortReason, Guard, Operation } from './operation.ts'
import { refusalReason } from './reasons.ts'

/** What a step does in the world, and what it needs of the budget. */
export interface Effect {
  /** Names the sort of effect (agent, exec, checks …); such a step writes a start record. */
  readonly effect: string | undefined
  /** At most once: in flight when its driver died, it is `step_unknown` and not done again. */
  readonly once: boolean
  readonly reserve: Amounts | undefined
  readonly detail: JsonObject | undefined
  readonly perform: (call: EffectCall) => Promise<unknown>
  /** What the call used, from its value; absent = what was reserved. */
  readonly usage: ((value: unknown) => Amounts) | undefined
  /** What people shall see of a value that is too large for the journal. */
  readonly digest: ((value: unknown) => JsonObject) | undefined
}

export interface EffectCall {
  readonly attempt: number
  readonly signal: AbortSignal
  /** What was reserved for this call in the end. */
  readonly reserved: Amounts
  /** Tells what the call has used so far, so that a cap can end it while it runs. */
  readonly onUsage: (amounts: Amounts) => void
}

/** What effects need of their activation. */
export interface EffectHost {
  readonly ended: boolean
  readonly guardStop: Guard | undefined
  attemptsOf(key: StepKey): number
  isOpen(operation: Operation): boolean
  append(event: EventBody, entry?: Omit<Entry, 'event'>, done?: (result: Appended) => void): void
  /** The recorded form of a value: inline, or a reference to a file. */
  store(value: unknown): Promise<{ value?: Json; ref?: BlobRef }>
  clean<T>(value: T): T
  /** Ends the activation: the run failed, and can be resumed. */
  fail(error: unknown): void
  /** The last effect ended, or the first began. */
  onActivity(active: boolean): void
  /** Something settled: there may be more to do. */
  onSettled(): void
  /** Calls used so far by everything in flight, each time one tells. */
  onUsage(inFlight: Amounts): void
  after(ms: number, call: () => void): () => void
  now(): number
  /** How long an effect that was told to stop may take to end, in milliseconds. */
  readonly graceMs: number
}

interface InFlight {
  readonly operation: Operation
  readonly reserved: Amounts | undefined
  used: Amounts
}

/** Reserves, performs and settles effects. `perform` runs only when everything it needs is durable. */
export class Effects {
  readonly #host: EffectHost
  readonly #inFlight = new Map<StepKey, InFlight>()
  /** Starts that wait for an open reservation of this run to settle. */
  #waiting: (() => void)[] = []
  #onIdle: (() => void)[] = []

  constructor(host: EffectHost) {
    this.#host = host
  }

  /** True while an effect runs or waits for budget. */
  get busy(): boolean {
    return this.#inFlight.size > 0 || this.#waiting.length > 0
  }

  /** Resolves when nothing is in flight any more. */
  idle(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  begin(operation: Operation, effect: Effect): void {
    const tried = this.#host.attemptsOf(operation.key)
    if (effect.once && tried > 0) {
      this.#refuse(operation, effect, tried, {
        code: 'step_unknown',
        message: `step '${operation.name}' was in flight when its driver ended; it runs at most once`,
      })
    } else if (effect.effect !== undefined || effect.once || effect.reserve) {
      this.#start(operation, effect, tried + 1, effect.reserve)
    } else {
      this.#perform(operation, effect, tried + 1)
    }
  }

  /** Ends effects in flight; `stop` ends only those that draw on the budget. */
  abort(reason: AbortReason): void {
    for (const { operation, reserved } of [...this.#inFlight.values()]) {
      if (reason === 'stop' && !reserved) continue
      operation.abort?.(reason)
    }
  }

  /** Retries what waited for budget (a cap was raised). */
  retry(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const start of waiting) start()
  }

  #start(operation: Operation, effect: Effect, attempt: number, reserve: Amounts | undefined): void {
    if (this.#host.ended || !this.#host.isOpen(operation)) return
    const stop = this.#host.guardStop
    if (stop && reserve) {
      this.#refuse(operation, effect, attempt, { code: 'budget_exceeded', message: stop.reason })
      return
    }
    const { key } = operation
    this.#host.append(
      {
        kind: 'step_started',
        ...identity(operation),
        attempt,
        effect: effect.effect ?? 'step',
        ...(effect.once ? { once: true as const } : {}),
        ...(effect.detail ? { detail: this.#host.clean(effect.detail) } : {}),
      },
      reserve ? { reserve: { step: key, attempt, amounts: reserve } } : {},
      (result) => {
        if (result.ok) {
          if (this.#host.isOpen(operation)) this.#perform(operation, { ...effect, reserve }, attempt)
          else if (!this.#host.ended) this.#recordAborted(operation, attempt, 'cancel', {})
          return
        }
        const { refusal } = result
        const left = refusal.cap - refusal.used
        const divisible = refusal.dimension === 'tokens' || refusal.dimension === 'microUsd'
        if (divisible && left > 0 && left < (reserve?.[refusal.dimension as 'tokens'] ?? 0)) {
          this.#start(operation, effect, attempt, { ...reserve, [refusal.dimension]: left })
        } else if (refusal.spent < refusal.cap && this.#holdsReservations()) {
          this.#waiting.push(() => this.#start(operation, effect, attempt, effect.reserve))
        } else {
          this.#refuse(operation, effect, attempt, {
            code: 'budget_exceeded',
            message: refusalReason(refusal),
            data: { ...refusal },
          })
        }
      },
    )
  }

  #perform(operation: Operation, effect: Effect, attempt: number): void {
    const controller = new AbortController()
    let aborted: AbortReason | undefined
    operation.abort = (reason) => {
      if (aborted && reason === 'stop') return
      aborted = reason
      controller.abort(reason)
      // One that does not listen must not hold up the stop: past the grace nobody waits for it any more.
      if (reason === 'stop') callOffStop = this.#host.after(this.#host.graceMs, giveUp)
    }
    let callOffStop: (() => void) | undefined
    let isOver = false
    const callOffGrace =
      operation.graceUntil === undefined
        ? undefined
        : this.#host.after(operation.graceUntil - this.#host.now(), () => operation.abort?.('cancel'))
    const inFlight: InFlight = { operation, reserved: effect.reserve, used: {} }
    this.#inFlight.set(operation.key, inFlight)
    this.#host.onActivity(true)
    const onUsage = (amounts: Amounts) => {
      inFlight.used = amounts
      let sum: Amounts = {}
      for (const { used } of this.#inFlight.values()) sum = add(sum, used)
      if (!this.#host.ended) this.#host.onUsage(sum)
    }
    const counts = () => aborted !== 'release' && this.#host.isOpen(operation)
    const over = (record: () => void) => {
      if (isOver) return
      isOver = true
      callOffGrace?.()
      callOffStop?.()
      this.#inFlight.delete(operation.key)
      if (this.#inFlight.size === 0) {
        this.#host.onActivity(false)
        for (const resolve of this.#onIdle.splice(0)) resolve()
      }
      if (this.#host.ended) return
      record()
      this.retry()
      this.#host.onSettled()
    }
    const settle = (
      body: { value?: Json; ref?: BlobRef; error?: ErrorRecord; detail?: JsonObject },
      amounts: Amounts | undefined,
    ) =>
      this.#host.append(
        {
          kind: 'step_settled',
          ...identity(operation),
          ...(effect.effect === undefined ? {} : { effect: effect.effect }),
          attempt,
          ...body,
          ...(amounts && effect.usage ? { usage: amounts } : {}),
        },
        amounts ? { settle: { step: operation.key, attempt, amounts } } : {},
      )
    const giveUp = () => {
      const reason = this.#host.guardStop?.reason ?? 'stopped'
      const message = `${reason}; '${operation.name}' did not end within ${this.#host.graceMs / 1000}s`
      over(() => settle({ error: { code: 'budget_exceeded', message } }, effect.reserve))
    }
    const usedBy = (value: unknown) => (effect.usage ? effect.usage(value) : effect.reserve)
    this.#call(effect, { attempt, signal: controller.signal, reserved: effect.reserve ?? {}, onUsage }).then(
      async (value) => {
        if (!counts()) {
          over(() => this.#recordAborted(operation, attempt, aborted ?? 'cancel', usedBy(value)))
          return
        }
        const body = await this.#host.store(value).catch((error: unknown) => ({ error: toErrorRecord(error) }))
        const detail = 'ref' in body && effect.digest ? { detail: this.#host.clean(effect.digest(value)) } : {}
        over(() => settle({ ...body, ...detail }, usedBy(value)))
      },
      (error: unknown) => {
        if (counts() && isOfThePlace(error)) {
          over(() => {
            this.#recordAborted(operation, attempt, 'failed', effect.reserve)
            this.#host.fail(error)
          })
          return
        }
        if (counts()) over(() => settle({ error: this.#host.clean(toErrorRecord(error)) }, effect.reserve))
        else over(() => this.#recordAborted(operation, attempt, aborted ?? 'cancel', effect.reserve))
      },
    )
  }

  async #call(effect: Effect, call: EffectCall): Promise<unknown> {
    return await effect.perform(call)
  }

  /** The step ends without having been performed. */
  #refuse(operation: Operation, effect: Effect, attempt: number, error: ErrorRecord): void {
    this.#host.append({
      kind: 'step_settled',
      ...identity(operation),
      ...(effect.effect === undefined ? {} : { effect: effect.effect }),
      attempt,
      error,
    })
  }

  /** An attempt ended whose result does not count; what it used does. */
  #recordAborted(operation: Operation, attempt: number, reason: string, amounts: Amounts | undefined): void {
    this.#host.append(
      {
        kind: 'step_aborted',
        ...identity(operation),
        attempt,
        reason,
        ...(amounts ? { usage: amounts } : {}),
      },
      amounts ? { settle: { step: operation.key, attempt, amounts } } : {},
    )
  }

  #holdsReservations(): boolean {
    for (const { reserved } of this.#inFlight.values()) if (reserved) return true
    return false
  }
}

function identity(operation: Operation): { key: StepKey; name: string; hash?: string } {
  const { key, name, hash } = operation
  return hash === undefined ? { key, name } : { key, name, hash }
}
