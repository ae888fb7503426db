import { type Amounts, add, type Refusal } from '../core/budget.ts'
import { type ErrorRecord, isOfThePlace, toErrorRecord } from '../core/errors.ts'
import type { StepKey } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Appended } from '../core/ports.ts'
import type { Appender } from './appender.ts'
import type { BudgetWatch } from './budget-watch.ts'
import { type AbortReason, identityOf, type Operation } from './operation.ts'
import { refusalReason } from './reasons.ts'
import type { Timers } from './timers.ts'
import type { Stored, Values } from './values.ts'

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

export interface EffectsOptions {
  readonly appender: Appender
  readonly values: Values
  readonly timers: Timers
  readonly budget: BudgetWatch
  /** How long an effect that was told to stop may take to end, in milliseconds. */
  readonly graceMs: number
  /** Aborted once the run was released: nothing is recorded any more. */
  readonly released: AbortSignal
  /** False once the operation was answered or dropped. */
  readonly isOpen: (operation: Operation) => boolean
  /** Ends the activation: the run failed, and can be resumed. */
  readonly fail: (error: unknown) => void
  /** Something settled: there may be more to do. */
  readonly onSettled: () => void
}

interface InFlight {
  readonly operation: Operation
  readonly reserved: Amounts | undefined
  used: Amounts
}

/** Reserves, performs and settles effects. `perform` runs only when everything it needs is durable. */
export class Effects {
  readonly #options: EffectsOptions
  readonly #inFlight = new Map<StepKey, InFlight>()
  /** Starts that wait for an open reservation of this run to settle. */
  #waiting: (() => void)[] = []
  #onIdle: (() => void)[] = []

  constructor(options: EffectsOptions) {
    this.#options = options
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

  /** `tried` is how often earlier drivers began it. */
  begin(operation: Operation, effect: Effect, tried: number): void {
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
    const { appender, values, budget, released, isOpen } = this.#options
    if (released.aborted || !isOpen(operation)) return
    const { stop } = budget
    if (stop && reserve) {
      this.#refuse(operation, effect, attempt, { code: 'budget_exceeded', message: stop.reason })
      return
    }
    const done = (result: Appended) => {
      if (!result.ok) this.#goWithout(operation, effect, { attempt, reserve, refusal: result.refusal })
      else if (isOpen(operation)) this.#perform(operation, { ...effect, reserve }, attempt)
      else if (!released.aborted) this.#recordAborted(operation, attempt, 'cancel', {})
    }
    appender.append(
      {
        kind: 'step_started',
        ...identityOf(operation),
        attempt,
        effect: effect.effect ?? 'step',
        ...(effect.once ? { once: true as const } : {}),
        ...(effect.detail ? { detail: values.clean(effect.detail) } : {}),
      },
      { ...(reserve ? { reserve: { step: operation.key, attempt, amounts: reserve } } : {}), done },
    )
  }

  /** The budget refused the reservation: the effect makes do with what is left, waits for what is in flight, or is not performed. */
  #goWithout(
    operation: Operation,
    effect: Effect,
    { attempt, reserve, refusal }: { attempt: number; reserve: Amounts | undefined; refusal: Refusal },
  ): void {
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
  }

  #perform(operation: Operation, effect: Effect, attempt: number): void {
    const { appender, values, timers, budget, graceMs, released, isOpen } = this.#options
    const controller = new AbortController()
    let aborted: AbortReason | undefined
    operation.abort = (reason) => {
      if (aborted && reason === 'stop') return
      aborted = reason
      controller.abort(reason)
      // One that does not listen must not hold up the stop: past the grace nobody waits for it any more.
      if (reason === 'stop') callOffStop = timers.after(graceMs, giveUp)
    }
    let callOffStop: (() => void) | undefined
    let isOver = false
    const callOffGrace =
      operation.graceUntil === undefined
        ? undefined
        : timers.at(operation.graceUntil, () => operation.abort?.('cancel'))
    const inFlight: InFlight = { operation, reserved: effect.reserve, used: {} }
    this.#inFlight.set(operation.key, inFlight)
    budget.work()
    const onUsage = (amounts: Amounts) => {
      inFlight.used = amounts
      let sum: Amounts = {}
      for (const { used } of this.#inFlight.values()) sum = add(sum, used)
      if (!released.aborted) budget.check(sum)
    }
    const counts = () => aborted !== 'release' && isOpen(operation)
    const over = (record: () => void) => {
      if (isOver) return
      isOver = true
      callOffGrace?.()
      callOffStop?.()
      this.#inFlight.delete(operation.key)
      if (this.#inFlight.size === 0) {
        budget.rest()
        for (const resolve of this.#onIdle.splice(0)) resolve()
      }
      if (released.aborted) return
      record()
      this.retry()
      budget.check()
      this.#options.onSettled()
    }
    const settle = (body: Stored & { error?: ErrorRecord; detail?: JsonObject }, amounts: Amounts | undefined) =>
      appender.append(
        {
          kind: 'step_settled',
          ...identityOf(operation),
          ...(effect.effect === undefined ? {} : { effect: effect.effect }),
          attempt,
          ...body,
          ...(amounts && effect.usage ? { usage: amounts } : {}),
        },
        amounts ? { settle: { step: operation.key, attempt, amounts } } : {},
      )
    const giveUp = () => {
      const reason = budget.stop?.reason ?? 'stopped'
      const message = `${reason}; '${operation.name}' did not end within ${graceMs / 1000}s`
      over(() => settle({ error: { code: 'budget_exceeded', message } }, effect.reserve))
    }
    const usedBy = (value: unknown) => (effect.usage ? effect.usage(value) : effect.reserve)
    this.#call(effect, { attempt, signal: controller.signal, reserved: effect.reserve ?? {}, onUsage }).then(
      async (value) => {
        if (!counts()) {
          over(() => this.#recordAborted(operation, attempt, aborted ?? 'cancel', usedBy(value)))
          return
        }
        const body = await values.store(value).catch((error: unknown) => ({ error: toErrorRecord(error) }))
        const detail = 'ref' in body && effect.digest ? { detail: values.clean(effect.digest(value)) } : {}
        over(() => settle({ ...body, ...detail }, usedBy(value)))
      },
      (error: unknown) => {
        if (counts() && isOfThePlace(error)) {
          over(() => {
            this.#recordAborted(operation, attempt, 'failed', effect.reserve)
            this.#options.fail(error)
          })
          return
        }
        if (counts()) over(() => settle({ error: values.clean(toErrorRecord(error)) }, effect.reserve))
        else over(() => this.#recordAborted(operation, attempt, aborted ?? 'cancel', effect.reserve))
      },
    )
  }

  async #call(effect: Effect, call: EffectCall): Promise<unknown> {
    return await effect.perform(call)
  }

  /** The step ends without having been performed. */
  #refuse(operation: Operation, effect: Effect, attempt: number, error: ErrorRecord): void {
    this.#options.appender.append({
      kind: 'step_settled',
      ...identityOf(operation),
      ...(effect.effect === undefined ? {} : { effect: effect.effect }),
      attempt,
      error,
    })
  }

  /** An attempt ended whose result does not count; what it used does. */
  #recordAborted(operation: Operation, attempt: number, reason: string, amounts: Amounts | undefined): void {
    this.#options.appender.append(
      {
        kind: 'step_aborted',
        ...identityOf(operation),
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
