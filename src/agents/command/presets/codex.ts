import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byConfiguredKey, byFile, byVariable, firstLogin, has, holdsAnything, ownDirectory } from '../login.ts'
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
import { contentText, oneLine, ToolCalls } from '../told.ts'

/** Codex: `codex exec --json …`. It has no option for a system prompt: the combined text is the prompt. */
export const codex: Preset = {
  name: 'codex',
  executable: 'codex',
  install: 'npm install -g @openai/codex',
  login: 'run `codex login`, or set CODEX_API_KEY',
  loggedIn,
  needs: {
    home: ['.codex', '.cache/codex'],
    // What its shells read.
    homeFleeting: ['.codex/shell_snapshots'],
    homeRead: [
      '.codex/config.toml',
      '.codex/*.config.toml',
      '.codex/managed_config.toml',
      '.codex/requirements.toml',
      '.codex/hooks.json',
      '.codex/hooks/',
      '.codex/AGENTS.md',
      '.codex/AGENTS.override.md',
      '.codex/agents/',
      '.codex/rules/',
      '.codex/prompts/',
      '.codex/skills/',
      '.codex/plugins/',
      '.codex/memories/',
      '.codex/packages/',
      '.codex/vendor_imports/',
      '.codex/bin/',
    ],
    hosts: ['api.openai.com', 'chatgpt.com', '*.chatgpt.com', 'auth.openai.com'],
    env: ['OPENAI_*', 'CODEX_*', 'AZURE_OPENAI_*'],
    homeVariables: { CODEX_HOME: '.codex', CODEX_SQLITE_HOME: '.codex/sqlite' },
  },
  projectFiles: ['.codex/'],
  unset: ['CODEX_SANDBOX', 'CODEX_SANDBOX_NETWORK_DISABLED', 'CODEX_THREAD_ID'],
  invoke(request, model) {
    const prompt = combined(request)
    const long = !fitsArgument(prompt)
    const argv = [
      'exec',
      '--json',
      '-c',
      'check_for_update_on_startup=false',
      '-c',
      'analytics.enabled=false',
      // Its own sandbox cannot be set up inside of ours, and ours confines it.
      ...(request.skipPermissions || request.confinement !== undefined
        ? ['--dangerously-bypass-approvals-and-sandbox']
        : ['-s', 'workspace-write']),
      ...(model === undefined ? [] : ['-m', model]),
      ...(request.sessionId === undefined ? [] : ['resume', request.sessionId]),
      long ? '-' : asArgument(prompt),
    ]
    return long ? { argv, input: prompt } : { argv }
  },
  read: (emit, model) => readLines(parser(emit, model)),
  // Then every command in its own sandbox fails, and it exits 0 all the same.
  warning: (stderr) =>
    /Refusing to create helper binaries under temporary dir/.test(stderr)
      ? 'Codex cannot set up its sandbox while CODEX_HOME is in the temporary directory: what it writes is lost; set TMPDIR or CODEX_HOME elsewhere'
      : undefined,
  advice: [
    {
      says: /Not inside a trusted directory/i,
      tell: 'Codex runs in git repositories only: begin one with `git init`',
    },
    { says: /no rollout found for|session not found/i, tell: 'the session is gone: begin a new one' },
  ],
}

