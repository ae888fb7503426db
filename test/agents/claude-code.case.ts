import { claudeCode } from '../../src/agents/command/presets/claude-code.ts'
import { type AgentCase, key } from './describe.ts'

export const claudeCodeCase: AgentCase = {
  pinned: { package: '@anthropic-ai/claude-code', version: '2.1.329', command: 'claude' },
  preset: claudeCode,
  model: 'claude-sonnet-4-5',
  env: (url) => ({
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: key,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '1',
  }),
}
