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

/** opencode: `opencode run --format json …`. The combined text is the prompt. */
export const opencode: Preset = {
  name: 'opencode',
  executable: 'opencode',
  install: 'npm install -g opencode-ai',
  login: 'run `opencode auth login`',
  loggedIn: () => ({ state: 'unknown' }),
  needs: { home: ['.local/share/opencode', '.config/opencode'], hosts: [], env: ['OPENCODE_*'] },
  projectFiles: ['opencode.json', '.opencode/'],
  env: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
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
    return fitsArgument(prompt) ? { argv: [...argv, asArgument(prompt)] } : { argv, input: prompt }
  },
  read: (emit, model) => readLines(parser(emit, model)),
}

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let message: string | undefined
  let finished: string | undefined
  let sessionId: string | undefined
  let usage: Usage | undefined
  let error: ReadError | undefined
  const denied: string[] = []

  const handle: Readonly<Record<string, (part: Fields) => void>> = {
    text(part) {
      const said = text(part.text) ?? ''
      const id = text(part.messageID)
      // The answer is the last message; a message may come in several parts.
      answer = id !== undefined && id === message ? answer + said : said
      message = id
      if (said !== '') emit({ type: 'text', text: said })
    },
    tool_use(part) {
      const name = text(part.tool) ?? 'tool'
      const state = fields(part.state)
      const input = fields(state.input)
      emit({ type: 'tool', name, ...defined({ detail: (text(input.filePath) ?? text(input.command))?.slice(0, 200) }) })
      if (
        state.status === 'error' &&
        /rejected permission|permission denied|denied permission/i.test(text(state.error) ?? '')
      ) {
        denied.push(name)
      }
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

function sum(a: Usage, b: Usage): Usage {
  const plus = (x: number | undefined, y: number | undefined) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  return defined({
    inputTokens: plus(a.inputTokens, b.inputTokens),
    outputTokens: plus(a.outputTokens, b.outputTokens),
    cacheReadTokens: plus(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: plus(a.cacheWriteTokens, b.cacheWriteTokens),
    costUsd: plus(a.costUsd, b.costUsd),
  })
}

function errorOf(error: Fields): ReadError {
  const data = fields(error.data)
  return {
    message: text(data.message) ?? text(error.message) ?? text(error.name) ?? 'unknown error',
    ...defined({ status: amount(data.statusCode) }),
  }
}
