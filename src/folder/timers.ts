import type { Clock } from '../core/ports.ts'

/** The machine's clock; a timer of it keeps no process alive. */
export const timers: Pick<Clock, 'now' | 'after'> = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref()
    return () => clearTimeout(timer)
  },
}
