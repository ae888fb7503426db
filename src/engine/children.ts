import type { Caps } from '../core/budget.ts'
import type { StepKey } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { RunRecord } from '../core/ports.ts'

/** What a run needs of its children; the scheduler gives it. */
export interface Children {
  /** Makes the child if it is not there and sees to it that it is driven, or that its end is reported again. Idempotent. */
  start(child: ChildRequest): Promise<void>
  /** Asks a child to cancel. Idempotent. */
  cancel(child: string, reason: string): Promise<void>
}

export interface ChildRequest {
  readonly id: string
  readonly parent: RunRecord
  readonly key: StepKey
  readonly loop: string
  readonly spec: Json
  readonly caps: Caps | undefined
  /** The directory it is about; the parent's by default. */
  readonly project: string | undefined
}

/** How a loop starts a child. */
export interface ChildOptions {
  readonly name?: string
  /** Its own, besides those of its parent, which it counts in as well. */
  readonly caps?: Caps
  /** The directory it is about, absolute; the parent's by default. */
  readonly project?: string
}
