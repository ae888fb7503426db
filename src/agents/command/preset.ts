import type { AgentOutcome, AgentRequest } from '../../core/ports.ts'
import type { Invocation } from './invocation.ts'
import type { Emit, ReadError, Reader } from './reader.ts'

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
  /** Finds in its stderr why the model's API does not answer, for CLIs that try again in silence. */
  readonly trouble?: (stderr: string) => ReadError | undefined
  /** Finds in its stderr what people should know although it goes on. */
  readonly warning?: (stderr: string) => string | undefined
  /** What to do about failures that its own words do not explain; the first that fits counts. */
  readonly advice?: readonly Advice[]
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
  /**
   * Under the home directory, written: its login, its sessions, its caches. `{cwd}` stands for the directory it works in, named as Claude Code
   * names a project's.
   */
  readonly home: readonly string[]
  /**
   * Under the home directory, read. Below what is written: what leads its next start (settings, hooks, servers, instructions), so that a confined one
   * leaves nothing there that runs when the user starts it; with a `/` at the end, what is not there yet is a directory. A segment `*`, or a `*` at
   * the start of one, stands for all that is there.
   */
  readonly homeRead?: readonly string[]
  /** The model API's and the login's hosts. */
  readonly hosts: readonly string[]
  /** Names of variables; a `*` at the end stands for any rest. */
  readonly env: readonly string[]
  /** Directories under the home directory, where it may write what nobody needs afterwards: what is there is read, what is new is gone when it ends. */
  readonly homeFleeting?: readonly string[]
  /** Variables that name another directory for what it writes (CODEX_HOME …), and the path under the home directory that it stands for. */
  readonly homeVariables?: Readonly<Record<string, string>>
  /** What it needs besides while this variable is set, and else must not see: another cloud's credentials. */
  readonly also?: readonly (Needs & { readonly when: string })[]
}

/** A failure that is known by its exit code or by what was said, and what to do about it. */
export interface Advice {
  readonly exit?: number
  readonly says?: RegExp
  /** In place of the outcome that the words alone would give. */
  readonly outcome?: AgentOutcome
  readonly tell: string
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
