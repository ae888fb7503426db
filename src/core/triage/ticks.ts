import type { TriageInput } from '../spec/triage.ts'
import type { Level } from './level.ts'
import type { Pattern } from './pattern.ts'
import type { TickResult } from './tick.ts'

/** How a tick works, where somebody says so. */
export type TickSettings = Omit<
  Partial<TriageInput>,
  'kind' | 'pattern' | 'level' | 'dryRun' | 'tick' | 'root' | 'item' | 'request' | 'gate' | 'rules' | 'skills'
>

/** A tick that somebody wants. */
export interface TickRequest {
  readonly pattern: Pattern
  /** The pattern's own week-one level by default. */
  readonly level?: Level
  readonly dryRun?: boolean
  /** The id of its run. A run of this id that is there already is gone on with, and its result is answered when it is over. */
  readonly id?: string
  /** The only finding it may act on; earlier tries do not count against it. */
  readonly item?: string
  /** What somebody asked for, in their words, and who. */
  readonly asked?: { readonly text: string; readonly by: string }
  /** Which of the ticks asked for together it is, from 1; 1 by default. */
  readonly tick?: number
  /** Dry runs of one session count in one budget. */
  readonly session?: string
  /** Over what the project and the user configured: agent, checks, where a change goes. */
  readonly settings?: TickSettings
  /** Aborted: the run is paused, resumable, and the call rejects. */
  readonly signal?: AbortSignal
}

/** The patterns of a project, and their ticks. */
export interface TriageTicks {
  /** Read anew at each call. Rejects with `bad_input`, which names file and line. */
  patterns(): Promise<readonly Pattern[]>
  /** The ids of those the project set up and does not pause in its LOOP.md; absent: all of its registry. */
  active?(): Promise<readonly string[]>
  /** Makes a tick a run of its own. Resolves when it is over, or waits for a person. */
  tick(request: TickRequest): Promise<TickResult>
}
