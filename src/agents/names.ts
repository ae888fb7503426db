/** Other spellings of names, after `_` became `-`. */
const aliases: Readonly<Record<string, string>> = {
  mock: 'scripted',
  claude: 'claude-code',
  claudecode: 'claude-code',
  'open-code': 'opencode',
}

/** An agent's name in its one spelling: `claude_code` and `Claude` are `claude-code`, `mock` is `scripted`. */
export function agentName(name: string): string {
  const plain = name.trim().toLowerCase().replaceAll('_', '-')
  return Object.hasOwn(aliases, plain) ? (aliases[plain] ?? plain) : plain
}

/**
 * The agent in whose terminal we were started, by the variables that agents set for what they start. Variables a person sets to
 * configure them (CODEX_HOME, OPENCODE_CONFIG …) say nothing.
 */
export function callerFromEnv(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const set = (...variables: string[]) => variables.some((variable) => (env[variable] ?? '') !== '')
  if (set('CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT')) return 'claude-code'
  if (set('CODEX_SANDBOX', 'CODEX_SANDBOX_NETWORK_DISABLED', 'CODEX_THREAD_ID')) return 'codex'
  if (set('OPENCODE', 'OPENCODE_SESSION', 'OPENCODE_PID')) return 'opencode'
  return undefined
}
