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
  list,
  type ReadError,
  readLines,
  text,
} from '../reader.ts'

/** Claude Code: `claude -p … --output-format stream-json`. */
export const claudeCode: Preset = {
  name: 'claude-code',
  executable: 'claude',
  install: 'npm install -g @anthropic-ai/claude-code',
  login: 'run `claude` once and log in, or set ANTHROPIC_API_KEY',
  loggedIn: ({ env }) => (env.ANTHROPIC_API_KEY ? { state: 'yes', by: 'ANTHROPIC_API_KEY' } : { state: 'unknown' }),
  needs: { home: ['.claude', '.claude.json'], hosts: ['api.anthropic.com'], env: ['ANTHROPIC_*', 'CLAUDE_*'] },
  projectFiles: ['.claude/settings.json', '.mcp.json'],
  env: { DISABLE_AUTOUPDATER: '1' },
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
    if (!inArguments) return { argv: ['-p', ...rest], input: combined(request) }
    const system = request.system.trim() === '' ? [] : ['--append-system-prompt', asArgument(request.system)]
    return { argv: ['-p', asArgument(request.prompt), ...system, ...rest] }
  },
  read: (emit) => readLines(parser(emit)),
}

function parser(emit: Emit): LineParser {
  let answer: string | undefined
  let last = ''
  let model: string | undefined
  let sessionId: string | undefined
  let usage: Usage | undefined
  let sessionTotals: Usage | undefined
  let denied: string[] = []
  let error: ReadError | undefined
  let limit: number | undefined
  // One message comes in several lines that repeat its usage.
  const perMessage = new Map<string, Usage>()

  const assistant = (message: Fields, failed: boolean) => {
    for (const part of list(message.content).map(fields)) {
      const said = text(part.text)
      if (part.type === 'text' && said !== undefined) {
        if (!failed) last = said
        emit({ type: 'text', text: said })
      } else if (part.type === 'tool_use') {
        emit({ type: 'tool', name: text(part.name) ?? 'tool', ...defined({ detail: detailOf(fields(part.input)) }) })
      }
    }
    const id = text(message.id)
    if (id === undefined || failed) return
    perMessage.set(id, tokensOf(fields(message.usage)))
    const sum = total([...perMessage.values()])
    emit({ type: 'usage', usage: { ...sum, ...defined({ model: text(message.model) ?? model }) } })
  }

  const result = (value: Fields) => {
    answer = text(value.result) ?? ''
    const [used] = Object.entries(fields(value.modelUsage))
    usage = { ...tokensOf(fields(value.usage)), ...defined({ model: used?.[0] ?? model }) }
    sessionTotals = defined({ costUsd: amount(value.total_cost_usd) })
    denied = list(value.permission_denials).map((each) => text(fields(each).tool_name) ?? 'a tool')
    const subtype = text(value.subtype)
    if (value.is_error === true || subtype?.startsWith('error') === true) {
      const said = list(value.errors)
        .map(text)
        .find((each) => each !== undefined)
      error = {
        message: (answer || said) ?? subtype ?? 'unknown error',
        ...defined({ status: amount(value.api_error_status), resetAt: limit }),
      }
    }
  }

  return {
    object(value) {
      sessionId = text(value.session_id) ?? sessionId
      if (value.type === 'system' && value.subtype === 'init') model = text(value.model) ?? model
      else if (value.type === 'assistant') assistant(fields(value.message), value.is_api_error_message === true)
      else if (value.type === 'result') result(value)
      else if (value.type === 'rate_limit_event') {
        const info = fields(value.rate_limit_info)
        const seconds = amount(info.resetsAt)
        if (info.status === 'rejected' && seconds !== undefined) limit = seconds * 1000
      }
    },
    reading: () => ({
      text: bound(answer ?? last),
      chars: (answer ?? last).length,
      complete: answer !== undefined,
      denied,
      ...defined({
        usage:
          usage ?? (perMessage.size > 0 ? { ...total([...perMessage.values()]), ...defined({ model }) } : undefined),
      }),
      ...defined({ sessionTotals, sessionId, error }),
    }),
  }
}

function tokensOf(usage: Fields): Usage {
  return defined({
    inputTokens: amount(usage.input_tokens),
    outputTokens: amount(usage.output_tokens),
    cacheReadTokens: amount(usage.cache_read_input_tokens),
    cacheWriteTokens: amount(usage.cache_creation_input_tokens),
  })
}

function total(usages: readonly Usage[]): Usage {
  const sum = (pick: (usage: Usage) => number | undefined) => usages.reduce((all, each) => all + (pick(each) ?? 0), 0)
  return {
    inputTokens: sum((each) => each.inputTokens),
    outputTokens: sum((each) => each.outputTokens),
    cacheReadTokens: sum((each) => each.cacheReadTokens),
    cacheWriteTokens: sum((each) => each.cacheWriteTokens),
  }
}

function detailOf(input: Fields): string | undefined {
  return (text(input.file_path) ?? text(input.command) ?? text(input.pattern) ?? text(input.description))?.slice(0, 200)
}
