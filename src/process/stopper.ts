/** What ended a process before its time. */
export type StopCause = 'abort' | 'timeout' | 'stalled' | 'flooded'

/** Waits for an abort, a timeout, or whoever else asks, whichever comes first. */
export interface Stopper {
  /** Resolves when the process shall be stopped; never rejects. */
  readonly asked: Promise<StopCause>
  /** Which it was, once `asked` resolved. */
  cause(): StopCause | undefined
  /** Asks for the stop; the first cause counts. */
  ask(why: StopCause): void
  /** Stops listening and clears the timer. */
  dispose(): void
}

const longestTimer = 2 ** 31 - 1

/** Starts the clock and listens to the signal. */
export function stopper(signal: AbortSignal | undefined, timeoutMs: number | undefined): Stopper {
  const { promise, resolve } = Promise.withResolvers<StopCause>()
  let cause: StopCause | undefined
  const ask = (why: StopCause) => {
    cause ??= why
    resolve(cause)
  }
  const onAbort = () => ask('abort')
  const timer = timeoutMs === undefined ? undefined : setTimeout(ask, clamp(timeoutMs), 'timeout')
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  return {
    asked: promise,
    cause: () => cause,
    ask,
    dispose: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    },
  }
}

// setTimeout fires at once for anything longer than its 32 bits.
function clamp(ms: number): number {
  return Math.min(Math.max(0, ms), longestTimer)
}
