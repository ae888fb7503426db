import { LoopwrightError } from '../core/errors.ts'
import { changeTable, tomlValue } from './toml-tables.ts'

/** Programs that can call our MCP server, each with a configuration file of its own. */
export type McpClient = (typeof mcpClients)[number]
export const mcpClients = [
  ...(['claude-code', 'codex', 'cursor', 'opencode', 'gemini', 'copilot', 'vscode', 'windsurf', 'cline'] as const),
  'antigravity',
] as const

/** For every project of the user, or for one project and whoever works on it. */
export type McpScope = 'user' | 'project'

/** How a client starts the server. */
export interface McpCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface McpPlaces {
  /** The user's home directory. */
  readonly home: string
  readonly project: string
  readonly platform: string
  /** For the variables by which clients are told where their configuration is. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What a host gives a call, in milliseconds: an iteration of a loop may take minutes. */
const patienceMs = 600_000

const name = 'loopwright'

interface Format {
  readonly user: (places: McpPlaces) => string
  /** From the project; absent: the client has no such file. */
  readonly project?: string
  /** The key that holds all servers. Absent: TOML. */
  readonly key?: string
  readonly entry: (server: McpCommand) => object
}

const withEnv = ({ env }: McpCommand) => (Object.keys(env).length === 0 ? {} : { env })
const plain = (server: McpCommand) => ({ command: server.command, args: server.args, ...withEnv(server) })

const formats: Readonly<Record<McpClient, Format>> = {
  'claude-code': {
    user: ({ home, env }) => `${env.CLAUDE_CONFIG_DIR ?? home}/.claude.json`,
    project: '.mcp.json',
    key: 'mcpServers',
    entry: (server) => ({ type: 'stdio', ...plain(server), timeout: patienceMs }),
  },
  codex: {
    user: ({ home, env }) => `${env.CODEX_HOME ?? `${home}/.codex`}/config.toml`,
    project: '.codex/config.toml',
    entry: (server) => ({ ...plain(server), tool_timeout_sec: patienceMs / 1000 }),
  },
  cursor: {
    user: ({ home }) => `${home}/.cursor/mcp.json`,
    project: '.cursor/mcp.json',
    key: 'mcpServers',
    entry: plain,
  },
  opencode: {
    user: ({ home, env }) => `${env.XDG_CONFIG_HOME ?? `${home}/.config`}/opencode/opencode.json`,
    project: 'opencode.json',
    key: 'mcp',
    entry: ({ command, args, env }) => ({
      type: 'local',
      command: [command, ...args],
      enabled: true,
      ...(Object.keys(env).length === 0 ? {} : { environment: env }),
      timeout: patienceMs,
    }),
  },
  gemini: {
    user: ({ home }) => `${home}/.gemini/settings.json`,
    project: '.gemini/settings.json',
    key: 'mcpServers',
    entry: (server) => ({ ...plain(server), timeout: patienceMs }),
  },
  copilot: {
    user: ({ home, env }) => `${env.COPILOT_HOME ?? `${home}/.copilot`}/mcp-config.json`,
    // Not .mcp.json, which it reads as well: that is Claude Code's, with servers of another shape.
    project: '.github/mcp.json',
    key: 'mcpServers',
    entry: (server) => ({ type: 'local', ...plain(server), tools: ['*'], timeout: patienceMs }),
  },
  vscode: {
    user: (places) => `${codeFolder(places)}/mcp.json`,
    project: '.vscode/mcp.json',
    key: 'servers',
    entry: (server) => ({ type: 'stdio', ...plain(server) }),
  },
  windsurf: {
    user: ({ home }) => `${home}/.codeium/windsurf/mcp_config.json`,
    key: 'mcpServers',
    entry: plain,
  },
  cline: {
    user: clineFile,
    key: 'mcpServers',
    entry: (server) => ({ ...plain(server), disabled: false, timeout: patienceMs / 1000 }),
  },
  antigravity: {
    user: ({ home }) => `${home}/.gemini/config/mcp_config.json`,
    project: '.agents/mcp_config.json',
    key: 'mcpServers',
    entry: plain,
  },
}

/** The file in which a client looks for servers; absolute. Throws `bad_input` where it has none of this scope. */
export function mcpClientFile(client: McpClient, scope: McpScope, places: McpPlaces): string {
  const { user, project } = formats[client]
  if (scope === 'user') return user(places)
  if (project === undefined) {
    throw new LoopwrightError('bad_input', `${client} has no configuration of a project`, { hint: '--scope user' })
  }
  return `${places.project}/${project}`
}

/** What stands in a client's file for our server, as one would paste it. */
export function mcpClientBlock(client: McpClient, server: McpCommand): string {
  const { key, entry } = formats[client]
  const own = entry(server)
  return key === undefined ? toml(own) : JSON.stringify({ [key]: { [name]: own } }, null, 2)
}

/**
 * A client's configuration with our server in it; all else stays as it was, and so does what its user added to our server. Throws
 * `bad_input` for a file that cannot be changed without losing something of it, such as comments in JSON.
 *
 * @param text undefined: there is no file yet
 */
export function withMcpServer(client: McpClient, text: string | undefined, server: McpCommand): string {
  const { key, entry } = formats[client]
  if (key === undefined) return withTable(client, text ?? '', server)
  const whole = text === undefined || text.trim() === '' ? {} : parse(client, text)
  const all = whole[key] ?? {}
  if (!isObject(all)) throw unreadable(client, `${key} is no object`)
  const indent = /^([ \t]+)"/m.exec(text ?? '')?.[1] ?? '  '
  const own = { [name]: withOurs(client, all[name], entry(server)) }
  return `${JSON.stringify({ ...whole, [key]: { ...all, ...own } }, null, indent)}\n`
}

/** Our entry as it stands, with the command and the variables of this installation. */
function withOurs(client: McpClient, stands: unknown, ours: object): object {
  if (stands === undefined) return ours
  if (!isObject(stands)) throw unreadable(client, `${name} is no object`)
  const elsewhere = ['url', 'serverUrl', 'httpUrl', 'transport'].find((one) => one in stands)
  if (elsewhere !== undefined) throw unreadable(client, `${name} has ${elsewhere}: it is reached in another way`)
  const result: Record<string, unknown> = { ...stands }
  for (const [one, value] of Object.entries(ours)) {
    const had = stands[one]
    if (isObject(value) && isObject(had)) result[one] = { ...had, ...value }
    else if (had === undefined || ['command', 'args'].includes(one) || isObject(value)) result[one] = value
  }
  return result
}

function parse(client: McpClient, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    if (isObject(value)) return value
  } catch {
    throw unreadable(client, 'it is no plain JSON; comments would be lost')
  }
  throw unreadable(client, 'it holds no object')
}

