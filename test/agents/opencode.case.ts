import { opencode } from '../../src/agents/command/presets/opencode.ts'
import { type AgentCase, key } from './describe.ts'

export const opencodeCase: AgentCase = {
  pinned: { package: 'opencode-ai', version: '1.18.33', command: 'opencode' },
  preset: opencode,
  model: 'local/test-model',
  env: () => ({ LOCAL_KEY: key, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' }),
  files: (url) => ({
    '.config/opencode/opencode.json': JSON.stringify({
      provider: {
        local: {
          npm: '@ai-sdk/openai-compatible',
          name: 'local',
          options: { baseURL: `${url}/v1`, apiKey: '{env:LOCAL_KEY}' },
          models: {
            'test-model': {
              name: 'test-model',
              cost: { input: 1, output: 2 },
              limit: { context: 100_000, output: 8000 },
            },
          },
        },
      },
      small_model: 'local/test-model',
      autoupdate: false,
      share: 'disabled',
    }),
  }),
  on: { limit: { outcome: 'rate_limited', resetAt: true, silent: true }, error: { outcome: 'stalled', silent: true } },
  usage: true,
  acp: { usage: 'last' },
  mcp: {
    client: 'opencode',
    argv: (prompt) => ['opencode', 'run', '--format', 'json', '-m', 'local/test-model', '--auto', prompt],
    tool: 'loopwright_orchestrate',
    protocol: '2025-11-25',
  },
  streams: false,
  denied: {
    behaviour: (_asked, { outside }) => ({ do: 'edit', path: outside, content: 'x', text: 'Done.' }),
  },
}
