import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byFile, byVariable, firstLogin, holdsAnything, isSet, jsonFile, ownDirectory } from '../login.ts'
import type { Login, LoginPlace, Preset } from '../preset.ts'
import {
  amount,
  defined,
  type Emit,
  type Fields,
  fields,
  type LineParser,
  list,
  type ReadError,
  readLines,
  text,
} from '../reader.ts'
import { detailOf, ToolCalls } from '../told.ts'

/** GitHub Copilot CLI: `copilot -p … --output-format json`. It tells no tokens. */
export const copilot: Preset = {
  name: 'copilot',
  executable: 'copilot',
  install: 'npm install -g @github/copilot',
  login: 'run `copilot login`, or set COPILOT_GITHUB_TOKEN',
  loggedIn,
  needs: {
    home: ['.copilot/session-state', '.copilot/logs'],
    // It ends when it cannot write its configuration, which names plugins to start too, and the index of its sessions.
    homeFleeting: [
      '.copilot',
      ...['config.json', 'settings.json', 'session-store.db', 'session-store.db-wal', 'session-store.db-shm'].map(
        (name) => `.copilot/${name}`,
      ),
      // The program itself: it unpacks it there and starts it from there.
      `.cache/copilot/pkg/${process.platform}-${process.arch}`,
    ],
    homeRead: ['.config/gh'],
    hosts: ['api.github.com', 'github.com', '*.githubcopilot.com', 'copilot-proxy.githubusercontent.com'],
    env: ['COPILOT_*', 'GH_TOKEN', 'GITHUB_TOKEN', 'GH_HOST', 'GITHUB_COPILOT_*'],
    homeVariables: { COPILOT_HOME: '.copilot' },
  },
  projectFiles: [
    '.github/hooks/',
    '.github/copilot/',
    '.github/agents/',
    '.github/skills/',
    '.github/mcp.json',
    '.github/lsp.json',
    '.mcp.json',
    '.vscode/mcp.json',
    '.claude/settings.json',
    '.claude/settings.local.json',
  ],
  env: { COPILOT_AUTO_UPDATE: 'false' },
  unset: ['COPILOT_CLI', 'COPILOT_ALLOW_ALL'],
  acp: ['--acp'],
  invoke(request, model) {
    const prompt = combined(request)
    const rest = [
      '--output-format',
      'json',
      ...(request.skipPermissions ? ['--allow-all-tools'] : ['--allow-tool=write']),
      ...(model === undefined ? [] : ['--model', model]),
      ...(request.sessionId === undefined ? [] : [`--resume=${request.sessionId}`]),
    ]
    return fitsArgument(prompt) ? { argv: ['-p', asArgument(prompt), ...rest] } : { argv: rest, input: prompt }
  },
  read: (emit, model) => readLines(parser(emit, model)),
}

function loggedIn(place: LoginPlace): Login {
  const directory = ownDirectory(place, 'COPILOT_HOME', '.copilot')
  const config = jsonFile(place, join(directory, 'config.json'))
  const users = [config.logged_in_users, config.loggedInUsers].some((each) => list(each).length > 0)
  const hosts = place.read(join(place.home, '.config/gh/hosts.yml'))
  const ownProvider = isSet(place, 'COPILOT_PROVIDER_BASE_URL')
  return firstLogin(
    // A user is known, the token is in the keychain.
    users || hosts !== undefined ? 'unknown' : 'no',
    ownProvider ? { state: 'yes', by: 'COPILOT_PROVIDER_BASE_URL' } : undefined,
    byVariable(place, 'COPILOT_GITHUB_TOKEN', 'GH_TOKEN', 'GITHUB_TOKEN'),
    byFile(place, join(directory, 'config.json'), (held) =>
      [held.copilot_tokens, held.copilotTokens].some((each) => holdsAnything(fields(each))),
    ),
    /^\s+oauth_token:\s*\S/m.test(hosts ?? '') ? { state: 'yes', by: '~/.config/gh/hosts.yml' } : undefined,
  )
}

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let complete = false
  let aborted = false
  let sessionId: string | undefined
  let usage: Usage | undefined
  let error: ReadError | undefined
  let trouble: ReadError | undefined
  const denied: string[] = []
  const tools = new ToolCalls(emit)
  const streamed = new Set<string>()

  const handle: Readonly<Record<string, (data: Fields, whole: Fields) => void>> = {
    'assistant.message_delta'(data) {
      const said = text(data.deltaContent)
      const id = text(data.messageId)
      if (id !== undefined) streamed.add(id)
      if (said !== undefined) emit({ type: 'text', text: said })
    },
    'assistant.reasoning_delta'(data) {
      const thought = text(data.deltaContent)
      if (thought !== undefined) emit({ type: 'thought', text: thought })
    },
    'assistant.message'(data) {
      const said = text(data.content)
      // It came through after all.
      error = undefined
      if (said !== undefined) answer = said
      if (said !== undefined && !streamed.has(text(data.messageId) ?? '')) emit({ type: 'text', text: said })
      const output = amount(data.outputTokens)
      if (output === undefined) return
      usage = { outputTokens: (usage?.outputTokens ?? 0) + output, ...defined({ model: text(data.model) ?? model }) }
      emit({ type: 'usage', usage })
    },
    'tool.execution_start'(data) {
      const input = fields(data.arguments)
      const name = text(data.toolName) ?? 'tool'
      tools.start({ name, id: text(data.toolCallId), detail: detailOf(input), input: data.arguments })
    },
    'tool.execution_complete'(data) {
      const id = text(data.toolCallId)
      const name = tools.nameOf(id) ?? 'tool'
      const failure = fields(data.error)
      if (failure.code === 'denied' || failure.code === 'rejected') denied.push(name)
      tools.answer({
        id,
        ok: data.success === true,
        output: text(fields(data.result).content) ?? text(failure.message),
      })
    },
    'model.call_failure'(data) {
      trouble = {
        message: messageIn(text(data.errorMessage)) ?? text(data.errorType) ?? 'the model API failed',
        ...defined({ status: amount(data.statusCode) }),
      }
    },
    'model.call_finished'(data) {
      if (data.outcome === 'success') trouble = undefined
    },
    'session.error'(data) {
      error = {
        message: text(data.message) ?? text(data.errorType) ?? 'unknown error',
        ...defined({ status: amount(data.statusCode) }),
      }
    },
    abort() {
      aborted = true
    },
    result(_, whole) {
      sessionId = text(whole.sessionId) ?? sessionId
      // Told to stop it ends its turn, and says that it exits with 0.
      complete = amount(whole.exitCode) === 0 && !aborted
    },
  }

  return {
    object(value) {
      const { type } = value
      if (typeof type === 'string' && Object.hasOwn(handle, type)) handle[type]?.(fields(value.data), value)
    },
    reading: () => ({
      text: bound(answer),
      chars: answer.length,
      complete,
      denied,
      ...defined({ usage, sessionId, error, trouble }),
    }),
  }
}

/** The message in an error that is itself JSON. */
function messageIn(said: string | undefined): string | undefined {
  if (said === undefined) return undefined
  try {
    return text(fields(JSON.parse(said)).message) ?? said
  } catch {
    return said
  }
}
