import type { Preset } from '../../src/agents/command/preset.ts'
import type { Pinned } from './install.ts'

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
}
