import type { JsonObject } from '../core/json.ts'
import type { SourceName } from '../core/triage/pattern.ts'
import { webhookAddress } from '../core/webhook-address.ts'
import type { FileConnectors } from './connector-schema.ts'
import { type Env, secretValues } from './environment.ts'

/** A server that findings come from. Its arguments, its environment and its token are never shown. */
export interface ConnectorSetting {
  readonly name: string
  /** What its findings count as. */
  readonly as: SourceName
  /** Asked for these patterns; absent: for all that look at `as`. */
  readonly patterns?: readonly string[]
  /** A process of ours, with what it is given besides the usual variables; or a server at an address. */
  readonly server:
    | { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }
    | { readonly url: string; readonly headers: Readonly<Record<string, string>> }
  readonly read: { readonly tool: string; readonly arguments: JsonObject } | { readonly resource: string }
  /** Why it cannot be asked: a variable is not set. */
  readonly problem?: string
}

/**
 * The connectors of the user's own config.yaml. A variable that is not set is a problem of that connector, and of nothing else. Throws
 * `bad_input` for an address that is none, without repeating it.
 */
export function connectorSettings(given: FileConnectors | undefined, env: Env, file: string): ConnectorSetting[] {
  return (given ?? []).map((one, i) => {
    const { name, as = 'issues', patterns, tool, resource = '' } = one
    const wanted = [...(one.envFrom ?? []), ...(one.tokenEnv === undefined ? [] : [one.tokenEnv])]
    const missing = wanted.filter((variable) => setIn(env, variable) === undefined)
    const token = one.tokenEnv === undefined ? undefined : setIn(env, one.tokenEnv)
    return {
      name,
      as,
      ...(patterns === undefined ? {} : { patterns }),
      server:
        one.url === undefined
          ? { argv: [one.command ?? '', ...(one.args ?? [])], env: { ...taken(env, one.envFrom ?? []), ...one.env } }
          : {
              url: webhookAddress(one.url, `${file}: connectors[${i}].url`).href,
              headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
            },
      read: tool === undefined ? { resource } : { tool, arguments: one.arguments ?? {} },
      ...(missing.length === 0 ? {} : { problem: `${missing.join(', ')} is not set` }),
    }
  })
}

/** What of these settings must never be shown. */
export function connectorSecrets(settings: readonly ConnectorSetting[]): string[] {
  return settings.flatMap(({ server }) => {
    if ('argv' in server) return secretValues(server.env)
    const { search } = new URL(server.url)
    return [
      // Some services put the key in the address.
      ...(search === '' ? [] : [server.url, search.slice(1)]),
      ...Object.values(server.headers).map((header) => header.replace(/^Bearer /, '')),
    ]
  })
}

/** Variables that hold tokens for connectors: no agent and no check of a triage loop is given them. */
export function connectorVariables(given: FileConnectors | undefined): Set<string> {
  return new Set(
    (given ?? []).flatMap(({ envFrom = [], tokenEnv }) => [
      ...envFrom.filter((variable) => /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/.test(variable) && !models.test(variable)),
      ...(tokenEnv === undefined ? [] : [tokenEnv]),
    ]),
  )
}

/** Keys that agents need as well. */
const models = /OPENAI|ANTHROPIC|GEMINI|GOOGLE_API_KEY|OPENROUTER|MISTRAL|GROQ|XAI|DEEPSEEK/

/** A connector for people: `linear: issues by npx`, `tracker: todo at mcp.example.org, for daily-triage`. */
export function connectorText({ name, as, patterns, server, problem }: ConnectorSetting): string {
  const where = 'argv' in server ? `by ${server.argv[0]}` : `at ${new URL(server.url).host}`
  const asked = patterns === undefined ? '' : `, for ${patterns.join(', ')}`
  return `${name}: ${problem ?? `${as} ${where}${asked}`}`
}

function taken(env: Env, variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const value = setIn(env, variable)
      return value === undefined ? [] : [[variable, value]]
    }),
  )
}

function setIn(env: Env, variable: string): string | undefined {
  const value = env[variable]?.trim()
  return value === '' ? undefined : value
}
