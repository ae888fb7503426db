import type { CommandProgress } from '../core/ports.ts'
import type { SuperviseOptions } from './supervise.ts'

/** How often it is told how a command goes, in milliseconds. */
const everyMs = 1_000

/** Follows a command for an observer: `options` go to `supervise`, `end` stops it. What the observer throws is ignored. */
export function followProgress(
  observer: (progress: CommandProgress) => void,
  now: () => number = () => performance.now(),
): { readonly options: Pick<SuperviseOptions, 'onStart' | 'onStdout' | 'onStderr'>; readonly end: () => void } {
  const began = now()
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  const count = (text: string) => {
    bytes += Buffer.byteLength(text)
  }
  const tell = (pid: number) => {
    try {
      observer({ pid, bytes, elapsedMs: now() - began })
    } catch {
      // An observer that fails is not the command's fault.
    }
  }
  return {
    options: {
      onStart: ({ pid }) => {
        tell(pid)
        timer = setInterval(tell, everyMs, pid)
      },
      onStdout: count,
      onStderr: count,
    },
    end: () => clearInterval(timer),
  }
}
