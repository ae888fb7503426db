import type { JsonObject } from '../json.ts'
import type { Skipped } from './finding.ts'
import type { GateRuling } from './gate.ts'
import type { Level } from './level.ts'
import type { SourceName } from './pattern.ts'

/** What a tick decided to do about what it saw; `halt`: nothing may be done now. */
export type TickDecision = 'noop' | 'report' | 'act' | 'halt'

/** What a tick came to in the end. `would_*` are the words of a dry run. */
export type TickOutcome =
  | 'noop'
  | 'reported'
  | 'drafted'
  | 'would_commit'
  | 'would_escalate'
  | 'committed'
  | 'proposed'
  | 'merged'
  | 'rejected'
  | 'escalated'
  | 'denied'
  | 'failed'
  | 'halted'

/** A finding as the triager ranked it. */
export interface TickItem {
  /** The id of its finding. */
  readonly id: string
  readonly title: string
  readonly rank: 'high' | 'watch' | 'noise'
  readonly why: string
  readonly url?: string
  readonly source?: SourceName
}

/** What the verifier says: `## Verdict: APPROVE | REJECT | ESCALATE_HUMAN`. Anything else is REJECT. */
export type VerifierWord = 'APPROVE' | 'REJECT' | 'ESCALATE_HUMAN'

/** An open pull request of an earlier tick, which a tick changes after review instead of opening another. */
export interface Revision {
  /** The branch at the forge, and the commit we left there. */
  readonly branch: string
  readonly commit: string
  readonly url: string
  /** When the last word was said that is taken into account, in milliseconds since 1970. */
  readonly heard: number
}

/** What one tick of a triage loop did; the whole of it is recorded, and nothing in it is a secret. */
export interface TickResult {
  /** The run that this tick is. */
  readonly run: string
  readonly pattern: string
  readonly name: string
  /** From 1, of the ticks asked for together. */
  readonly tick: number
  /** The level it worked at, and what lowered it from the one it was given. */
  readonly level: Level
  readonly lowered?: string
  readonly dryRun: boolean
  readonly agent: string
  readonly decision: TickDecision
  readonly outcome: TickOutcome
  /** Why, for people, one line. */
  readonly reason: string
  readonly items: readonly TickItem[]
  readonly skipped: readonly Skipped[]
  /** What it acted on, and what it meant to do. */
  readonly item?: { readonly id: string; readonly title: string; readonly attempt: number; readonly url?: string }
  readonly proposal?: string
  readonly change?: { readonly files: readonly string[]; readonly lines: number; readonly commit?: string }
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly error: string | null }[]
  readonly verdict?: 'accept' | 'reject' | 'escalate'
  readonly verifier?: { readonly word: VerifierWord; readonly evidence: string }
  readonly gate?: GateRuling
  /** Where the change is now. */
  readonly branch?: string
  readonly url?: string
  /** The pull request that it changed, or meant to. */
  readonly revises?: Revision
  /** Of this tick alone. */
  readonly tokens: number
  readonly costUsd: number
  /** Tokens of this pattern and UTC day, this tick included; no cap: null. */
  readonly spent: number
  readonly cap: number | null
  /** ISO 8601, and seconds. */
  readonly startedAt: string
  readonly duration: number
  /** What a person decided about an escalation. */
  readonly decided?: { readonly approved: boolean; readonly by: string; readonly note: string }
}

/** A result before it is recorded: what it cost is not known yet. */
export type TickDraft = Omit<TickResult, 'tokens' | 'costUsd' | 'spent' | 'cap' | 'duration'>

/** What a tick asks a person: the request of its `ask`, as the inbox shows it. */
export interface EscalationRequest extends JsonObject {
  readonly kind: 'escalation'
  readonly pattern: string
  readonly item: string
  readonly title: string
  readonly reason: string
  readonly files: string[]
  readonly branch: string
}

/** What a person answers to it. */
export interface EscalationAnswer extends JsonObject {
  readonly approved: boolean
  readonly note: string
  readonly by: string
}
