import type { ConnectorSetting } from '../../config/connectors.ts'
import type { Config } from '../../config.ts'
import type { Pattern, SourceName } from '../../core/triage/pattern.ts'
import type { Source } from '../../core/triage/ports.ts'
import { withoutWriteTokens } from '../../core/write-tokens.ts'
import { allowedEnvironment } from '../../process/sandbox/environment.ts'
import { supervise } from '../../process/supervise.ts'
import { mcpSource } from '../../sources/mcp.ts'

/** What else a server may need to reach its service from here. */
const network = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'TMPDIR']

/** A connector as a source of findings. */
export interface Connected {
  readonly connector: string
  readonly name: SourceName
  readonly source: Source
}

/**
 * The connectors that are asked for a pattern: those that name it, and those that name none where it looks at what they give. A server
 * sees the usual variables and what its connector names, and starts in the user's home: nothing of the project has a say in it.
 */
export function connectorsOf(
  config: Pick<Config, 'connectors' | 'userHome'>,
  env: Readonly<Record<string, string>>,
  pattern: Pattern,
): Connected[] {
  const usual = withoutWriteTokens(allowedEnvironment(env, network))
  const asked = config.connectors.filter(({ as, patterns }) =>
    patterns === undefined ? pattern.sources.includes(as) : patterns.includes(pattern.id),
  )
  return asked.map((setting) => ({
    connector: setting.name,
    name: setting.as,
    source: sourceOf(setting, usual, config.userHome),
  }))
}

function sourceOf(setting: ConnectorSetting, usual: Readonly<Record<string, string>>, cwd: string): Source {
  const { name, as, server, read, problem } = setting
  if (problem !== undefined) return { name: as, look: async () => ({ why: `${name}: ${problem}` }) }
  return mcpSource({
    connector: name,
    as,
    read,
    supervise,
    server: 'argv' in server ? { argv: server.argv, cwd, env: { ...usual, ...server.env } } : server,
  })
}
