import type { Preset } from '../../src/agents/command/preset.ts'
import type { AgentOutcome } from '../../src/core/ports.ts'
import type { McpClient } from '../../src/formats/mcp-clients.ts'
import type { Pinned } from './install.ts'
import type { Asked, Behaviour, Body } from './model/script.ts'

/** The made-up key that every agent sends. */
export const key = 'test-key'

/** All that the shared suite must know of one agent. */
export interface AgentCase {
  readonly pinned: Pinned
  readonly preset: Preset
  readonly model: string
  /** Its configuration, by path below its home directory; `url` is the scripted model's. */
  files?(url: string): Readonly<Record<string, string>>
  /** Variables that lead it to the scripted model and keep it off the network. */
  env(url: string): Readonly<Record<string, string>>
  readonly on: {
    /** HTTP 429 with a reset in an hour. */
    readonly limit: Reaction & { readonly env?: Readonly<Record<string, string>> }
    /** HTTP 500. */
    readonly error: Reaction
  }
  /** It tells how many tokens it used. */
  readonly usage: boolean
  /** How it speaks the Agent Client Protocol, if it does. */
  readonly acp?: {
    /** The program with which it does, where it does not by itself. */
    readonly adapter?: Pinned
    /** A model that this program takes, where it knows them all by name. */
    readonly model?: string
    /** It tells the usage of the whole call, or of its last request alone. */
    readonly usage: 'call' | 'last'
  }
  /** How it calls our MCP server, once `loopwright mcp install` has told it of that; absent for one that is not tried. */
  readonly mcp?: McpCase
  /** It passes on the parts of an answer as they come. */
  readonly streams: boolean
  /** How it is made to deny itself something; absent for one that asks nobody. */
  readonly denied?: {
    /** Below its home directory, besides its own. */
    files?(url: string): Readonly<Record<string, string>>
    /** `inside` and `outside` are paths of files that are not there, in the agent's directory and not. */
    behaviour(asked: Asked, paths: { readonly inside: string; readonly outside: string }): Behaviour
  }
}

/** An agent as a client of our MCP server. */
export interface McpCase {
  /** As `mcp install` calls it. */
  readonly client: McpClient
  /** Starts it without a person, who has allowed our tools. */
  argv(prompt: string): readonly string[]
  /** The tool by which the model calls `orchestrate`. */
  readonly tool: string
  /** What that tool is given, where it is not what `orchestrate` gets. */
  wrap?(input: Body): Body
  /** What the model must call before it may call that. */
  readonly before?: { readonly name: string; readonly input: Body }
  /** The revision of the protocol that it speaks with us. */
  readonly protocol: string
}

/** What an agent makes of an error of the model, and we of the agent. */
export interface Reaction {
  readonly outcome: AgentOutcome
  /** It passes on when the limit ends. */
  readonly resetAt?: true
  /** It tries again for long without a word, so that it is ended as stalled; what it logs may tell why. */
  readonly silent?: true
}
