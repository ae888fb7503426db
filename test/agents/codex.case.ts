import { codex } from '../../src/agents/command/presets/codex.ts'
import { type AgentCase, key, type McpCase } from './describe.ts'

/** Codex as a client of our MCP server. Nobody is there to be asked, so the tools are allowed before. */
function withModel(tool: string, ...model: readonly string[]): McpCase {
  const allowed = 'mcp_servers.loopwright.default_tools_approval_mode="approve"'
  return {
    client: 'codex',
    argv: (prompt) => ['codex', 'exec', '--json', ...model, '-s', 'workspace-write', '-c', allowed, prompt],
    tool,
    protocol: '2025-06-18',
  }
}

export const codexCase: AgentCase = {
  pinned: { package: '@openai/codex', version: '0.169.0', command: 'codex' },
  preset: codex,
  model: 'test-model',
  env: () => ({ LOCAL_KEY: key }),
  files: (url) => ({
    '.codex/config.toml': `model_provider = "local"
check_for_update_on_startup = false

[model_providers.local]
name = "local"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "LOCAL_KEY"
supports_websockets = false
request_max_retries = 1
stream_max_retries = 1

[analytics]
enabled = false

[features]
plugins = false
`,
  }),
  on: { limit: { outcome: 'rate_limited', resetAt: true }, error: { outcome: 'failed' } },
  usage: true,
  acp: {
    adapter: { package: '@agentclientprotocol/codex-acp', version: '2.6.0', command: 'codex-acp' },
    model: 'gpt-5.5',
    usage: 'call',
  },
  mcp: withModel('mcp__loopwright/orchestrate', '-m', 'test-model'),
  streams: false,
}

/** The models that Codex is made for call tools out of a program that they write. */
export const codexByProgram: McpCase = {
  ...withModel('functions/exec'),
  wrap: (input) => ({
    code: `const { structuredContent } = await tools.mcp__loopwright__orchestrate(${JSON.stringify(input)})\ntext(structuredContent)`,
  }),
}
