import { expect, test } from 'vitest'
import type { LoginPlace, Preset } from '../preset.ts'
import { aider } from './aider.ts'
import { presets } from './all.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { copilot } from './copilot.ts'
import { cursor } from './cursor.ts'
import { gemini } from './gemini.ts'
import { grok } from './grok.ts'
import { opencode } from './opencode.ts'
import { pi } from './pi.ts'

const secret = 'sk-very-secret'

/** The login there is with these variables, and these files under the home directory. */
function login(preset: Preset, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const place: LoginPlace = {
    home: '/home/me',
    env,
    read: (path) => files[path.replace('/home/me/', '~/')],
  }
  return preset.loggedIn(place)
}

test('where there is nothing, nobody is logged in, or it cannot be told', () => {
  const states = presets.map((preset) => `${preset.name} ${login(preset).state}`)
  expect(states).toEqual([
    'claude-code no',
    'codex no',
    'opencode unknown',
    'gemini no',
    'copilot no',
    'cursor no',
    'grok no',
    'pi no',
    'aider unknown',
  ])
})

test.for<[Preset, Record<string, string>, Record<string, string>, string]>([
  [claudeCode, { ANTHROPIC_API_KEY: secret }, {}, 'ANTHROPIC_API_KEY'],
  [claudeCode, { CLAUDE_CODE_OAUTH_TOKEN: secret }, {}, 'CLAUDE_CODE_OAUTH_TOKEN'],
  [
    claudeCode,
    {},
    { '~/.claude/.credentials.json': `{"claudeAiOauth":{"accessToken":"${secret}"}}` },
    '~/.claude/.credentials.json',
  ],
  [
    claudeCode,
    { CLAUDE_CONFIG_DIR: '/etc/claude' },
    { '/etc/claude/.credentials.json': `{"claudeAiOauth":{"accessToken":"${secret}"}}` },
    '/etc/claude/.credentials.json',
  ],
  [claudeCode, {}, { '~/.claude/settings.json': '{"apiKeyHelper":"/bin/key"}' }, 'settings.json'],
  [claudeCode, { CLAUDE_CODE_USE_BEDROCK: '1', AWS_PROFILE: 'me' }, {}, 'AWS_PROFILE'],
  [claudeCode, { CLAUDE_CODE_USE_BEDROCK: '1' }, { '~/.aws/credentials': '[default]' }, 'the credentials of AWS'],
  [
    claudeCode,
    { CLAUDE_CODE_USE_VERTEX: '1', GOOGLE_APPLICATION_CREDENTIALS: '/key.json' },
    {},
    'GOOGLE_APPLICATION_CREDENTIALS',
  ],
  [codex, {}, { '~/.codex/auth.json': `{"tokens":{"access_token":"${secret}"}}` }, '~/.codex/auth.json'],
  [
    codex,
    { CODEX_HOME: '/data/codex' },
    { '/data/codex/auth.json': `{"OPENAI_API_KEY":"${secret}"}` },
    '/data/codex/auth.json',
  ],
  [
    codex,
    { LOCAL_KEY: secret },
    { '~/.codex/config.toml': '[model_providers.local]\nenv_key = "LOCAL_KEY"\n' },
    'LOCAL_KEY',
  ],
  [codex, { CODEX_API_KEY: secret }, {}, 'CODEX_API_KEY'],
  [
    opencode,
    {},
    { '~/.local/share/opencode/auth.json': '{"anthropic":{"type":"oauth"}}' },
    '~/.local/share/opencode/auth.json',
  ],
  [opencode, { XDG_DATA_HOME: '/data' }, { '/data/opencode/auth.json': '{"a":{}}' }, '/data/opencode/auth.json'],
  [opencode, { OPENROUTER_API_KEY: secret }, {}, 'OPENROUTER_API_KEY'],
  [gemini, {}, { '~/.gemini/oauth_creds.json': `{"refresh_token":"${secret}"}` }, '~/.gemini/oauth_creds.json'],
  [gemini, {}, { '~/.gemini/.env': `# mine\nexport GEMINI_API_KEY=${secret}\n` }, '~/.gemini/.env'],
  [gemini, { GOOGLE_GENAI_USE_VERTEXAI: 'true', GOOGLE_API_KEY: secret }, {}, 'GOOGLE_API_KEY'],
  [copilot, { GH_TOKEN: secret }, {}, 'GH_TOKEN'],
  [copilot, { COPILOT_PROVIDER_BASE_URL: 'http://localhost:1' }, {}, 'COPILOT_PROVIDER_BASE_URL'],
  [copilot, {}, { '~/.config/gh/hosts.yml': `github.com:\n    oauth_token: ${secret}\n` }, '~/.config/gh/hosts.yml'],
  [copilot, {}, { '~/.copilot/config.json': `{"copilot_tokens":{"me":"${secret}"}}` }, '~/.copilot/config.json'],
  [cursor, { CURSOR_API_KEY: secret }, {}, 'CURSOR_API_KEY'],
  [cursor, {}, { '~/.config/cursor/auth.json': `{"accessToken":"${secret}"}` }, '~/.config/cursor/auth.json'],
  [grok, {}, { '~/.grok/auth.json': `{"xai::api_key":{"key":"${secret}"}}` }, '~/.grok/auth.json'],
  [grok, { K: secret }, { '~/.grok/config.toml': '[model.m]\nenv_key = "K"' }, 'K'],
  [pi, {}, { '~/.pi/agent/auth.json': '{"anthropic":{}}' }, '~/.pi/agent/auth.json'],
  [
    pi,
    { PI_CODING_AGENT_DIR: '/pi' },
    { '/pi/models.json': `{"providers":{"local":{"apiKey":"${secret}"}}}` },
    '/pi/models.json',
  ],
  [aider, { DEEPSEEK_API_KEY: secret }, {}, 'DEEPSEEK_API_KEY'],
  [aider, {}, { '~/.env': `OPENAI_API_KEY=${secret}` }, '~/.env'],
])('%s is logged in by %s %s', ([preset, env, files, by]) => {
  const found = login(preset, env, files)
  expect(found).toEqual({ state: 'yes', by })
  expect(JSON.stringify(found)).not.toContain(secret)
})

