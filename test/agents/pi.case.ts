import { pi } from '../../src/agents/command/presets/pi.ts'
import { type AgentCase, key } from './describe.ts'

export const piCase: AgentCase = {
  pinned: { package: '@earendil-works/pi-coding-agent', version: '0.74.2', command: 'pi' },
  preset: pi,
  model: 'local/test-model',
  env: () => ({ LOCAL_KEY: key, PI_OFFLINE: '1' }),
  files: (url) => ({
    '.pi/agent/models.json': JSON.stringify({
      providers: {
        local: {
          baseUrl: `${url}/v1`,
          api: 'openai-completions',
          apiKey: 'LOCAL_KEY',
          models: [
            { id: 'test-model', name: 'test-model', cost: { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 } },
          ],
        },
      },
    }),
  }),
  on: { limit: { outcome: 'stalled', silent: true }, error: { outcome: 'failed' } },
  usage: true,
  streams: true,
}
