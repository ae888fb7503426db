/** Other spellings of names, after `_` became `-`. */
const aliases: Readonly<Record<string, string>> = {
  mock: 'scripted',
  claude: 'claude-code',
  claudecode: 'claude-code',
  'codex-cli': 'codex',
  'openai-codex': 'codex',
  'open-code': 'opencode',
  'gemini-cli': 'gemini',
  'github-copilot': 'copilot',
  'gh-copilot': 'copilot',
  'copilot-cli': 'copilot',
  'cursor-agent': 'cursor',
  'cursor-cli': 'cursor',
  'grok-cli': 'grok',
  'grok-build': 'grok',
  'pi-coding-agent': 'pi',
  'aider-chat': 'aider',
}

/** What stands before the name of an agent that is to be spoken to by the Agent Client Protocol. */
export const acpPrefix = 'acp:'

/**
 * An agent's name in its one spelling: `claude_code` and `Claude` are `claude-code`, `mock` is `scripted`, `acp:gemini-cli` is
 * `acp:gemini`.
 */
export function agentName(name: string): string {
  const plain = name.trim().toLowerCase().replaceAll('_', '-')
  if (plain.startsWith(acpPrefix)) return `${acpPrefix}${agentName(plain.slice(acpPrefix.length))}`
  return Object.hasOwn(aliases, plain) ? (aliases[plain] ?? plain) : plain
}

/**
 * The agent in whose terminal we were started, by the variables that agents set for what they start. Variables a person sets to
 * configure them (CODEX_HOME, OPENCODE_CONFIG …) say nothing. Grok is not known to set any.
 */
export function callerFromEnv(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const set = (...variables: string[]) => variables.some((variable) => (env[variable] ?? '') !== '')
  if (set('CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT')) return 'claude-code'
  if (set('CODEX_SANDBOX', 'CODEX_SANDBOX_NETWORK_DISABLED', 'CODEX_THREAD_ID')) return 'codex'
  if (set('OPENCODE', 'OPENCODE_SESSION', 'OPENCODE_PID')) return 'opencode'
  if (set('GEMINI_CLI')) return 'gemini'
  if (set('COPILOT_CLI')) return 'copilot'
  if (set('CURSOR_AGENT')) return 'cursor'
  if (set('PI_CODING_AGENT')) return 'pi'
  return undefined
}
