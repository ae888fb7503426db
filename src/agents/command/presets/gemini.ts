import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byEnvFile, byFile, byGoogle, byVariable, firstLogin, has, isOn, jsonFile, ownDirectory } from '../login.ts'
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
  text,
} from '../reader.ts'
import { detailOf, ToolCalls } from '../told.ts'

/** Gemini CLI: `gemini -p … -o stream-json`. It has no option for a system prompt: the combined text is the prompt. */
export const gemini: Preset = {
  name: 'gemini',
  executable: 'gemini',
  install: 'npm install -g @google/gemini-cli',
  login: 'run `gemini` once and log in, or set GEMINI_API_KEY',
  loggedIn,
  needs: {
    home: ['.gemini', '.cache/gemini-cli'],
    // Repositories it starts git in.
    homeFleeting: ['.gemini/history'],
    homeRead: [
      '.env',
      '.gemini/settings.json',
      '.gemini/.env',
      '.gemini/GEMINI.md',
      '.gemini/keybindings.json',
      '.gemini/trustedFolders.json',
      '.gemini/extension_integrity.json',
      '.gemini/integrity.key',
      '.gemini/policy_integrity.json',
      '.gemini/sandbox.Dockerfile',
      '.gemini/acknowledgments/',
      '.gemini/agents/',
      '.gemini/bin/',
      '.gemini/commands/',
      '.gemini/extensions/',
      '.gemini/hooks/',
      '.gemini/policies/',
      '.gemini/skills/',
      // Programs and memories it keeps.
      '.gemini/tmp/bin/',
      '.gemini/tmp/*/memory/',
    ],
    hosts: [
      'generativelanguage.googleapis.com',
      'cloudcode-pa.googleapis.com',
      'oauth2.googleapis.com',
      'www.googleapis.com',
      'accounts.google.com',
    ],
    env: ['GEMINI_*', 'GOOGLE_API_KEY', 'GOOGLE_CLOUD_*', 'GOOGLE_GENAI_*', 'GOOGLE_GEMINI_*', 'CODE_ASSIST_ENDPOINT'],
    also: [
      {
        when: 'GOOGLE_GENAI_USE_VERTEXAI',
        home: [],
        homeRead: ['.config/gcloud'],
        hosts: ['*.googleapis.com'],
        env: ['GOOGLE_APPLICATION_CREDENTIALS'],
      },
    ],
    homeVariables: { GEMINI_CLI_HOME: '' },
  },
  projectFiles: ['.gemini/', '.env'],
  env: { GEMINI_TELEMETRY_ENABLED: 'false' },
  unset: ['GEMINI_CLI', 'GEMINI_CLI_NO_RELAUNCH'],
  acp: ['--acp'],
  invoke(request, model) {
    const prompt = combined(request)
    const rest = [
      '-o',
      'stream-json',
      '--approval-mode',
      request.skipPermissions ? 'yolo' : 'auto_edit',
      // Whether the project is trusted is asked before it starts; without this it exits 55 where nobody asked it.
      '--skip-trust',
      ...(model === undefined ? [] : ['-m', model]),
      ...(request.sessionId === undefined ? [] : ['-r', request.sessionId]),
    ]
    return fitsArgument(prompt) ? { argv: ['-p', asArgument(prompt), ...rest] } : { argv: rest, input: prompt }
  },
  read: (emit, model) => readLines(parser(emit, model)),
  trouble(stderr) {
    const [, status] = [...stderr.matchAll(/Attempt \d{1,4} failed with status (\d{3})/g)].at(-1) ?? []
    return status === undefined ? undefined : { message: `the model API answered ${status}`, status: Number(status) }
  },
  // It exits with the model API's status, of which a process can keep the lowest eight bits.
  advice: [
    { exit: 145, outcome: 'auth', tell: 'the model API refused the key (401)' },
    { exit: 147, outcome: 'auth', tell: 'the model API refused access (403)' },
    { exit: 173, outcome: 'rate_limited', tell: 'the model API limits the rate (429)' },
    { exit: 41, outcome: 'auth', tell: 'nobody is logged in' },
    { exit: 55, tell: 'Gemini does not trust this directory: start `gemini` in it once and trust it' },
    { exit: 53, tell: 'it reached its maximum of turns: raise model.maxSessionTurns in its settings' },
  ],
}

