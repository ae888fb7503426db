import { constants } from 'node:os'
import type { CommandFailure } from '../core/ports.ts'
import type { Supervised } from './supervise.ts'

/** Why a process did not end well by itself, and how to say it. */
export interface Failure {
  readonly failure: CommandFailure
  readonly error: string
}

/** What it was allowed, to tell of it. */
export interface Allowed {
  readonly timeoutMs?: number
  readonly stallMs?: number
}

/** Signals of which a process dies by its own fault or the kernel's; SIGTERM, SIGINT and the like are requests of others. */
const crashSignals: readonly NodeJS.Signals[] = [
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGSEGV',
  'SIGSYS',
  'SIGXCPU',
  'SIGXFSZ',
]

/**
 * Tells a failure from what was seen; undefined when the process ended by itself with whatever exit code, was cancelled, or never started. What
 * we did to it comes first, for it explains how it ended; then evidence; an exit code comes last, and only says `crash`.
 */
export function failureOf(seen: Supervised, allowed: Allowed = {}): Failure | undefined {
  if (seen.spawnError !== undefined) return undefined
  if (seen.timedOut) return { failure: 'timeout', error: `timed out after ${(allowed.timeoutMs ?? 0) / 1000}s` }
  if (seen.stalled) {
    const time = `${(allowed.stallMs ?? 0) / 1000}s`
    return {
      failure: 'stalled',
      error: `stalled: it printed nothing and did no work for ${time}; look what it waits for, or allow it a longer silence`,
    }
  }
  if (seen.flooded) {
    return {
      failure: 'flood',
      error: `flooded: it was ended after ${size(seen.bytes)} of output; make it print less, or write to a file`,
    }
  }
  if (seen.aborted) return undefined
  if (seen.oom !== undefined) {
    return {
      failure: 'oom',
      error: `ran out of memory: ${seen.oom.evidence}; give it more memory, or run fewer at once`,
    }
  }
  if (seen.signal !== null) return { failure: 'crash', error: `ended by ${seen.signal}, which nobody here sent` }
  const died = crashSignals.find((signal) => seen.exitCode === 128 + constants.signals[signal])
  if (died === undefined) return undefined
  return { failure: 'crash', error: `exit code ${seen.exitCode}: ended by ${died}, which nobody here sent` }
}

function size(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2
  return mebibytes >= 1 ? `${Math.round(mebibytes)} MiB` : `${bytes} bytes`
}
