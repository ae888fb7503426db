import type { Amounts, Caps, Refusal } from './budget.ts'
import type { ErrorRecord } from './errors.ts'
import type { Json, JsonObject } from './json.ts'

/**
 * Where a step stands in its run: the segment, the branch path and the ordinal within that branch, as in `0/2.1:4`
 * (segment 0, second child of the scope at ordinal 2, fifth step there). The root branch's path is empty: `0/:3`.
 */
export type StepKey = string

/** A message to a run from outside, as it stands in the inbox. `id` makes posting it twice the same as once. */
export interface Signal {
  readonly id: string
  readonly kind: SignalKind
  /** answer: the ask's id · message: the name · child_finished: the child's run id */
  readonly target?: string
  readonly payload?: Json
}

export type SignalKind = 'answer' | 'message' | 'child_finished' | 'cancel' | 'stop' | 'pause' | 'reopen'

/** What an agent, check or other effect of a step is about, for people and views; never read by replay. */
export type StepDetail = JsonObject

/**
 * Every fact a journal can hold. Only the driver that holds the run's epoch appends; the store assigns `seq`.
 * Deliverable kinds (those the loop function observes) are step_settled, timer_fired, signal_received, cancel_requested,
 * stop_requested, reopened and iteration_started; replay delivers them in journal order, one per macrotask.
 */
export type EventBody =
  | {
      readonly kind: 'run_started'
      readonly loop: string
      readonly version: string
      readonly spec: Json
      readonly forkedFrom?: { readonly run: string; readonly iteration: number }
    }
  | { readonly kind: 'run_claimed'; readonly driver: string; readonly version: string }
  | {
      readonly kind: 'step_started'
      readonly key: StepKey
      readonly name: string
      readonly hash?: string
      readonly attempt: number
      readonly effect: string
      readonly once?: true
      readonly detail?: StepDetail
    }
  | {
      readonly kind: 'step_settled'
      readonly key: StepKey
      readonly name: string
      readonly hash?: string
      readonly attempt: number
      readonly effect?: string
      readonly value?: Json
      readonly ref?: BlobRef
      readonly error?: ErrorRecord
      readonly usage?: Amounts
      readonly detail?: StepDetail
    }
  | {
      readonly kind: 'timer_set'
      readonly key: StepKey
      readonly name: string
      readonly dueAt: number
      readonly reason?: string
    }
  | { readonly kind: 'timer_fired'; readonly key: StepKey; readonly name: string }
  | {
      readonly kind: 'ask_opened'
      readonly key: StepKey
      readonly name: string
      readonly ask: string
      readonly request: Json
    }
  | {
      readonly kind: 'child_started'
      readonly key: StepKey
      readonly name: string
      readonly child: string
      readonly loop: string
      readonly hash?: string
    }
  | { readonly kind: 'iteration_started'; readonly key: StepKey; readonly name: string; readonly iteration: number }
  | { readonly kind: 'signal_received'; readonly signal: Signal }
  | { readonly kind: 'cancel_requested'; readonly signalId?: string; readonly reason: string }
  | { readonly kind: 'stop_requested'; readonly signalId?: string; readonly reason: string }
  | { readonly kind: 'reopened'; readonly signalId?: string; readonly caps?: Caps }
  | { readonly kind: 'budget_warned'; readonly refusal: Refusal }
  | {
      readonly kind: 'step_aborted'
      readonly key: StepKey
      readonly name: string
      readonly hash?: string
      readonly attempt: number
      readonly reason: string
      readonly usage?: Amounts
    }
  | { readonly kind: 'emitted'; readonly key: StepKey; readonly name: string; readonly data: Json }
  | { readonly kind: 'changed'; readonly key: StepKey; readonly id: string }
  | {
      readonly kind: 'continued'
      readonly version: string
      readonly segment: number
      readonly state: Json
      readonly mailbox: readonly Signal[]
      readonly iteration: number
    }
  | {
      readonly kind: 'run_suspended'
      readonly reason: WaitReason
      readonly wakeAt?: number
      readonly asks?: readonly string[]
    }
  | { readonly kind: 'run_paused'; readonly reason: string }
  | { readonly kind: 'run_stopped'; readonly reason: string; readonly refusal?: Refusal }
  | { readonly kind: 'run_error'; readonly error: ErrorRecord }
  | { readonly kind: 'run_finished'; readonly value?: Json; readonly ref?: BlobRef }
  | { readonly kind: 'run_failed'; readonly error: ErrorRecord }
  | { readonly kind: 'run_cancelled'; readonly reason: string }
  | { readonly kind: 'run_killed'; readonly reason: string }

/** Why a suspended run waits. */
export type WaitReason = 'input' | 'message' | 'timer' | 'rate_limit' | 'child'

/** A value kept in a file beside the run because it is large. Bytes are UTF-8 JSON; `hash` is sha256 in hex. */
export interface BlobRef {
  readonly path: string
  readonly bytes: number
  readonly hash: string
}

/** An event as it stands in the journal. `ts` is in milliseconds since 1970. */
export type JournalEvent = EventBody & { readonly seq: number; readonly epoch: number; readonly ts: number }

export type EventKind = EventBody['kind']
export type EventOf<K extends EventKind> = Extract<JournalEvent, { kind: K }>

/** The journal format this code writes. A higher number in a store is refused with `store_newer`. */
export const journalVersion = 1
