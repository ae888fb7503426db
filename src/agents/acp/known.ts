import type { Agent } from '../../core/ports.ts'
import type { Preset } from '../command/preset.ts'
import { acpPrefix } from '../names.ts'
import { type AcpAgentOptions, acpAgent } from './acp.ts'

/** How an agent is started that speaks the Agent Client Protocol. */
export interface AcpProgram {
  readonly executable: string
  readonly args: readonly string[]
  /** What to type to install it. */
  readonly install: string
  /** Added to the preset's environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** CLIs that speak it through another program. */
const adapters: Readonly<Record<string, AcpProgram>> = {
  'claude-code': {
    executable: 'claude-agent-acp',
    args: [],
    install: 'npm install -g @agentclientprotocol/claude-agent-acp',
  },
  codex: {
    executable: 'codex-acp',
    args: [],
    install: 'npm install -g @agentclientprotocol/codex-acp',
    // Left to itself it lets a model answer what it would ask us.
    env: { INITIAL_AGENT_MODE: 'read-only' },
  },
}

const ask = JSON.stringify({ edit: 'ask', bash: 'ask', webfetch: 'ask' })

/** What more a CLI needs when it speaks the protocol than when it does not. */
const more: Readonly<Record<string, Partial<Pick<AcpProgram, 'args' | 'env'>>>> = {
  // Left to itself it asks for nothing, and waits in silence while the model's API refuses: its log on stderr says why.
  opencode: { args: ['--print-logs'], env: { OPENCODE_PERMISSION: ask } },
}

/** The program with which a known CLI speaks the protocol; undefined when it does not. */
export function acpProgram(preset: Pick<Preset, 'name' | 'executable' | 'install' | 'acp'>): AcpProgram | undefined {
  const { name, executable, install, acp } = preset
  if (acp !== undefined) {
    const { args = [], env = {} } = Object.hasOwn(more, name) ? (more[name] ?? {}) : {}
    return { executable, args: [...acp, ...args], install, env }
  }
  return Object.hasOwn(adapters, name) ? adapters[name] : undefined
}

/** A known CLI as an agent that speaks the protocol, named `acp:` and its name. `path` is its program's. */
export function knownAcpAgent(
  preset: Preset,
  program: AcpProgram,
  path: string,
  options: Omit<AcpAgentOptions, 'name' | 'argv' | 'preset' | 'install'>,
): Agent {
  const own = { ...preset, env: { ...preset.env, ...program.env } }
  const { args, install } = program
  return acpAgent({ ...options, name: `${acpPrefix}${preset.name}`, argv: [path, ...args], preset: own, install })
}
