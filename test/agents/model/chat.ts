import {
  type Body,
  type Dialect,
  event,
  object,
  objects,
  type Refusal,
  type ToolCall,
  type Turn,
  textIn,
  used,
} from './script.ts'

const stops = { end: 'stop', tool: 'tool_calls', declined: 'content_filter' } as const

/** OpenAI's Chat Completions API, as many others speak it. */
export const chat: Dialect = {
  name: 'chat',
  fits: (path) => path.endsWith('/chat/completions'),
  read(_path, _headers, body) {
    const messages = objects(body.messages)
    const isSystem = (message: Body) => message.role === 'system' || message.role === 'developer'
    const last = messages.at(-1)
    return {
      model: String(body.model),
      stream: body.stream === true,
      system: messages
        .filter(isSystem)
        .map((message) => textIn(message.content))
        .join('\n'),
      said: messages
        .filter((message) => !isSystem(message) && message.role !== 'tool')
        .map((message) => textIn(message.content))
        .join('\n'),
      continues: last?.role === 'tool',
      result: last?.role === 'tool' ? textIn(last.content) : '',
      tools: objects(body.tools).map((tool) => String(object(tool.function).name)),
    }
  },
  async *stream(turn) {
    const send = (choices: readonly Body[], more: Body = {}) =>
      event({ ...frame(turn, 'chat.completion.chunk'), choices, ...more })
    yield send([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }])
    for (const content of turn.parts) {
      await turn.next()
      yield send([{ index: 0, delta: { content }, finish_reason: null }])
    }
    if (turn.call !== undefined) {
      yield send([{ index: 0, delta: { tool_calls: [{ index: 0, ...call(turn.call) }] }, finish_reason: null }])
    }
    yield send([{ index: 0, delta: {}, finish_reason: stops[turn.stop] }])
    yield send([], { usage })
    yield event('[DONE]')
  },
  whole: (turn) => ({
    ...frame(turn, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: turn.parts.join(''),
          ...(turn.call === undefined ? {} : { tool_calls: [call(turn.call)] }),
        },
        finish_reason: stops[turn.stop],
      },
    ],
    usage,
  }),
  error: openaiError,
}

const frame = (turn: Turn, object: string): Body => ({
  id: `chatcmpl-${crypto.randomUUID()}`,
  object,
  created: 1_795_000_000,
  model: turn.model,
})

const call = ({ id, name, input }: ToolCall): Body => ({
  id,
  type: 'function',
  function: { name, arguments: JSON.stringify(input) },
})

const usage: Body = {
  prompt_tokens: used.input + used.cached,
  completion_tokens: used.output,
  total_tokens: used.input + used.cached + used.output,
  prompt_tokens_details: { cached_tokens: used.cached },
}

const codes: Readonly<Record<number, string>> = { 401: 'invalid_api_key', 429: 'rate_limit_exceeded' }

/** An error as OpenAI's APIs word it. */
export function openaiError(status: number, message: string, retryAfter: number | undefined): Refusal {
  const type = status === 429 ? 'requests' : status < 500 ? 'invalid_request_error' : 'server_error'
  const wait = retryAfter === undefined ? '' : `. Please try again in ${retryAfter}s.`
  return { body: { error: { message: `${message}${wait}`, type, param: null, code: codes[status] ?? null } } }
}
