import { openaiError } from './chat.ts'
import { type Body, type Dialect, event, objects, type ToolCall, type Turn, textIn, used } from './script.ts'

/** OpenAI's Responses API. */
export const responses: Dialect = {
  name: 'responses',
  fits: (path) => path.endsWith('/responses'),
  read(_path, _headers, body) {
    const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : objects(body.input)
    const last: Body = input.at(-1) ?? {}
    const continues = String(last.type).endsWith('_call_output')
    return {
      model: String(body.model),
      stream: body.stream === true,
      system: textIn(body.instructions),
      said: input.map((item) => textIn((item as Body).content)).join('\n'),
      continues,
      result: continues ? textIn(last.output) : '',
      // To its own models Codex offers tools among the messages.
      tools: [...objects(body.tools), ...objects(body.input).flatMap((item) => objects(item.tools))].flatMap(namesOf),
    }
  },
  async *stream(turn) {
    const send = (data: Body) => event(data, String(data.type))
    const response = { id: `resp_${crypto.randomUUID()}`, object: 'response', model: turn.model, status: 'in_progress' }
    yield send({ type: 'response.created', response })
    const item = message('', 'in_progress')
    yield send({ type: 'response.output_item.added', output_index: 0, item })
    for (const delta of turn.parts) {
      await turn.next()
      yield send({ type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: item.id, delta })
    }
    const done = { ...message(turn.parts.join(''), 'completed'), id: item.id }
    yield send({ type: 'response.output_item.done', output_index: 0, item: done })
    if (turn.call !== undefined) {
      yield send({ type: 'response.output_item.added', output_index: 1, item: { ...call(turn.call), arguments: '' } })
      yield send({ type: 'response.output_item.done', output_index: 1, item: call(turn.call) })
    }
    const output = [done, ...(turn.call === undefined ? [] : [call(turn.call)])]
    yield send({ type: `response.${end(turn)}`, response: { ...response, ...ending(turn), output, usage } })
  },
  whole: (turn) => ({
    id: `resp_${crypto.randomUUID()}`,
    object: 'response',
    model: turn.model,
    ...ending(turn),
    output: [message(turn.parts.join(''), 'completed'), ...(turn.call === undefined ? [] : [call(turn.call)])],
    usage,
  }),
  error: (status, text, retryAfter) =>
    status === 429 ? { body: limit(text, retryAfter ?? 60) } : openaiError(status, text, retryAfter),
}

const end = (turn: Turn) => (turn.stop === 'declined' ? 'incomplete' : 'completed')

const ending = (turn: Turn): Body => ({
  status: end(turn),
  ...(turn.stop === 'declined' ? { incomplete_details: { reason: 'content_filter' } } : {}),
})

const message = (text: string, status: string) => ({
  id: `msg_${crypto.randomUUID()}`,
  type: 'message',
  role: 'assistant',
  status,
  content: text === '' ? [] : [{ type: 'output_text', text, annotations: [] }],
})

const call = ({ id, name, input }: ToolCall): Body => {
  const [own = name, namespace] = name.split('/').reverse()
  const what = { call_id: id, name: own, ...(namespace === undefined ? {} : { namespace }), status: 'completed' }
  const { code } = input
  return typeof code === 'string' && own === 'exec'
    ? { id: `ctc_${id}`, type: 'custom_tool_call', ...what, input: code }
    : { id: `fc_${id}`, type: 'function_call', ...what, arguments: JSON.stringify(input) }
}

/** A tool's name; of a namespace its own, and those in it as `namespace/name`. */
function namesOf(tool: Body): string[] {
  const name = String(tool.name ?? tool.type)
  return [name, ...objects(tool.tools).map((one) => `${name}/${String(one.name)}`)]
}

const usage: Body = {
  input_tokens: used.input + used.cached,
  input_tokens_details: { cached_tokens: used.cached },
  output_tokens: used.output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: used.input + used.cached + used.output,
}

/** What the subscription that Codex is made for says at its limit. */
const limit = (message: string, seconds: number): Body => ({
  error: {
    type: 'usage_limit_reached',
    message,
    plan_type: 'plus',
    resets_in_seconds: seconds,
    resets_at: Math.floor(Date.now() / 1000) + seconds,
  },
})
