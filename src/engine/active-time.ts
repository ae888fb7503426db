import type { Clock } from '../core/ports.ts'

/** Counts the time a run works (an effect is in flight), not the time it waits, and calls when its cap is reached. */
export class ActiveTime {
  readonly #clock: Clock
  readonly #after: (ms: number, call: () => void) => () => void
  readonly #onCap: (capMs: number) => void
  #total: number
  #since: number | undefined
  #cap: number | undefined
  #callOff: (() => void) | undefined

  constructor(options: {
    readonly clock: Clock
    readonly after: (ms: number, call: () => void) => () => void
    readonly startMs: number
    readonly onCap: (capMs: number) => void
  }) {
    this.#clock = options.clock
    this.#after = options.after
    this.#total = options.startMs
    this.#onCap = options.onCap
  }

  get now(): number {
    return Math.round(this.#total + (this.#since === undefined ? 0 : this.#clock.now() - this.#since))
  }

  /** The cap, when it is reached. */
  get reachedCap(): number | undefined {
    return this.#cap !== undefined && this.now >= this.#cap ? this.#cap : undefined
  }

  set cap(capMs: number | undefined) {
    this.#cap = capMs
    this.#arm()
  }

  start(): void {
    this.#since ??= this.#clock.now()
    this.#arm()
  }

  stop(): void {
    this.#total = this.now
    this.#since = undefined
    this.#arm()
  }

  #arm(): void {
    this.#callOff?.()
    this.#callOff = undefined
    const cap = this.#cap
    if (cap === undefined || this.#since === undefined) return
    this.#callOff = this.#after(cap - this.now, () => this.#onCap(cap))
  }
}
