import { codex } from '../../src/agents/command/presets/codex.ts'
import { type AgentCase, key } from './describe.ts'

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
  mcp: {
    client: 'codex',
    argv: (prompt) => [
      ...['codex', 'exec', '--json', '-m', 'test-model', '-s', 'workspace-write'],
      ...['-c', 'mcp_servers.loopwright.default_tools_approval_mode="approve"', prompt],
    ],
    tool: 'mcp__loopwright/orchestrate',
    protocol: '2025-06-18',
  },
  streams: false,
}
