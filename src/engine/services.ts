import type { BrowserPlay } from '../core/browser.ts'
import type { Amounts, Caps } from '../core/budget.ts'
import type { StepKey } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type {
  Agent,
  ApprovalPolicy,
  CommandOptions,
  CommandProgress,
  CommandResult,
  CommandSpec,
  Confine,
  PlayResult,
  RunCheck,
  RunCommand,
  RunRecord,
  Usage,
  Workspace,
} from '../core/ports.ts'
import type { TickDesk } from '../core/triage/ports.ts'

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
  /** No two calls of the run overlap, so that each may use all that is left. */
  readonly oneAtATime?: boolean
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
  /** Plays a page in a real browser; absent: there is none. Its server runs in `cwd`, with `env` on top of what commands get. Pictures go beside the run, their names begin with `prefix`. */
  playBrowser?: (
    play: BrowserPlay,
    options: Pick<CommandOptions, 'cwd' | 'env' | 'signal' | 'outputPath' | 'confinement'> & {
      readonly name: string
      readonly prefix: string
    },
  ) => Promise<PlayResult>
  /** What earlier runs of this loop learnt, for the next agent; bounded by who gives it. */
  knowledge?: () => Promise<string>
  /** Hears of the commands of a loop's stages: before, while and after they run. Nothing of it is journalled; it must not throw. */
  onCommand?: (facts: CommandFacts) => void
  /** What a triage tick looks at, delivers and records with. */
  readonly desk?: TickDesk
  /** Hears what agents say while they say it; nothing of it is journalled. */
  onDelta?: (delta: JsonObject) => void
}

/** A command as its observer sees it. */
export interface CommandFacts {
  readonly state: 'starting' | 'running' | 'ended'
  readonly step: StepKey
  readonly name: string
  readonly iteration: number
  /** For people. */
  readonly command: string
  readonly outputPath?: string
  /** While it runs. */
  readonly progress?: CommandProgress
  /** Once it has ended. */
  readonly result?: Pick<CommandResult, 'exitCode' | 'failure' | 'duration' | 'error'>
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
 * The tokens and money reserved for one agent call whose use nobody can know beforehand: an eighth of the cap, or half of it where no two
 * calls overlap. Never all: what a call that died had reserved stays reserved. The true use is settled after, and a run whose calls together pass the cap while they run is stopped.
 */
export function allowance(caps: Caps, oneAtATime = false): Amounts {
  const parts = oneAtATime ? 2 : 8
  const share = (cap: number | undefined) => (cap === undefined ? undefined : Math.max(1, Math.ceil(cap / parts)))
  const tokens = share(caps.tokens)
  const microUsd = share(caps.microUsd)
  return { ...(tokens === undefined ? {} : { tokens }), ...(microUsd === undefined ? {} : { microUsd }) }
}
