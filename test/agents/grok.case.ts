import { grok } from '../../src/agents/command/presets/grok.ts'
import { type AgentCase, key } from './describe.ts'

export const grokCase: AgentCase = {
  pinned: { package: '@xai-official/grok', version: '1.0.41', command: 'grok' },
  preset: grok,
  model: 'test-model',
  env: () => ({ LOCAL_KEY: key }),
  files: (url) => ({
    '.grok/config.toml': `[model.test-model]
model = "test-model"
base_url = "${url}/v1"
env_key = "LOCAL_KEY"
api_backend = "chat_completions"
`,
  }),
  on: { limit: { outcome: 'stalled', silent: true }, error: { outcome: 'stalled', silent: true } },
  usage: true,
  acp: { usage: 'call' },
  streams: false,
  denied: {
    behaviour: (_asked, { outside }) => ({ do: 'edit', path: outside, content: 'x', text: 'Done.' }),
  },
}
