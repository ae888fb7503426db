import { z } from 'zod'
import { LoopwrightError } from '../core/errors.ts'
import { userConfig } from './schema.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Settings by environment variable, as a path into the configuration. */
export const variables: Readonly<Record<string, string>> = {
  LOOPWRIGHT_AGENT: 'agent',
  LOOPWRIGHT_MODEL: 'model',
  LOOPWRIGHT_CONCURRENCY: 'concurrency',
  LOOPWRIGHT_RETRIES: 'retries',
  LOOPWRIGHT_ISOLATION: 'isolation',
  LOOPWRIGHT_CLEANUP: 'cleanup',
  LOOPWRIGHT_STALL: 'stall',
  LOOPWRIGHT_FALLBACK: 'fallback',
  LOOPWRIGHT_SANDBOX: 'sandbox.mode',
  LOOPWRIGHT_MAX_ITERATIONS: 'budget.iterations',
  LOOPWRIGHT_MAX_DURATION: 'budget.duration',
  LOOPWRIGHT_MAX_TOKENS: 'budget.tokens',
  LOOPWRIGHT_MAX_COST: 'budget.cost',
  LOOPWRIGHT_MAX_AGENT_CALLS: 'budget.agentCalls',
  LOOPWRIGHT_MAX_AGENTS: 'budget.agents',
  LOOPWRIGHT_MAX_SECONDS: 'budget.seconds',
}

const numeric = new Set([
  'concurrency',
  'retries',
  'budget.iterations',
  'budget.tokens',
  'budget.cost',
  'budget.agentCalls',
  'budget.agents',
])

/** Settings the environment makes, by path. Throws `bad_input` that names the variable. */
export function fromEnvironment(env: Env): Map<string, { value: unknown; from: string }> {
  const found = new Map<string, { value: unknown; from: string }>()
  for (const [variable, path] of Object.entries(variables)) {
    const text = env[variable]?.trim()
    if (text === undefined || text === '') continue
    const raw = numeric.has(path) ? Number(text) : text
    const [head = '', tail] = path.split('.')
    const result = userConfig.safeParse({ [head]: tail === undefined ? raw : { [tail]: raw } })
    if (!result.success) {
      const said = result.error.issues[0]
      const hint = said?.code === 'invalid_value' ? `one of: ${said.values.map(String).join(', ')}` : undefined
      throw new LoopwrightError(
        'bad_input',
        `${variable}: ${JSON.stringify(text.slice(0, 40))} is not allowed`,
        hint === undefined ? {} : { hint },
      )
    }
    const value: unknown = Reflect.get(result.data, head)
    found.set(path, {
      value: tail === undefined ? value : z.record(z.string(), z.unknown()).parse(value)[tail],
      from: variable,
    })
  }
  return found
}

const callers: readonly (readonly [string, string])[] = [
  ['CLAUDECODE', 'claude-code'],
  ['CLAUDE_CODE_ENTRYPOINT', 'claude-code'],
  ['CODEX_SANDBOX', 'codex'],
  ['CODEX_THREAD_ID', 'codex'],
  ['OPENCODE', 'opencode'],
  ['GEMINI_CLI', 'gemini'],
  ['COPILOT_CLI', 'copilot'],
  ['CURSOR_AGENT', 'cursor'],
]

/** The agent that seems to have started this process, and the variable that says so. */
export function callingAgent(env: Env): { readonly agent: string; readonly variable: string } | undefined {
  const told = env.LOOPWRIGHT_CALLER?.trim() ?? ''
  if (told !== '') return { agent: told, variable: 'LOOPWRIGHT_CALLER' }
  const hit = callers.find(([variable]) => (env[variable] ?? '') !== '')
  return hit === undefined ? undefined : { agent: hit[1], variable: hit[0] }
}

/** The run whose agent or check started this process, as far as it lets that be known. */
export function enclosingRun(env: Env): string | undefined {
  const run = env.LOOPWRIGHT_RUN?.trim() ?? ''
  return run === '' || (env.LOOPWRIGHT_ROLE ?? '') === '' ? undefined : run.slice(0, 100)
}

/** Values to take out of everything stored or shown, longest first. Values under 6 characters would blank ordinary text. */
export function secretValues(...environments: readonly Env[]): string[] {
  const values = environments
    .flatMap(Object.entries<string | undefined>)
    .flatMap(([variable, value]) =>
      /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i.test(variable) && value !== undefined && value.trim().length >= 6
        ? [value.trim()]
        : [],
    )
  return [...new Set(values)].sort((a, b) => b.length - a.length)
}
