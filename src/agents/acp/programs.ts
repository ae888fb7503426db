import type { Preset } from '../command/preset.ts'

/** How an agent is started that speaks the Agent Client Protocol. */
export interface AcpProgram {
  readonly executable: string
  readonly args: readonly string[]
  /** What to type to install it. */
  readonly install: string
}

/** CLIs that speak it through a program of its own. */
const adapters: Readonly<Record<string, AcpProgram>> = {
  'claude-code': {
    executable: 'claude-agent-acp',
    args: [],
    install: 'npm install -g @agentclientprotocol/claude-agent-acp',
  },
  codex: { executable: 'codex-acp', args: [], install: 'npm install -g @agentclientprotocol/codex-acp' },
}

/** The program with which a known CLI speaks the protocol; undefined when it does not. */
export function acpProgram(preset: Pick<Preset, 'name' | 'executable' | 'install' | 'acp'>): AcpProgram | undefined {
  if (preset.acp !== undefined) return { executable: preset.executable, args: preset.acp, install: preset.install }
  return Object.hasOwn(adapters, preset.name) ? adapters[preset.name] : undefined
}
