import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { combined } from '../invocation.ts'
import { byFile, byVariable, firstLogin, has, holdsAnything } from '../login.ts'
import { bedrock } from '../needs.ts'
import type { Login, LoginPlace, Preset } from '../preset.ts'
import {
  amount,
  defined,
  type Emit,
  type Fields,
  fields,
  type LineParser,
  type ReadError,
  readLines,
  sum,
  text,
} from '../reader.ts'
import { detailOf, ToolCalls } from '../told.ts'

const keys = [
  'ANTHROPIC_API_KEY',
  'OPENAI_API_KEY',
  'GEMINI_API_KEY',
  'GOOGLE_GENERATIVE_AI_API_KEY',
  'OPENROUTER_API_KEY',
  'XAI_API_KEY',
  'GROQ_API_KEY',
  'MISTRAL_API_KEY',
  'DEEPSEEK_API_KEY',
  'GITHUB_TOKEN',
]

/** opencode: `opencode run --format json …`. The combined text is the prompt. */
export const opencode: Preset = {
  name: 'opencode',
  executable: 'opencode',
  install: 'npm install -g opencode-ai',
  login: 'run `opencode auth login`',
  loggedIn,
  needs: {
    home: ['.local/share/opencode', '.cache/opencode', '.local/state/opencode'],
    homeFleeting: [
      // It ends when it cannot leave a .gitignore there.
      '.config/opencode',
      '.local/share/opencode/bin',
      // Repositories it starts git in.
      '.local/share/opencode/repos',
      '.local/share/opencode/snapshot',
    ],
    homeRead: [
      '.opencode',
      // Programs, plugins and providers it fetches and starts.
      '.cache/opencode/bin/',
      '.cache/opencode/node_modules/',
      '.cache/opencode/packages/',
      '.cache/opencode/package.json',
      '.cache/opencode/skills/',
      '.local/share/opencode/plugin/',
      '.local/share/opencode/plans/',
      '.local/share/opencode/worktree/',
    ],
    hosts: [
      'models.dev',
      'opencode.ai',
      '*.opencode.ai',
      'api.anthropic.com',
      'console.anthropic.com',
      'api.openai.com',
      'chatgpt.com',
      'auth.openai.com',
      'generativelanguage.googleapis.com',
      'openrouter.ai',
      '*.githubcopilot.com',
      'api.github.com',
    ],
    env: ['OPENCODE_*', 'ANTHROPIC_*', 'OPENAI_*', ...keys],
    also: [bedrock],
  },
  projectFiles: ['opencode.json', 'opencode.jsonc', '.opencode/', '.env'],
  env: { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1', OPENCODE_AUTO_SHARE: 'false' },
  unset: ['OPENCODE', 'OPENCODE_SESSION', 'OPENCODE_PID'],
  acp: ['acp'],
  invoke(request, model) {
    const prompt = combined(request)
    const argv = [
      'run',
      '--format',
      'json',
      // It waits in silence while the model's API refuses: with its log on stderr a timeout can say why.
      '--print-logs',
      ...(request.skipPermissions ? ['--auto'] : []),
      ...(model === undefined ? [] : ['-m', model]),
      ...(request.sessionId === undefined ? [] : ['-s', request.sessionId]),
    ]
    // Not as an argument: it would put quotes around it, and a backslash before each quote in it.
    return { argv, input: prompt }
  },
  read: (emit, model) => readLines(parser(emit, model)),
  // level=ERROR … message="stream error" … error.error="AI_APICallError: Rate limit reached …"
  trouble(stderr) {
    const errors = stderr.matchAll(/\blevel=ERROR\b[^\n]{0,1000}?\berror(?:\.error)?="((?:[^"\\\n]|\\.){1,2000})"/g)
    const [, message] = [...errors].at(-1) ?? []
    return message === undefined ? undefined : { message: message.replaceAll('\\"', '"') }
  },
}

