import { copilot } from '../../src/agents/command/presets/copilot.ts'
import { type AgentCase, key } from './describe.ts'
import { callOf } from './model/tools.ts'

export const copilotCase: AgentCase = {
  pinned: { package: '@github/copilot', version: '1.0.102', command: 'copilot' },
  preset: copilot,
  model: 'test-model',
  env: (url) => ({
    COPILOT_OFFLINE: 'true',
    COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
    COPILOT_PROVIDER_API_KEY: key,
    COPILOT_MODEL: 'test-model',
  }),
  on: { limit: { outcome: 'rate_limited', resetAt: true }, error: { outcome: 'failed' } },
  usage: false,
  acp: { usage: 'call' },
  mcp: {
    client: 'copilot',
    argv: (prompt) => ['copilot', '-p', prompt, '--output-format', 'json', '--allow-all-tools'],
    tool: 'loopwright-orchestrate',
    protocol: '2026-07-28',
  },
  streams: true,
  denied: {
    behaviour: (asked) => callOf(asked, 'bash', { command: 'chmod 700 README.md', description: 'Change a mode' }),
  },
}
