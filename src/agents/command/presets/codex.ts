import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import type { Preset } from '../preset.ts'
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

/** Codex: `codex exec --json …`. It has no option for a system prompt: the combined text is the prompt. */
export const codex: Preset = {
  name: 'codex',
  executable: 'codex',
  install: 'npm install -g @openai/codex',
  login: 'run `codex login`, or set OPENAI_API_KEY',
  loggedIn: ({ env }) => (env.OPENAI_API_KEY ? { state: 'yes', by: 'OPENAI_API_KEY' } : { state: 'unknown' }),
  needs: { home: ['.codex'], hosts: ['api.openai.com', 'chatgpt.com'], env: ['OPENAI_*', 'CODEX_*'] },
  projectFiles: ['.codex/config.toml'],
  invoke(request, model) {
    const prompt = combined(request)
    const long = !fitsArgument(prompt)
    const argv = [
      'exec',
      '--json',
      ...(request.skipPermissions ? ['--dangerously-bypass-approvals-and-sandbox'] : ['-s', 'workspace-write']),
      ...(model === undefined ? [] : ['-m', model]),
      ...(request.sessionId === undefined ? [] : ['resume', request.sessionId]),
      long ? '-' : asArgument(prompt),
    ]
    return long ? { argv, input: prompt } : { argv }
  },
  read: (emit, model) => readLines(parser(emit, model)),
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

  const item = (value: Fields, completed: boolean) => {
    const kind = text(value.type)
    if (kind === 'agent_message' && completed) {
      answer = text(value.text) ?? ''
      emit({ type: 'text', text: answer })
      return
    }
    const name = toolName(kind, value)
    if (name === undefined) return
    if (!completed) return emit({ type: 'tool', ...name })
    const failure = text(fields(value.error).message) ?? ''
    if (value.status === 'declined' || (value.status === 'failed' && notAllowed.test(failure))) denied.push(name.name)
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

function toolName(kind: string | undefined, value: Fields): { name: string; detail?: string } | undefined {
  if (kind === 'command_execution')
    return { name: 'command', ...defined({ detail: text(value.command)?.slice(0, 200) }) }
  if (kind === 'mcp_tool_call') return { name: `${text(value.server) ?? 'mcp'}/${text(value.tool) ?? 'tool'}` }
  if (kind === 'file_change' || kind === 'web_search') return { name: kind }
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
