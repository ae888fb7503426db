import type { AgentRequest } from '../../core/ports.ts'
import type { Invocation } from './invocation.ts'
import type { Emit, Reader } from './reader.ts'

/** All that is particular to one agent CLI: how to start it, how to read what it says, and what it needs to be confined. */
export interface Preset {
  readonly name: string
  readonly executable: string
  /** What to type to install it. */
  readonly install: string
  /** What to do when it says that nobody is logged in. */
  readonly login: string
  /** Tells from files and variables alone whether somebody is logged in; it calls nobody. */
  loggedIn(place: LoginPlace): Login
  /** The arguments after the executable. `model` is the call's or the agent's. */
  invoke(request: AgentRequest, model: string | undefined): Invocation
  /** Added to the environment, under what the request adds. */
  readonly env?: Readonly<Record<string, string>>
  /** Variables it must not get, so that it does not take itself for a part of the agent that started us. */
  readonly unset?: readonly string[]
  /** Reads its stdout. */
  read(emit: Emit, model: string | undefined): Reader
  /** The arguments with which it speaks the Agent Client Protocol, where it does by itself. */
  readonly acp?: readonly string[]
  readonly needs: Needs
  /**
   * Files of a project that make this agent run commands or send its key elsewhere (hooks, servers, providers), relative to the project's
   * top; a `/` at the end means everything in that directory. They are trusted before it starts.
   */
  readonly projectFiles: readonly string[]
}

/** What an agent must reach when it is confined. */
export interface Needs {
  /** Under the home directory, written: its login, its sessions, its caches. */
  readonly home: readonly string[]
  /** Under the home directory, read. */
  readonly homeRead?: readonly string[]
  /** The model API's and the login's hosts. */
  readonly hosts: readonly string[]
  /** Names of variables; a `*` at the end stands for any rest. */
  readonly env: readonly string[]
}

export interface LoginPlace {
  /** The home directory; absolute. */
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** The text of a file, undefined when it is not there or not ours to read. */
  readonly read: (path: string) => string | undefined
}

/** `unknown` where it cannot be told without a call (a keychain). `by` says from what, never the secret itself. */
export interface Login {
  readonly state: 'yes' | 'no' | 'unknown'
  readonly by?: string
}
