import { join } from 'node:path'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import {
  byAws,
  byFile,
  byGoogle,
  byVariable,
  firstLogin,
  has,
  holdsAnything,
  isOn,
  jsonFile,
  ownDirectory,
} from '../login.ts'
import { MessagesParser } from '../messages.ts'
import type { Login, LoginPlace, Preset } from '../preset.ts'
import { fields, readLines } from '../reader.ts'

/** Claude Code: `claude -p … --output-format stream-json`. */
export const claudeCode: Preset = {
  name: 'claude-code',
  executable: 'claude',
  install: 'npm install -g @anthropic-ai/claude-code',
  login: 'run `claude` once and log in, or set ANTHROPIC_API_KEY',
  loggedIn,
  needs: {
    home: [
      '.claude',
      // What it remembers of other projects stays as it is.
      '.claude/projects/{cwd}',
      '.cache/claude',
      '.cache/claude-cli-nodejs',
      '.local/state/claude',
    ],
    // What its shells read.
    homeFleeting: ['.claude/shell-snapshots', '.claude/session-env', '.claude/backups'],
    homeRead: [
      '.local/share/claude',
      '.claude.json',
      '.claude/.claude.json',
      // It would stand above ~/.claude.json; a directory is passed over.
      '.claude/.config.json/',
      '.claude/settings.json',
      '.claude/settings.local.json',
      '.claude/cowork_settings.json',
      '.claude/remote-settings.json',
      '.claude/keybindings.json',
      '.claude/daemon.json',
      '.claude/CLAUDE.md',
      '.claude/rules/',
      '.claude/hooks/',
      '.claude/agents/',
      '.claude/agent-memory/',
      '.claude/commands/',
      '.claude/skills/',
      '.claude/plugins/',
      '.claude/output-styles/',
      '.claude/workflows/',
      '.claude/local/',
      '.claude/remote/',
      '.claude/jobs/',
      '.claude/projects',
      '.claude/projects/{cwd}/memory/',
      '.claude/*.sh',
    ],
    hosts: ['api.anthropic.com', 'console.anthropic.com', 'platform.claude.com', 'claude.ai'],
    env: ['ANTHROPIC_*', 'CLAUDE_*', 'DISABLE_*', 'MAX_THINKING_TOKENS'],
    also: [
      {
        when: 'CLAUDE_CODE_USE_BEDROCK',
        home: [],
        homeRead: ['.aws'],
        hosts: ['*.amazonaws.com'],
        env: ['AWS_*'],
      },
      {
        when: 'CLAUDE_CODE_USE_VERTEX',
        home: [],
        homeRead: ['.config/gcloud'],
        hosts: ['*.googleapis.com'],
        env: ['GOOGLE_*', 'CLOUD_ML_*', 'VERTEX_*'],
      },
    ],
    homeVariables: { CLAUDE_CONFIG_DIR: '.claude' },
  },
  projectFiles: [
    '.claude/settings.json',
    '.claude/settings.local.json',
    '.claude/hooks/',
    '.claude/agents/',
    '.claude/commands/',
    '.claude/skills/',
    '.mcp.json',
  ],
  env: { DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
  unset: ['CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT'],
  invoke(request, model) {
    const inArguments = fitsArgument(request.prompt) && fitsArgument(request.system)
    const rest = [
      '--output-format',
      'stream-json',
      '--verbose',
      ...(request.sessionId === undefined ? [] : ['--resume', request.sessionId]),
      ...(model === undefined ? [] : ['--model', model]),
      ...(request.skipPermissions ? ['--dangerously-skip-permissions'] : ['--permission-mode', 'acceptEdits']),
    ]
    // As root it takes that flag only inside of a sandbox; in one of ours it is.
    const env = request.skipPermissions && request.confinement !== undefined ? { env: { IS_SANDBOX: '1' } } : {}
    if (!inArguments) return { argv: ['-p', ...rest], input: combined(request), ...env }
    const system = request.system.trim() === '' ? [] : ['--append-system-prompt', asArgument(request.system)]
    return { argv: ['-p', asArgument(request.prompt), ...system, ...rest], ...env }
  },
  read: (emit) => readLines(new MessagesParser(emit, { sessionCost: true })),
  advice: [
    {
      says: /dangerously-skip-permissions cannot be used with root/i,
      tell: 'Claude Code refuses to skip permissions as root: run as another user, or confined (--sandbox), or leave --skip-permissions out',
    },
    {
      says: /No conversation found with session ID/i,
      tell: 'the session is gone: begin a new one',
    },
  ],
}

function loggedIn(place: LoginPlace): Login {
  const directory = ownDirectory(place, 'CLAUDE_CONFIG_DIR', '.claude')
  const settings = jsonFile(place, join(directory, 'settings.json'))
  const env = fields(settings.env)
  if (isOn(place, 'CLAUDE_CODE_USE_BEDROCK')) return byAws(place)
  if (isOn(place, 'CLAUDE_CODE_USE_VERTEX')) return byGoogle(place)
  const account = fields(jsonFile(place, join(place.home, '.claude.json')).oauthAccount)
  return firstLogin(
    // It was logged in once: on a Mac the login itself is in the keychain.
    holdsAnything(account) ? 'unknown' : 'no',
    byVariable(
      place,
      'ANTHROPIC_API_KEY',
      'ANTHROPIC_AUTH_TOKEN',
      'CLAUDE_CODE_OAUTH_TOKEN',
      'ANTHROPIC_FOUNDRY_API_KEY',
    ),
    byFile(place, join(directory, '.credentials.json'), (held) => has(fields(held.claudeAiOauth), 'accessToken')),
    has(settings, 'apiKeyHelper') || has(env, 'ANTHROPIC_API_KEY') || has(env, 'ANTHROPIC_AUTH_TOKEN')
      ? { state: 'yes', by: 'settings.json' }
      : undefined,
    has(env, 'CLAUDE_CODE_USE_BEDROCK') || has(env, 'CLAUDE_CODE_USE_VERTEX') ? { state: 'unknown' } : undefined,
  )
}
