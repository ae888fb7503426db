import { isBusy, storeLocked } from './errors.ts'

/**
 * Tries synchronous work again while another process holds the lock, without blocking the event loop meanwhile: SQLite's own
 * busy timeout froze it for seconds. Rejects with `store_locked` when `patienceMs` have passed.
 */
export async function patiently<T>(work: () => T, options: { path: string; patienceMs: number }): Promise<T> {
  let started: number | undefined
  for (let attempt = 0; ; attempt += 1) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      started ??= performance.now()
      if (performance.now() - started >= options.patienceMs) throw storeLocked(options.path, error)
      await pause(attempt)
    }
  }
}

/** A commit holds the lock for about 0.1 ms, so the first pause is short; jitter keeps many waiters from meeting again. */
function pause(attempt: number): Promise<void> {
  if (attempt === 0) return new Promise((resolve) => setImmediate(resolve))
  const most = Math.min(2 ** attempt, 25)
  return new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * most))
}