function loggedIn(place: LoginPlace): Login {
  const directory = ownDirectory(place, 'CODEX_HOME', '.codex')
  const config = join(directory, 'config.toml')
  const keyring = /^\s*cli_auth_credentials_store\s*=\s*["'](?:keyring|auto)/m.test(place.read(config) ?? '')
  return firstLogin(
    keyring ? 'unknown' : 'no',
    byVariable(place, 'CODEX_API_KEY', 'CODEX_ACCESS_TOKEN'),
    byFile(
      place,
      join(directory, 'auth.json'),
      (held) => has(held, 'OPENAI_API_KEY') || holdsAnything(fields(held.tokens)),
    ),
    byConfiguredKey(place, config),
    byVariable(place, 'OPENAI_API_KEY'),
  )
}

const notAllowed = /requires approval|approval policy|rejected by (?:the )?user|not permitted by/i

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let complete = false
  let sessionId: string | undefined
  let sessionTotals: Usage | undefined
  let error: ReadError | undefined
  let lastError: string | undefined
  const denied: string[] = []
  const tools = new ToolCalls(emit)

  const item = (value: Fields, completed: boolean) => {
    const kind = text(value.type)
    if (kind === 'agent_message' && completed) {
      answer = text(value.text) ?? ''
      emit({ type: 'text', text: answer })
      return
    }
    if (kind === 'reasoning' && completed) {
      const thought = text(value.text)
      if (thought !== undefined) emit({ type: 'thought', text: thought })
      return
    }
    const tool = toolOf(kind, value)
    if (tool === undefined) return
    const id = text(value.id)
    if (!completed || !tools.has(id)) tools.start({ ...tool, id })
    if (!completed) return
    const failure = text(fields(value.error).message)
    const output = text(value.aggregated_output) ?? failure ?? contentText(fields(value.result).content) ?? value.result
    const ok = value.status === 'completed' && (value.exit_code ?? 0) === 0
    tools.answer({ name: tool.name, id, ok, output })
    if (value.status === 'declined' || (value.status === 'failed' && notAllowed.test(failure ?? ''))) {
      denied.push(tool.name)
    }
  }

  return {
    object(value) {
      const type = text(value.type)
      if (type === 'thread.started') sessionId = text(value.thread_id) ?? sessionId
      else if (type === 'item.started' || type === 'item.completed') item(fields(value.item), type === 'item.completed')
      else if (type === 'error') lastError = text(value.message) ?? lastError
      else if (type === 'turn.failed')
        error = { message: text(fields(value.error).message) ?? lastError ?? 'the turn failed' }
      else if (type === 'turn.completed') {
        complete = true
        sessionTotals = { ...tokensOf(fields(value.usage)), ...defined({ model }) }
      }
    },
    reading: () => ({
      text: bound(answer),
      chars: answer.length,
      complete,
      denied,
      ...defined({ sessionId, sessionTotals }),
      ...defined({ error: error ?? (complete || lastError === undefined ? undefined : { message: lastError }) }),
    }),
  }
}

interface CodexTool {
  readonly name: string
  readonly detail?: string
  readonly input?: unknown
}

function toolOf(kind: string | undefined, value: Fields): CodexTool | undefined {
  if (kind === 'command_execution') {
    const command = text(value.command)
    return { name: 'command', ...defined({ detail: command && oneLine(command), input: command }) }
  }
  if (kind === 'mcp_tool_call') {
    return { name: `${text(value.server) ?? 'mcp'}/${text(value.tool) ?? 'tool'}`, input: value.arguments }
  }
  // Of a change it says where it is, not what: two changes of the same file are not the same, so there is no input to compare.
  if (kind === 'file_change') {
    const paths = list(value.changes).flatMap((each) => text(fields(each).path) ?? [])
    return { name: kind, ...(paths.length === 0 ? {} : { detail: oneLine(paths.join(', ')) }) }
  }
  if (kind === 'web_search') {
    const query = text(value.query)
    return { name: kind, ...defined({ detail: query && oneLine(query), input: query }) }
  }
  return undefined
}

/** Its input tokens hold the cached ones, as OpenAI counts. */
function tokensOf(usage: Fields): Usage {
  const input = amount(usage.input_tokens)
  const cacheReadTokens = amount(usage.cached_input_tokens) ?? 0
  const cacheWriteTokens = amount(usage.cache_write_input_tokens) ?? 0
  return defined({
    inputTokens: input === undefined ? undefined : Math.max(0, input - cacheReadTokens - cacheWriteTokens),
    outputTokens: amount(usage.output_tokens),
    cacheReadTokens,
    cacheWriteTokens,
  })
}
