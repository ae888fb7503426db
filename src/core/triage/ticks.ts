import type { Level } from './level.ts'
import type { Pattern } from './pattern.ts'
import type { TickResult } from './tick.ts'

/** A tick that somebody wants. */
export interface TickRequest {
  readonly pattern: Pattern
  /** The pattern's own week-one level by default. */
  readonly level?: Level
  readonly dryRun?: boolean
  /** The id of its run. A run of this id that is there already is gone on with, and its result is answered when it is over. */
  readonly id?: string
  /** Aborted: the run is paused, resumable, and the call rejects. */
  readonly signal?: AbortSignal
}

/** The patterns of a project, and their ticks. */
export interface TriageTicks {
  /** Read anew at each call. Rejects with `bad_input`, which names file and line. */
  patterns(): Promise<readonly Pattern[]>
  /** Makes a tick a run of its own. Resolves when it is over, or waits for a person. */
  tick(request: TickRequest): Promise<TickResult>
}