function loggedIn(place: LoginPlace): Login {
  const directory = join(ownDirectory(place, 'GEMINI_CLI_HOME', ''), '.gemini')
  if (isOn(place, 'GOOGLE_GENAI_USE_VERTEXAI')) return byGoogle(place)
  const settings = jsonFile(place, join(directory, 'settings.json'))
  const auth = fields(fields(settings.security).auth)
  const keys = ['GEMINI_API_KEY', 'GOOGLE_API_KEY']
  return firstLogin(
    // A way to log in was chosen once: a key it asked for itself is in the keychain.
    has(auth, 'selectedType') || has(settings, 'selectedAuthType') ? 'unknown' : 'no',
    byVariable(place, ...keys),
    byFile(
      place,
      join(directory, 'oauth_creds.json'),
      (held) => has(held, 'refresh_token') || has(held, 'access_token'),
    ),
    byEnvFile(place, join(directory, '.env'), ...keys),
    byEnvFile(place, join(place.home, '.env'), ...keys),
  )
}

const notAllowed =
  /denied by policy|not allowed|requires? (?:user )?(?:confirmation|approval)|permission|policy_violation/i

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let complete = false
  let used = model
  let sessionId: string | undefined
  let usage: Usage | undefined
  let error: ReadError | undefined
  const denied: string[] = []
  const tools = new ToolCalls(emit)

  const handle: Readonly<Record<string, (value: Fields) => void>> = {
    init(value) {
      used = text(value.model) ?? used
    },
    message(value) {
      const said = text(value.content)
      if (value.role !== 'assistant' || said === undefined) return
      answer = value.delta === true ? answer + said : said
      emit({ type: 'text', text: said })
    },
    tool_use(value) {
      const input = fields(value.parameters)
      // The answer is what is said after the last tool.
      answer = ''
      tools.start({ name: text(value.tool_name) ?? 'tool', id: text(value.tool_id), detail: detailOf(input), input })
    },
    tool_result(value) {
      const id = text(value.tool_id)
      const name = tools.nameOf(id) ?? 'tool'
      const failure = text(fields(value.error).message)
      const ok = value.status !== 'error'
      tools.answer({ id, ok, output: text(value.output) ?? failure })
      if (!ok && notAllowed.test(`${failure ?? ''} ${text(fields(value.error).type) ?? ''}`)) denied.push(name)
    },
    error(value) {
      if (value.severity === 'error') error = { message: text(value.message) ?? 'unknown error' }
    },
    result(value) {
      complete = value.status === 'success'
      usage = usageOf(fields(value.stats), used)
      if (complete) error = undefined
      else error = { message: text(fields(value.error).message) ?? error?.message ?? 'unknown error' }
    },
  }

  return {
    object(value) {
      sessionId = text(value.session_id) ?? sessionId
      const { type } = value
      if (typeof type === 'string' && Object.hasOwn(handle, type)) handle[type]?.(value)
      else if (type === undefined && ('response' in value || 'error' in value)) {
        // The whole output as one object, as `-o json` has it.
        answer = text(value.response) ?? answer
        complete = 'response' in value
        usage = documentUsage(fields(fields(value.stats).models), used)
        if ('error' in value) error = { message: text(fields(value.error).message) ?? 'unknown error' }
      }
    },
    reading: () => ({
      text: bound(answer),
      chars: answer.length,
      complete,
      denied,
      ...defined({ usage, sessionId, error }),
    }),
  }
}

/** Its input tokens hold the cached ones; what it thought is in the total only. */
function usageOf(stats: Fields, model: string | undefined): Usage | undefined {
  const input = amount(stats.input_tokens)
  if (input === undefined) return undefined
  const cached = amount(stats.cached) ?? 0
  return defined({
    inputTokens: Math.max(0, input - cached),
    outputTokens: Math.max(amount(stats.output_tokens) ?? 0, (amount(stats.total_tokens) ?? 0) - input),
    cacheReadTokens: cached,
    model,
  })
}

function documentUsage(models: Fields, model: string | undefined): Usage | undefined {
  const names = Object.keys(models)
  if (names.length === 0) return undefined
  const sum = (pick: (tokens: Fields) => number) =>
    names.reduce((all, name) => all + pick(fields(fields(models[name]).tokens)), 0)
  const prompt = sum((each) => amount(each.prompt) ?? 0)
  const cached = sum((each) => amount(each.cached) ?? 0)
  return defined({
    inputTokens: Math.max(0, prompt - cached),
    outputTokens: sum((each) => (amount(each.candidates) ?? 0) + (amount(each.thoughts) ?? 0)),
    cacheReadTokens: cached,
    model: names[0] ?? model,
  })
}
