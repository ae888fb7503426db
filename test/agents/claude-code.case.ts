import { claudeCode } from '../../src/agents/command/presets/claude-code.ts'
import { type AgentCase, key } from './describe.ts'
import { callOf } from './model/tools.ts'

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
  on: {
    // The limits of a subscription, of which it tells more than of those of a key.
    limit: { outcome: 'rate_limited', resetAt: true, env: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: key } },
    error: { outcome: 'failed' },
  },
  usage: true,
  acp: {
    adapter: { package: '@agentclientprotocol/claude-agent-acp', version: '0.100.0', command: 'claude-agent-acp' },
    model: 'sonnet',
    usage: 'call',
  },
  mcp: {
    client: 'claude-code',
    argv: (prompt) => [
      ...['claude', '-p', prompt, '--output-format', 'stream-json', '--verbose', '--model', 'claude-sonnet-4-5'],
      ...['--allowedTools', 'mcp__loopwright__orchestrate'],
    ],
    tool: 'mcp__loopwright__orchestrate',
    // It tells the model names alone; the model asks for what it wants to call.
    before: { name: 'ToolSearch', input: { query: 'select:mcp__loopwright__orchestrate', max_results: 5 } },
    protocol: '2026-07-28',
  },
  streams: false,
  denied: {
    behaviour: (asked) => callOf(asked, 'Bash', { command: 'chmod 700 README.md', description: 'Change a mode' }),
  },
}
