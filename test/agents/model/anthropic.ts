import { type Body, type Dialect, event, object, objects, type Turn, textIn, used } from './script.ts'

const stops = { end: 'end_turn', tool: 'tool_use', declined: 'refusal' } as const
const kinds: Readonly<Record<number, string>> = { 401: 'authentication_error', 429: 'rate_limit_error' }

/** Anthropic's Messages API. */
export const anthropic: Dialect = {
  name: 'anthropic',
  fits: (path) => path.endsWith('/v1/messages'),
  read(_path, _headers, body) {
    const messages = objects(body.messages)
    // What a CLI reminds the model of comes as a text behind the result.
    const results = objects(messages.at(-1)?.content).filter((part) => part.type === 'tool_result')
    return {
      model: String(body.model),
      stream: body.stream === true,
      system: textIn(body.system),
      said: messages.map((message) => textIn(message.content)).join('\n'),
      continues: results.length > 0,
      result: results.map((part) => textIn(part.content)).join('\n'),
      tools: objects(body.tools).map((tool) => String(tool.name)),
    }
  },
  async *stream(turn) {
    const send = (data: Body) => event(data, String(data.type))
    const message = { ...frame(turn), content: [], stop_reason: null, usage: usage(1) }
    yield send({ type: 'message_start', message })
    yield send({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
    for (const text of turn.parts) {
      await turn.next()
      yield send({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
    }
    yield send({ type: 'content_block_stop', index: 0 })
    if (turn.call !== undefined) {
      const { id, name, input } = turn.call
      yield send({ type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id, name, input: {} } })
      const delta = { type: 'input_json_delta', partial_json: JSON.stringify(input) }
      yield send({ type: 'content_block_delta', index: 1, delta })
      yield send({ type: 'content_block_stop', index: 1 })
    }
    const delta = { stop_reason: stops[turn.stop], stop_sequence: null }
    yield send({ type: 'message_delta', delta, usage: usage(used.output) })
    yield send({ type: 'message_stop' })
  },
  whole: (turn) => ({
    ...frame(turn),
    content: [
      { type: 'text', text: turn.parts.join('') },
      ...(turn.call === undefined ? [] : [{ type: 'tool_use', ...turn.call }]),
    ],
    stop_reason: stops[turn.stop],
    usage: usage(used.output),
  }),
  error: (status, message, retryAfter) => ({
    body: { type: 'error', error: { type: kinds[status] ?? 'api_error', message } },
    headers: retryAfter === undefined ? {} : limits(Math.floor(Date.now() / 1000) + retryAfter),
  }),
}

const frame = (turn: Turn): Body => ({
  id: `msg_${crypto.randomUUID()}`,
  type: 'message',
  role: 'assistant',
  model: turn.model,
  stop_sequence: null,
})

const usage = (output_tokens: number): Body => ({
  input_tokens: used.input,
  output_tokens,
  cache_read_input_tokens: used.cached,
  cache_creation_input_tokens: 0,
})

/** The answer to `/v1/messages/count_tokens`. */
export const countTokens = (body: Body): Body => ({ input_tokens: JSON.stringify(object(body)).length >> 2 })

const limits = (resets: number) => ({
  'anthropic-ratelimit-unified-status': 'rejected',
  'anthropic-ratelimit-unified-reset': String(resets),
  'anthropic-ratelimit-unified-representative-claim': 'five_hour',
  'anthropic-ratelimit-requests-reset': new Date(resets * 1000).toISOString(),
})
