import type { Direction } from '../../core/metric.ts'
import type { RunResult } from '../../core/result.ts'
import type { RunView } from '../../core/view-types.ts'

/** All that a report shows. Times are milliseconds since 1970. */
export interface ReportFacts {
  readonly view: RunView
  readonly result: RunResult
  readonly rounds: readonly ReportRound[]
  /** What the run is for, where the view has no goal: a mission. */
  readonly title?: string
  /** What a turn of this loop is called; `iteration` by default. */
  readonly roundWord?: 'iteration' | 'round'
  readonly metric?: ReportMetric
  /** The changes of the whole run as a unified diff. */
  readonly diff?: string
  /** On top of the warnings of the view. */
  readonly notes?: readonly ReportNote[]
  readonly generatedAt: number
}

/** How a round, a stage or a check stands. */
export type ReportState = 'ok' | 'failed' | 'running' | 'skipped' | 'rolled_back'

/** One turn of the loop. */
export interface ReportRound {
  readonly number: number
  readonly state: ReportState
  /** The state in the loop's own words: `accepted`, `healthy`; absent: our words for the state. */
  readonly verdict?: string
  /** One sentence on what it came to. */
  readonly summary?: string
  readonly startedAt?: number
  readonly endedAt?: number
  readonly metric?: number
  readonly stages: readonly ReportStage[]
  readonly checks: readonly ReportCheck[]
  readonly review?: ReportReview
  /** What it taught. */
  readonly lessons?: readonly string[]
  readonly screenshots?: readonly ReportPicture[]
}

/** A command, an agent's call or a play. */
export interface ReportStage {
  readonly name: string
  readonly state: ReportState
  /** What it is about, in a line. */
  readonly detail?: string
  readonly command?: string
  readonly durationMs?: number
  /** The class of its failure: `timeout`, `stalled`, `oom`, `flood`, `crash`. */
  readonly failure?: string
  readonly error?: string
  /** What a browser saw. */
  readonly findings?: readonly string[]
  readonly log?: ReportLog
}

export interface ReportCheck {
  readonly name: string
  readonly ok: boolean
  readonly exitCode: number | null
  readonly durationMs?: number
  readonly error?: string
  readonly log?: ReportLog
}

/** The end of a log. */
export interface ReportLog {
  readonly text: string
  readonly path?: string
  /** Bytes of the whole; absent: the text is all of it. */
  readonly bytes?: number
}

export interface ReportReview {
  readonly accepted: boolean
  readonly gates: readonly { readonly name: string; readonly open: boolean }[]
  readonly issues: readonly string[]
}

/** A picture: its bytes, or only where it is. */
export interface ReportPicture {
  readonly name: string
  readonly path: string
  /** A PNG. */
  readonly png?: Uint8Array
  /** Where it can be reached from the report, when that is known: a relative path. */
  readonly href?: string
}

/** How a number went from round to round. */
export interface ReportMetric {
  readonly name: string
  /** What it is compared with, and how. */
  readonly target?: number
  readonly direction?: Direction
  readonly points: readonly ReportPoint[]
}

export interface ReportPoint {
  readonly round: number
  readonly value: number
  /** False: the round was rolled back. */
  readonly kept: boolean
}

/** Something that happened and is worth a line. */
export interface ReportNote {
  readonly at: number
  readonly text: string
}
