import type { Refusal } from '../core/budget.ts'
import type { StepKey, WaitReason } from '../core/event.ts'

/**
 * Something a loop asked its context for and has not received yet. It is kept under its key until its event is delivered,
 * or dropped when its branch is cancelled.
 */
export interface Operation {
  readonly key: StepKey
  readonly name: string
  readonly hash: string | undefined
  /** The path of the branch that asked. */
  readonly path: string
  /** Performs it, for the first time or again after a crash. Called once the recorded history is used up. */
  readonly begin: () => void
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** True for the signal this operation waits for. */
  readonly accepts?: (signal: { readonly kind: string; readonly target?: string }) => boolean
  /** Why it only waits for the outside; a run whose operations all wait is suspended. */
  parked?: Parked
  /** Ends the effect or the timer in flight. */
  abort?: (reason: AbortReason) => void
  /** The child run it waits for. */
  child?: string
  /** For a step that may run after a cancellation: until when, in milliseconds since 1970. */
  readonly graceUntil?: number | undefined
  /** Exempt from cancellation. */
  readonly final: boolean
}

export interface Parked {
  readonly reason: WaitReason | 'guard'
  readonly wakeAt?: number
  readonly guard?: Guard
}

/** What ended the iterations: a request to stop, or a cap. */
export interface Guard {
  readonly reason: string
  readonly refusal?: Refusal
}

/**
 * Why an effect in flight is ended. After `stop` its result still counts and is recorded; after the others it does not.
 */
export type AbortReason = 'stop' | 'cancel' | 'release'

/** What an event says of the operation it is about. */
export function identityOf(operation: Operation): { key: StepKey; name: string; hash?: string } {
  const { key, name, hash } = operation
  return hash === undefined ? { key, name } : { key, name, hash }
}
