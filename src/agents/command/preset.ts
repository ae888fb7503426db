import type { AgentRequest } from '../../core/ports.ts'
import type { Invocation } from './invocation.ts'
import type { Emit, Reader } from './reader.ts'

/** All that is particular to one agent CLI: how to start it, and how to read what it says. */
export interface Preset {
  readonly name: string
  readonly executable: string
  /** What to type to install it. */
  readonly install: string
  /** What to do when it says that nobody is logged in. */
  readonly login: string
  /** The arguments after the executable. `model` is the call's or the agent's. */
  invoke(request: AgentRequest, model: string | undefined): Invocation
  /** Added to the environment, under what the request adds. */
  readonly env?: Readonly<Record<string, string>>
  /** Variables it must not get, so that it does not take itself for a part of the agent that started us. */
  readonly unset?: readonly string[]
  /** Reads its stdout. */
  read(emit: Emit, model: string | undefined): Reader
}
