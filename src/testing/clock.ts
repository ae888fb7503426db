import type { Clock } from '../core/ports.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly call: () => void
}

/** A random number generator whose whole sequence follows from its seed. Numbers are in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A clock that stands still until it is told to go on. Times are in milliseconds. */
export class FakeClock implements Clock {
  #now: number
  #timers: Timer[] = []
  #order = 0
  readonly #random: () => number

  constructor(options: { readonly start?: number; readonly seed?: number } = {}) {
    this.#now = options.start ?? Date.UTC(2026, 0, 1)
    this.#random = seededRandom(options.seed ?? 1)
  }

  now(): number {
    return this.#now
  }

  random(): number {
    return this.#random()
  }

  after(ms: number, call: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** When the next timer is due, or undefined when none is set. */
  get next(): number | undefined {
    return this.#earliest()?.at
  }

  /** Goes on to the next timer and calls it; false when none is set. */
  step(): boolean {
    const timer = this.#earliest()
    if (!timer) return false
    this.#timers = this.#timers.filter((other) => other !== timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.call()
    return true
  }

  /** Goes on by `ms`, calling every timer that becomes due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (let next = this.next; next !== undefined && next <= until; next = this.next) this.step()
    this.#now = until
  }

  #earliest(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>((best, timer) => {
      if (!best || timer.at < best.at || (timer.at === best.at && timer.order < best.order)) return timer
      return best
    }, undefined)
  }
}
