import type { Clock } from './core/ports.ts'

/** Node takes no timer longer than 24 days and fires such a one at once; a longer wait is asked for in pieces. */
const longestTimerMs = 2 ** 31 - 1

/** The clock and the dice of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, call) {
    let timer: NodeJS.Timeout
    const arm = (left: number) => {
      const piece = Math.min(left, longestTimerMs)
      timer = setTimeout(() => (left > piece ? arm(left - piece) : call()), piece)
    }
    arm(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
}
