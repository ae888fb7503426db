import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anthropic, countTokens } from './anthropic.ts'
import { chat } from './chat.ts'
import { gemini } from './gemini.ts'
import { responses } from './responses.ts'
import {
  type Asked,
  type Behaviour,
  type Body,
  type Dialect,
  type Headers,
  object,
  type Script,
  type ToolCall,
  type Turn,
} from './script.ts'
import { writeCall } from './tools.ts'

const dialects: readonly Dialect[] = [anthropic, responses, chat, gemini]

/** A model behind a loopback HTTP server that does what a script says. */
export interface ModelServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** What the model does from now on. */
  script: Script
  /** Every request for an answer so far, oldest first. */
  readonly asked: Asked[]
  /** Requests to paths that nobody answers. */
  readonly strange: string[]
  /** What went wrong inside the script; empty when all is well. */
  readonly faults: unknown[]
  close(): Promise<void>
}

/** Starts a scripted model on a free port of 127.0.0.1. */
export async function startModel(script: Script): Promise<ModelServer> {
  const http = createServer((request, response) => {
    handle(model, request, response).catch((error: unknown) => {
      if (!response.destroyed) model.faults.push(error)
      response.destroy()
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const model: ModelServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    script,
    asked: [],
    strange: [],
    faults: [],
    async close() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return model
}

async function handle(model: ModelServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', model.url)
  const body = await bodyOf(request)
  if (request.method === 'GET' && pathname.endsWith('/models')) return json(response, 200, models)
  if (pathname.endsWith('/count_tokens')) return json(response, 200, countTokens(body))
  if (pathname.endsWith(':countTokens')) return json(response, 200, { totalTokens: 100 })
  const dialect = dialects.find((each) => request.method === 'POST' && each.fits(pathname))
  if (dialect === undefined) {
    model.strange.push(`${request.method} ${pathname}`)
    return json(response, 404, { error: { message: 'not here' } })
  }
  const asked: Asked = {
    dialect: dialect.name,
    path: pathname,
    key: keyOf(request.headers),
    gone: new Promise((resolve) => response.once('close', resolve)),
    ...dialect.read(pathname, request.headers, body),
  }
  model.asked.push(asked)
  await act(dialect, asked, model.script(asked), response)
}

async function act(dialect: Dialect, asked: Asked, behaviour: Behaviour, response: ServerResponse): Promise<void> {
  if (behaviour.do === 'hang') return
  if (behaviour.do === 'error') {
    const { status, retryAfter } = behaviour
    const refusal = dialect.error(status, messages[status] ?? `scripted ${status}`, retryAfter)
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
    for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value)
    return json(response, status, refusal.body)
  }
  const turn = turnOf(asked, behaviour)
  if (!asked.stream) return json(response, 200, dialect.whole(turn))
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for await (const event of dialect.stream(turn)) {
    if (response.destroyed) return
    response.write(event)
  }
  response.end()
}

/** What a behaviour comes to for this request. */
function turnOf(asked: Asked, behaviour: Exclude<Behaviour, { do: 'hang' | 'error' }>): Turn {
  const say = (text: string): Turn => ({
    model: asked.model,
    parts: text.match(/\S+\s*|\s+/g) ?? [text],
    next: async () => {},
    stop: 'end',
  })
  switch (behaviour.do) {
    case 'text':
      return say(behaviour.text)
    case 'slow':
      return { ...say(''), parts: behaviour.parts, next: behaviour.next }
    case 'decline':
      return { ...say(behaviour.text), stop: 'declined' }
    case 'call':
      return { ...say('I will do it.'), call: toolCall(behaviour), stop: 'tool' }
    case 'tool':
    case 'edit': {
      if (asked.continues) return say(behaviour.text)
      const call = behaviour.do === 'tool' ? behaviour : writeCall(asked.tools, behaviour.path, behaviour.content)
      // It is asked for something else, such as a title for the conversation.
      if (call === undefined) return say(behaviour.text)
      return { ...say('I will do it.'), call: toolCall(call), stop: 'tool' }
    }
  }
}

const toolCall = ({ name, input }: Omit<ToolCall, 'id'>): ToolCall => ({
  id: `call_${crypto.randomUUID().slice(0, 8)}`,
  name,
  input,
})

const messages: Readonly<Record<number, string>> = {
  401: 'invalid api key (scripted)',
  429: 'Rate limit reached for requests (scripted)',
  500: 'internal error (scripted)',
}

const models: Body = { object: 'list', data: [{ id: 'test-model', object: 'model', owned_by: 'test' }] }

function keyOf(headers: Headers): string {
  const found = headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers.authorization ?? ''
  return String(found).replace(/^Bearer /, '')
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  try {
    return object(JSON.parse(Buffer.concat(parts).toString('utf8')))
  } catch {
    return {}
  }
}

function json(response: ServerResponse, status: number, body: Body): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
