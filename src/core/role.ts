import type { Json, JsonObject } from './json.ts'
import type { AgentOutcome } from './ports.ts'

/** A role: the prompt an agent gets for an input, and what is read out of its answer. Pure: no clock, no files. */
export interface Role<Input, Output> {
  /** `decomposer`, `worker` … : what configuration and the environment of the agent call it. */
  readonly name: string
  readonly system: string
  prompt(input: Input): string
  /** The structured facts behind the prompt, for agents that are functions. */
  context?(input: Input): JsonObject
  /** What the answer means; undefined when it cannot be understood. Absent: the answer is its text. */
  parse?(text: string, input: Input): Output | undefined
  readonly expectsJson?: boolean
}

/** How a call of an agent in a role ended, as a loop sees it. */
export interface RoleResult<Output = Json> {
  /** An agent's outcome, or `budget` when a cap refused the call. */
  readonly outcome: AgentOutcome | 'budget'
  readonly ok: boolean
  readonly text: string
  /** What `parse` made of the text, when the outcome is done and it could be understood. */
  readonly value: Output | undefined
  /** What went wrong and what to do. */
  readonly error: string | undefined
  readonly outputPath: string | undefined
  /** Calls made, retries included. */
  readonly calls: number
}
