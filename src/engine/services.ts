import type { Amounts, Caps } from '../core/budget.ts'
import type { JsonObject } from '../core/json.ts'
import type {
  Agent,
  ApprovalPolicy,
  CommandSpec,
  Confine,
  RunCheck,
  RunCommand,
  RunRecord,
  Usage,
  Workspace,
} from '../core/ports.ts'

/** How agents are called in one role. */
export interface RoleSettings {
  readonly agent: Agent
  readonly model?: string
  /** Added to the role's system prompt. */
  readonly instructions?: string
  readonly timeoutMs?: number
  /** Milliseconds without output or work after which a call is ended. */
  readonly stallMs?: number
  readonly skipPermissions?: boolean
  readonly approvals?: ApprovalPolicy
  /** Who takes over when the agent is at its limit or not logged in. */
  readonly fallback?: RoleSettings
  /** Tries after the first. */
  readonly retries: number
}

/** The world of one run: what its context's effects use. Made by the composition root for each activation. */
export interface Services {
  /** The settings of a role in this run; throws `bad_input` for an agent that does not exist. */
  role(name: string): RoleSettings
  /** The run's workspace, opened when first needed. */
  workspace(): Promise<Workspace>
  readonly confine?: Confine
  readonly runCheck: RunCheck
  readonly runCommand: RunCommand
  /** What a call used, in whole numbers. */
  amounts(usage: Usage | undefined): Amounts
  /** Where the full output of an agent or a check goes; a file of this name in the run's folder. */
  outputPath(name: string): string | undefined
  /** Commands that people put around iterations, workers and acceptance; trusted. */
  readonly hooks: { readonly [name in HookName]?: readonly CommandSpec[] }
  /** Marks a story of a backlog as passed in the plan's file as this workspace has it; answers whether the file says so now. */
  markStory?: (mark: {
    readonly workspace: Workspace
    readonly file: string
    readonly story: string
  }) => Promise<boolean>
  /** Hears what agents say while they say it; nothing of it is journalled. */
  onDelta?: (delta: JsonObject) => void
}

export type HookName =
  | 'beforeIteration'
  | 'afterIteration'
  | 'beforeWorker'
  | 'afterWorker'
  | 'beforeAccept'
  | 'afterAccept'

export type ServicesOf = (run: RunRecord) => Services

/**
 * The tokens and money reserved for one agent call whose use nobody can know beforehand: an eighth of the cap. The true use is
 * settled after, and a run whose calls together pass the cap while they run is stopped.
 */
export function allowance(caps: Caps): Amounts {
  const share = (cap: number | undefined) => (cap === undefined ? undefined : Math.max(1, Math.ceil(cap / 8)))
  const tokens = share(caps.tokens)
  const microUsd = share(caps.microUsd)
  return { ...(tokens === undefined ? {} : { tokens }), ...(microUsd === undefined ? {} : { microUsd }) }
}
