import { type Body, type Dialect, event, object, objects, type Turn, textIn, used } from './script.ts'

const path = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/
const statuses: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
}

/** Google's Gemini API. */
export const gemini: Dialect = {
  name: 'gemini',
  fits: (asked) => path.test(asked),
  read(asked, _headers, body) {
    const [, model = '', method] = path.exec(asked) ?? []
    const contents = objects(body.contents)
    const results = objects(contents.at(-1)?.parts).filter((part) => part.functionResponse !== undefined)
    return {
      model,
      stream: method === 'streamGenerateContent',
      system: textIn(object(body.systemInstruction).parts),
      said: contents.map((content) => textIn(content.parts)).join('\n'),
      continues: results.length > 0,
      result: results.map((part) => JSON.stringify(part.functionResponse)).join('\n'),
      tools: objects(body.tools)
        .flatMap((tool) => objects(tool.functionDeclarations))
        .map((tool) => String(tool.name)),
    }
  },
  async *stream(turn) {
    for (const text of turn.parts) {
      await turn.next()
      yield event(piece(turn, [{ text }]))
    }
    yield event(last(turn, []))
  },
  whole: (turn) => last(turn, [{ text: turn.parts.join('') }]),
  error: (status, message, retryAfter) => ({
    body: {
      error: {
        code: status,
        message,
        status: statuses[status] ?? 'UNKNOWN',
        ...(retryAfter === undefined
          ? {}
          : { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` }] }),
      },
    },
  }),
}

const piece = (turn: Turn, parts: readonly Body[], finishReason?: string): Body => ({
  candidates: [
    { content: { role: 'model', parts }, index: 0, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  modelVersion: turn.model,
})

function last(turn: Turn, parts: readonly Body[]): Body {
  const call = turn.call === undefined ? [] : [{ functionCall: { name: turn.call.name, args: turn.call.input } }]
  return {
    ...piece(turn, [...parts, ...call], turn.stop === 'declined' ? 'SAFETY' : 'STOP'),
    usageMetadata: {
      promptTokenCount: used.input + used.cached,
      cachedContentTokenCount: used.cached,
      candidatesTokenCount: used.output,
      totalTokenCount: used.input + used.cached + used.output,
    },
  }
}
