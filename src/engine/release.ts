import { toErrorRecord } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { Clock } from '../core/ports.ts'
import type { Appender } from './appender.ts'
import type { BudgetWatch } from './budget-watch.ts'
import type { Effects } from './effect.ts'
import { type Ending, failed, type LastWord } from './ending.ts'
import type { Values } from './values.ts'

export interface ReleaseOptions {
  readonly appender: Appender
  readonly effects: Effects
  readonly budget: BudgetWatch
  readonly values: Values
  readonly clock: Clock
  readonly graceMs: number
  /** Aborted by the release; what belongs to the activation listens. */
  readonly released: AbortController
}

/** How long effects of a run that was lost are waited for, in milliseconds: they are being killed. */
const lostPatienceMs = 5_000

/** How an activation lets go of its run, once: with a last append that gives the run up, or because the run was lost. */
export class Release {
  readonly #options: ReleaseOptions
  readonly #ending = Promise.withResolvers<Ending>()
  /** Says what the signal says; every turn of the activation asks, and a field costs less. */
  #isReleased = false
  #report: unknown

  constructor(options: ReleaseOptions) {
    this.#options = options
  }

  /** Resolves when the run is given up, or when nothing of a lost run is under way any more. */
  get ending(): Promise<Ending> {
    return this.#ending.promise
  }

  get isReleased(): boolean {
    return this.#isReleased
  }

  /** What a run that is not over keeps as its result. */
  report(value: unknown): void {
    this.#report = value
  }

  /** The last append of this activation; the run is given up in the same transaction, and the context is dead from here on. */
  finish({ event, patch, ending }: LastWord, consume?: string): void {
    if (this.isReleased) return
    const { appender, budget, values, released } = this.#options
    budget.rest()
    const reported =
      this.#report === undefined || 'result' in patch ? {} : { result: values.clean(this.#report) as Json }
    appender.append(event, {
      ...(consume === undefined ? {} : { consume }),
      patch: { ...reported, ...patch, release: true },
      done: () => {
        appender.close()
        this.#ending.resolve(ending)
      },
    })
    this.#isReleased = true
    released.abort()
  }

  /** The run failed; effects in flight are ended without a record. */
  fail(error: unknown): void {
    if (this.isReleased) return
    this.#options.effects.abort('release')
    this.finish(failed(this.#options.values.clean(toErrorRecord(error))))
  }

  /** The run is somebody else's now, or the store failed: nothing more is appended. */
  lose(error: unknown): void {
    const { appender, effects, clock, graceMs, released } = this.#options
    if (!this.isReleased) {
      this.#isReleased = true
      released.abort()
      effects.abort('release')
    }
    appender.close()
    // Whoever goes on with the run shall not meet what this one had begun: it is waited for, but not past the lease.
    const resolve = () => this.#ending.resolve({ type: 'lost', error })
    const callOff = clock.after(Math.min(graceMs, lostPatienceMs), resolve)
    void effects.idle().then(() => {
      callOff()
      resolve()
    })
  }
}