test.for<[Preset, Record<string, string>, Record<string, string>]>([
  // Once logged in: the login itself may be in a keychain.
  [claudeCode, {}, { '~/.claude.json': '{"oauthAccount":{"emailAddress":"a@b"}}' }],
  [claudeCode, { CLAUDE_CODE_USE_BEDROCK: '1' }, {}],
  [codex, {}, { '~/.codex/config.toml': 'cli_auth_credentials_store = "keyring"' }],
  [gemini, {}, { '~/.gemini/settings.json': '{"security":{"auth":{"selectedType":"gemini-api-key"}}}' }],
  [copilot, {}, { '~/.copilot/config.json': '{"logged_in_users":[{"login":"me"}]}' }],
  [copilot, {}, { '~/.config/gh/hosts.yml': 'github.com:\n    user: me\n' }],
  [cursor, {}, { '~/.cursor/cli-config.json': '{"authInfo":{"email":"a@b"}}' }],
])('%s may be logged in: %s %s', ([preset, env, files]) => {
  expect(login(preset, env, files).state).toBe('unknown')
})

test('files that hold nothing, or no JSON, are no login; empty variables neither', () => {
  const junk = ['', '{', '[]', 'null', '"x"', '{}', '{"tokens":null,"claudeAiOauth":1,"providers":[]}', '\0\0']
  for (const preset of presets) {
    for (const held of junk) {
      const place = { home: '/home/me', env: { ANTHROPIC_API_KEY: '', GH_TOKEN: ' ' }, read: () => held }
      const { state } = preset.loggedIn(place)
      if (held === '' || held === '{}') expect(state === 'yes' ? `${preset.name} ${held}` : '').toBe('')
    }
  }
})