function loggedIn(place: LoginPlace): Login {
  const data = place.env.XDG_DATA_HOME || join(place.home, '.local/share')
  const own = byFile(place, join(data, 'opencode/auth.json'), holdsAnything)
  const config = ['opencode.json', 'opencode.jsonc', 'config.json'].some((name) =>
    /"apiKey"\s*:/.test(place.read(join(place.home, '.config/opencode', name)) ?? ''),
  )
  return firstLogin(
    // It has models of its own that are free.
    'unknown',
    own,
    has(place.env, 'OPENCODE_AUTH_CONTENT') ? { state: 'yes', by: 'OPENCODE_AUTH_CONTENT' } : undefined,
    byVariable(
      place,
      ...keys,
      'AWS_BEARER_TOKEN_BEDROCK',
      'AWS_ACCESS_KEY_ID',
      'AWS_PROFILE',
      'GOOGLE_APPLICATION_CREDENTIALS',
    ),
    config ? { state: 'yes', by: '~/.config/opencode' } : undefined,
  )
}

const notAllowed = /rejected permission|permission denied|denied permission|prevents you from using/i

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let message: string | undefined
  let finished: string | undefined
  let sessionId: string | undefined
  let usage: Usage | undefined
  let error: ReadError | undefined
  const denied: string[] = []
  const tools = new ToolCalls(emit)

  const handle: Readonly<Record<string, (part: Fields) => void>> = {
    text(part) {
      const said = text(part.text) ?? ''
      const id = text(part.messageID)
      // The answer is the last message; a message may come in several parts.
      answer = id !== undefined && id === message ? answer + said : said
      message = id
      if (said !== '') emit({ type: 'text', text: said })
    },
    reasoning(part) {
      const thought = text(part.text)
      if (thought !== undefined) emit({ type: 'thought', text: thought })
    },
    tool_use(part) {
      const name = text(part.tool) ?? 'tool'
      const state = fields(part.state)
      const id = text(part.callID)
      const failure = text(state.error)
      const ok = state.status !== 'error'
      tools.start({ name, id, detail: detailOf(fields(state.input)), input: state.input })
      tools.answer({ name, id, ok, output: text(state.output) ?? failure })
      if (!ok && notAllowed.test(failure ?? '')) denied.push(name)
    },
    step_finish(part) {
      finished = text(part.reason)
      usage = sum(usage ?? {}, stepUsage(part))
      if (model !== undefined) usage = { ...usage, model }
      if (finished === 'tool-calls') emit({ type: 'usage', usage })
    },
  }

  return {
    object(value) {
      sessionId = text(value.sessionID) ?? sessionId
      if (value.type === 'error') error = errorOf(fields(value.error))
      else if (typeof value.type === 'string' && Object.hasOwn(handle, value.type))
        handle[value.type]?.(fields(value.part))
    },
    reading: () => ({
      text: bound(answer),
      chars: answer.length,
      // After a step that called tools another one must follow; a refused tool ends it all.
      complete: (finished !== undefined && finished !== 'tool-calls') || denied.length > 0,
      denied,
      ...defined({ usage, sessionId, error }),
    }),
  }
}

function stepUsage(part: Fields): Usage {
  const tokens = fields(part.tokens)
  const cache = fields(tokens.cache)
  const cost = amount(part.cost)
  return defined({
    inputTokens: amount(tokens.input),
    outputTokens: (amount(tokens.output) ?? 0) + (amount(tokens.reasoning) ?? 0),
    cacheReadTokens: amount(cache.read),
    cacheWriteTokens: amount(cache.write),
    // 0 is what it says of a model whose price it does not know.
    costUsd: cost === 0 ? undefined : cost,
  })
}

function errorOf(error: Fields): ReadError {
  const data = fields(error.data)
  return {
    message: text(data.message) ?? text(error.message) ?? text(error.name) ?? 'unknown error',
    ...defined({ status: amount(data.statusCode) }),
  }
}