function unreadable(client: McpClient, why: string): LoopwrightError {
  return new LoopwrightError('bad_input', `the configuration of ${client} cannot be changed: ${why}`, {
    hint: 'put the block that is shown into it by hand',
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** VS Code's own folder of a user. */
function codeFolder({ home, platform, env }: McpPlaces): string {
  if (platform === 'darwin') return `${home}/Library/Application Support/Code/User`
  return `${env.XDG_CONFIG_HOME ?? `${home}/.config`}/Code/User`
}

function clineFile({ home, env }: McpPlaces): string {
  const data = env.CLINE_DATA_DIR ?? `${env.CLINE_DIR ?? `${home}/.cline`}/data`
  return env.CLINE_MCP_SETTINGS_PATH ?? `${data}/settings/cline_mcp_settings.json`
}

const table = ['mcp_servers', name]

/** Our server as a table of TOML. */
function toml(entry: object): string {
  const lines = Object.entries(entry).map(([key, value]) => `${key} = ${tomlValue(value)}`)
  return `[${table.join('.')}]\n${lines.join('\n')}\n`
}

/** Puts our server into a TOML file: where it stands already, else at the end. */
function withTable(client: McpClient, text: string, server: McpCommand): string {
  const { command, args, env } = server
  const entry = Object.entries(formats[client].entry(server))
  const start = entry.filter(([key]) => !['command', 'args', 'env'].includes(key))
  const change = { table, set: { command, args }, start: Object.fromEntries(start), inner: { env } }
  const changed = changeTable(text, change)
  if (changed === undefined) throw unreadable(client, `${table.join('.')} is written in a way that is not understood`)
  return changed
}
