import type { ErrorRecord } from '../core/errors.ts'
import type { EventBody, StepKey, WaitReason } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { RunPatch } from '../core/ports.ts'
import type { Guard, Parked } from './operation.ts'
import type { Stored } from './values.ts'

/** How an activation ended. Only `lost` leaves the run's row as it was: somebody else has it now, or the store failed. */
export type Ending =
  | { readonly type: 'finished'; readonly value: Json | undefined }
  | { readonly type: 'failed'; readonly error: ErrorRecord }
  | { readonly type: 'cancelled'; readonly reason: string }
  | { readonly type: 'suspended'; readonly reason: WaitReason; readonly wakeAt?: number }
  | { readonly type: 'stopped'; readonly reason: string }
  | { readonly type: 'paused'; readonly reason: string }
  | { readonly type: 'lost'; readonly error: unknown }

/** The last append of an activation: the event, the run's row, and what the caller is told. */
export interface LastWord {
  readonly event: EventBody
  readonly patch: RunPatch
  readonly ending: Ending
}

export function finished(stored: Stored, result: Json | undefined): LastWord {
  return {
    event: { kind: 'run_finished', ...stored },
    patch: { status: 'done', reason: 'done', wakeAt: null, result: result ?? null },
    ending: { type: 'finished', value: result },
  }
}

export function failed(error: ErrorRecord): LastWord {
  // A loop that diverged or hangs says nothing about the run: the right code can resume it.
  const kind = error.code === 'loop_diverged' || error.code === 'foreign_await' ? 'run_error' : 'run_failed'
  return {
    event: { kind, error },
    patch: { status: 'failed', reason: error.message, wakeAt: null },
    ending: { type: 'failed', error },
  }
}

export function cancelled(reason: string): LastWord {
  return {
    event: { kind: 'run_cancelled', reason },
    patch: { status: 'cancelled', reason, wakeAt: null },
    ending: { type: 'cancelled', reason },
  }
}

export function paused(reason: string): LastWord {
  return {
    event: { kind: 'run_paused', reason },
    patch: { status: 'paused', reason, wakeAt: null },
    ending: { type: 'paused', reason },
  }
}

export function stopped(guard: Guard): LastWord {
  const { reason, refusal } = guard
  return {
    event: { kind: 'run_stopped', reason, ...(refusal ? { refusal } : {}) },
    patch: { status: 'stopped', reason, wakeAt: null },
    ending: { type: 'stopped', reason },
  }
}

/** Of several reasons to wait, the one people should hear of first. */
const order: readonly WaitReason[] = ['input', 'message', 'rate_limit', 'timer', 'child']

export function suspended(parked: readonly Parked[], asks: readonly StepKey[]): LastWord {
  const reason = order.find((one) => parked.some((other) => other.reason === one)) ?? 'input'
  const wakeAt = earliest(parked)
  const wake = wakeAt === undefined ? {} : { wakeAt }
  return {
    event: { kind: 'run_suspended', reason, ...wake, ...(asks.length > 0 ? { asks } : {}) },
    patch: { status: 'waiting', reason, wakeAt: wakeAt ?? null },
    ending: { type: 'suspended', reason, ...wake },
  }
}

/** When the first of these timers is due, in milliseconds since 1970. */
export function earliest(parked: readonly Parked[]): number | undefined {
  const times = parked.map((one) => one.wakeAt).filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}
