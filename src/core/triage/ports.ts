import type { Discovery, Finding } from './finding.ts'
import type { SourceName } from './pattern.ts'
import type { Revision, TickDraft, TickResult } from './tick.ts'

/** Sees what there is to do. Rejects for nothing that the world does: what it cannot see it says in `why`. */
export interface Source {
  readonly name: SourceName
  look(options: {
    readonly signal: AbortSignal
  }): Promise<{ readonly findings: readonly Finding[] } | { readonly why: string }>
}

/** Where a project's code, issues and pull requests are kept for all: GitHub, by `gh` or its REST API. */
export interface Forge {
  /** `owner/name` */
  readonly repository: string
  issues(): Promise<readonly ForgeIssue[]>
  pulls(): Promise<readonly ForgePull[]>
  /** Whether any open issue or pull request has this label. */
  labelled(label: string): Promise<boolean>
  /** The newest run of each workflow of the default branch and of open pull requests. */
  ciRuns(): Promise<readonly ForgeCiRun[]>
  /** Comments on an issue or pull request, and review comments, oldest first. */
  comments(number: number): Promise<readonly ForgeComment[]>
  /** What a user may do: `none` for one who is not known there. */
  permission(user: string): Promise<'admin' | 'write' | 'triage' | 'read' | 'none'>
  /** Opens a pull request for a branch that is pushed, or finds the open one of that branch. */
  openPull(request: {
    readonly branch: string
    readonly base: string
    readonly title: string
    readonly body: string
    readonly labels?: readonly string[]
  }): Promise<{ readonly number: number; readonly url: string }>
  comment(number: number, body: string): Promise<void>
  defaultBranch(): Promise<string>
}

export interface ForgeIssue {
  readonly number: number
  readonly title: string
  readonly body: string
  readonly url: string
  readonly author: string
  readonly labels: readonly string[]
  /** Milliseconds since 1970. */
  readonly updatedAt: number
}

export interface ForgePull extends ForgeIssue {
  /** `owner:branch` for one of a fork, so that nobody passes theirs off as ours. */
  readonly branch: string
  readonly base: string
  readonly draft: boolean
  readonly head: string
}

export interface ForgeCiRun {
  readonly id: number
  readonly workflow: string
  /** `owner:branch` for one of a fork. */
  readonly branch: string
  readonly head: string
  readonly url: string
  readonly conclusion: 'success' | 'failure' | 'cancelled' | 'running' | 'other'
  readonly updatedAt: number
}

export interface ForgeComment {
  readonly id: number
  readonly author: string
  readonly body: string
  readonly url: string
  readonly createdAt: number
  /** A review comment's file and line. */
  readonly path?: string
  readonly line?: number
  /** It belongs to a review that approves. */
  readonly approves?: true
}

/** What people are told. Every text is redacted before it gets here. */
export interface Notice {
  readonly kind: 'escalation' | 'halted' | 'failed' | 'proposed' | 'merged' | 'reported' | 'test'
  readonly title: string
  /** A few lines, plain text. */
  readonly text: string
  readonly pattern?: string
  readonly run?: string
  /** Where to look: a deep link, or a pull request. */
  readonly url?: string
  /** What to type: `loopwright approve run-…`. */
  readonly commands?: readonly string[]
}

/** Tells people somewhere. Rejects when it could not; who calls it goes on all the same. */
export interface Notifier {
  readonly name: string
  notify(notice: Notice, options: { readonly signal: AbortSignal }): Promise<void>
}

/** What earlier ticks of a pattern left for this one. */
export interface Standing {
  /** Why nothing may be done now: the kill switch, `loop-pause-all`, the day's tokens. */
  readonly halted?: string
  /** Why nothing but a report may be done now: 80 % of the day's tokens. */
  readonly reportOnly?: string
  /** Tokens of this pattern and UTC day. */
  readonly spent: number
  readonly cap: number | null
  /** Tries so far by item id, those that came to nothing. */
  readonly attempts: Readonly<Record<string, number>>
  /** Items that wait for a human, by id. */
  readonly waiting: readonly string[]
  /** The state file as it is now; empty when there is none. */
  readonly state: string
  /** What people wrote about the last change of an item (review comments, a human's no), by item id. */
  readonly feedback: Readonly<Record<string, string>>
  /** Pull requests that people want changed, by item id. */
  readonly revisions?: Readonly<Record<string, Revision>>
}

/** Where a change went, and why there. */
export interface Delivery {
  readonly outcome: 'committed' | 'proposed' | 'merged' | 'escalated'
  readonly branch: string
  readonly url?: string
  readonly reason: string
}

/** What a triage tick has of the world besides agents, checks and its workspace. Made per run, and bound to the level of that run. */
export interface TickDesk {
  /** Asked before every call of an agent: why nothing more may be done. */
  halted(): Promise<string | undefined>
  standing(): Promise<Standing>
  discover(options: { readonly signal: AbortSignal }): Promise<Discovery>
  /** Makes the run's branch visible, and nothing more. */
  keep(): Promise<void>
  /** Pushes, proposes or merges what the run's branch holds. Rejects with `denied` where the level forbids it. */
  deliver(request: {
    readonly how: 'branch' | 'pull_request' | 'merge'
    readonly result: TickDraft
    readonly signal: AbortSignal
  }): Promise<Delivery>
  /** Writes the state file, the run log and the ledger, and tells people what they should know. The same twice is written once. */
  record(draft: TickDraft): Promise<TickResult>
}
