import type { Caps, Refusal } from './budget.ts'
import type { ErrorRecord } from './errors.ts'
import type { BlobRef, StepKey } from './event.ts'
import type { Json } from './json.ts'
import type { RunStatus } from './ports.ts'

/** One call of an agent, as people see it. A retry takes the place of the call before it. Times are milliseconds since 1970. */
export interface AgentView {
  readonly key: StepKey
  readonly role: string
  readonly agent: string | undefined
  readonly model: string | undefined
  readonly subgoal: { readonly id: string; readonly description: string } | undefined
  readonly iteration: number
  /** 1 the first time; higher for retries and after rate limits. */
  readonly call: number
  /** 1 the first time; higher when a driver ended with this call in flight. */
  readonly attempt: number
  /** waiting: for a retry, a rate limit, or a new driver. */
  readonly state: 'running' | 'done' | 'failed' | 'waiting'
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** An agent's outcome, `budget` when a cap refused the call, `aborted` when its result does not count. */
  readonly outcome: string | undefined
  readonly error: string | undefined
  /** The first 600 characters of its answer. */
  readonly preview: string | undefined
  /** Characters it put out in all. */
  readonly chars: number | undefined
  readonly outputPath: string | undefined
  /** When it goes on, where that is known. */
  readonly resumesAt: number | undefined
}

/** One check of the current iteration. */
export interface CheckView {
  readonly key: StepKey
  readonly name: string
  readonly state: 'running' | 'passed' | 'failed'
  readonly exitCode: number | null
  /** Seconds. */
  readonly duration: number | undefined
  readonly error: string | undefined
}

/** A question that is open. Its id is what an answer goes to. */
export interface AskView {
  readonly id: StepKey
  readonly name: string
  readonly request: Json
}

/** Something people should know: a budget is nearly used up, an agent repeats itself, another took over. */
export interface WarningView {
  readonly at: number
  readonly text: string
  /** Of a budget. */
  readonly refusal?: Refusal
}

/** What an iteration came to, in short; the counts are absent until it is finished. */
export interface IterationView {
  readonly iteration: number
  readonly startedAt: number
  readonly finishedAt?: number
  readonly subgoalsOk?: number
  readonly subgoalsTotal?: number
  readonly checksOk?: number
  readonly checksTotal?: number
  readonly gatesPassed?: boolean
  readonly goalComplete?: boolean
}

export interface CheckpointView {
  readonly iteration: number
  readonly commit: string
  readonly files: readonly string[]
}

export interface ChildView {
  readonly key: StepKey
  readonly name: string
  readonly run: string
  readonly loop: string
  readonly status: string
}

/** What was used: settled calls only. Open reservations, children and what a fork inherited are in the store's ledger or not counted. */
export interface SpendView {
  readonly iterations: number
  readonly agentCalls: number
  readonly agents: number
  readonly tokens: number
  /** Millionths of a US dollar. */
  readonly microUsd: number
}

/** What people see of a run: the fold of its journal. Plain data; times are milliseconds since 1970. */
export interface RunView {
  readonly id: string
  readonly loop: string
  readonly kind: string
  readonly goal: string | undefined
  readonly status: RunStatus
  /** Why it is in this status, for people. */
  readonly reason: string | undefined
  /** What the loop says it is doing, if it says so. */
  readonly phase: string | undefined
  /** 0 before the first. */
  readonly iteration: number
  readonly createdAt: number
  /** When this run was first driven; a fork's inherited past does not count. */
  readonly startedAt: number | undefined
  readonly updatedAt: number
  /** When a suspended run goes on by itself. */
  readonly wakeAt: number | undefined
  readonly caps: Caps
  /** The subgoals of the current iteration, as planned. */
  readonly plan: readonly { readonly id: string; readonly description: string }[]
  /** Calls of agents in the current iteration: all that are not over, and the newest 200 that are. */
  readonly workers: readonly AgentView[]
  readonly checks: readonly CheckView[]
  /** What the reviewer said in the current iteration. */
  readonly review: Json | undefined
  readonly asks: readonly AskView[]
  readonly spend: SpendView
  readonly warnings: readonly WarningView[]
  readonly workspace:
    | {
        readonly path: string
        readonly branch: string | undefined
        readonly base: string | undefined
        readonly isolated: boolean
        readonly warnings: readonly string[]
      }
    | undefined
  /** Changed against the run's base as of the last checkpoint. */
  /** Changed against the run's base: all of them, or the first where they are too many for the journal. */
  readonly changedFiles: readonly string[]
  /** How many there are. */
  readonly changedCount: number
  readonly checkpoints: readonly CheckpointView[]
  readonly history: readonly IterationView[]
  readonly children: readonly ChildView[]
  readonly result: Json | undefined
  /** Where the result is when it is too large for the journal. */
  readonly resultRef: BlobRef | undefined
  readonly error: ErrorRecord | undefined
  /** The run this one was forked from. */
  readonly forkedFrom: string | undefined
  readonly segment: number
  /** The last event folded in; 0 before the first. */
  readonly seq: number
}
