import { gemini } from '../../src/agents/command/presets/gemini.ts'
import { type AgentCase, key } from './describe.ts'

export const geminiCase: AgentCase = {
  pinned: { package: '@google/gemini-cli', version: '0.61.0', command: 'gemini' },
  preset: gemini,
  model: 'gemini-2.5-flash',
  env: (url) => ({ GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: url }),
  files: () => ({
    '.gemini/settings.json': JSON.stringify({
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
      telemetry: { enabled: false },
      general: { enableAutoUpdate: false },
    }),
  }),
  on: { limit: { outcome: 'rate_limited', resetAt: true }, error: { outcome: 'stalled', silent: true } },
  usage: true,
  acp: { usage: 'call' },
  mcp: {
    client: 'gemini',
    argv: (prompt) => [
      ...['gemini', '-p', prompt, '-o', 'stream-json', '--approval-mode', 'yolo', '--skip-trust'],
      ...['-m', 'gemini-2.5-flash'],
    ],
    tool: 'mcp_loopwright_orchestrate',
    protocol: '2025-06-18',
  },
  streams: true,
  denied: {
    files: () => ({
      '.gemini/policies/no-writing.toml': '[[rule]]\ntoolName = "write_file"\ndecision = "ask_user"\npriority = 900\n',
    }),
    behaviour: (_asked, { inside }) => ({ do: 'edit', path: inside, content: 'x', text: 'Done.' }),
  },
}
