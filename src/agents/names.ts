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

/** The known name that is closest to what was typed, when one is close. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((each) => ({
      each,
      far: each.startsWith(name) && name.length > 1 ? 1 : distance(name.slice(0, 40), each.slice(0, 40)),
    }))
    .sort((a, b) => a.far - b.far)
  const [best] = ranked
  return best !== undefined && best.far <= Math.max(2, Math.floor(name.length / 3)) ? best.each : undefined
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, from] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, to] of [...b].entries()) {
      const changed = (row[j] ?? 0) + (from === to ? 0 : 1)
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
