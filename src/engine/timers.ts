import type { Clock } from '../core/ports.ts'

/** The timers of an activation: they die with it. */
export class Timers {
  readonly #clock: Clock
  readonly #released: AbortSignal
  readonly #pending = new Set<() => void>()

  constructor(clock: Clock, released: AbortSignal) {
    this.#clock = clock
    this.#released = released
    released.addEventListener('abort', () => {
      for (const callOff of this.#pending) callOff()
      this.#pending.clear()
    })
  }

  /** Calls after `ms` milliseconds, or soon when that is over already. Returns the way to call it off. */
  after(ms: number, call: () => void): () => void {
    const callOff = this.#clock.after(Math.max(0, ms), () => {
      this.#pending.delete(callOff)
      if (!this.#released.aborted) call()
    })
    this.#pending.add(callOff)
    return () => {
      this.#pending.delete(callOff)
      callOff()
    }
  }

  /** Calls at `time`, in milliseconds since 1970. */
  at(time: number, call: () => void): () => void {
    return this.after(time - this.#clock.now(), call)
  }
}
