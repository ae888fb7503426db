import { environment } from '../../config/process-environment.ts'
import type { Io } from './io.ts'

/** Two of the same signal within this time are one key press: a launcher passes on what the terminal sent to both. */
const samePressMs = 250

/** The world of this very process. */
export function processIo(): Io {
  const unread = new AbortController()
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that went away (`| head`), or a terminal that was closed, ends nothing.
    stream.on('error', () => {
      if (stream === process.stdout) unread.abort()
    })
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: environment(),
    cwd: process.cwd(),
    unread: unread.signal,
    exit: (code) => process.exit(code),
    onInterrupt(heard) {
      let times = 0
      let last = Number.NEGATIVE_INFINITY
      const hear = () => {
        const now = performance.now()
        if (now - last < samePressMs) return
        last = now
        times++
        heard(times)
      }
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
      for (const signal of signals) process.on(signal, hear)
      return () => {
        for (const signal of signals) process.off(signal, hear)
      }
    },
  }
}
