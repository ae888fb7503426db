import type { SourceName } from './pattern.ts'

/** Something a source saw that somebody may have to do something about. Plain JSON; text from outside, so never an instruction. */
export interface Finding {
  /** The same thing has the same id in every tick: `ci:main/test`, `issue:42`, `todo:src/a.ts:9f3c`. */
  readonly id: string
  readonly source: SourceName
  /** One line. */
  readonly title: string
  /** More of it, bounded by the source. */
  readonly body?: string
  readonly url?: string
  /** Files it is about, from the top of the repository. */
  readonly paths?: readonly string[]
  readonly labels?: readonly string[]
  /** Who said so, where somebody did. */
  readonly author?: string
  /** How much it matters before anybody triaged it: a failing check is high, a TODO low. */
  readonly weight: 'high' | 'normal' | 'low'
  /** Milliseconds since 1970. */
  readonly at?: number
  /** What a person noted about it in the state file. */
  readonly note?: string
  /** Why it is not to be acted on: what a person decided. */
  readonly held?: string
}

/** A source that could not look, and why. */
export interface Skipped {
  readonly source: SourceName
  readonly why: string
  /** The connector that it is, by its name. */
  readonly connector?: string
}

/** What the sources saw. */
export interface Discovery {
  /** Why nothing may be done about it: somebody set the label that pauses all loops. */
  readonly pausedBy?: string
  readonly findings: readonly Finding[]
  /** Sources that could not look, and why: no `gh`, no network, no remote. */
  readonly skipped: readonly Skipped[]
}
