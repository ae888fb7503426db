/** Counts what `setImmediate` still holds, so that a simulation knows when nothing more happens without the clock. */
export interface Immediates {
  readonly pending: number
  /** One turn of the event loop. */
  tick(): Promise<void>
  restore(): void
}

export function trackImmediates(): Immediates {
  const real = globalThis.setImmediate
  let pending = 0
  const counting = (call: (...args: unknown[]) => void, ...args: unknown[]) => {
    pending++
    return real(() => {
      pending--
      call(...args)
    })
  }
  globalThis.setImmediate = counting as typeof setImmediate
  return {
    get pending() {
      return pending
    },
    tick: () => new Promise((resolve) => real(resolve)),
    restore: () => {
      globalThis.setImmediate = real
    },
  }
}
