import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { createServer } from './server.ts'
import type { McpWorld } from './world.ts'

/** Where MCP is served. */
const path = '/mcp'

/** The longest request body, in bytes: a goal may have a million characters. */
const maxBody = 8_000_000

export interface HttpDoor {
  /** A name or an address. */
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Names besides the host's own that requests may come for. */
  readonly hosts: readonly string[]
  /** The secret that every request must carry, looked up for each: a new one counts at once. Empty: nobody comes in. */
  readonly token: () => Promise<string>
  /** What is served; absent: all of loopwright. */
  readonly offer?: (world: McpWorld) => McpServer
}

/**
 * Serves MCP on HTTP until the server is told to end. Every request needs the token, a `Host` we know and, from a browser, an `Origin` of
 * ours: all that is looked at before the protocol sees it. Rejects with `bad_input` where it cannot listen.
 *
 * @param ready hears the URL
 */
export async function serveOnHttp(world: McpWorld, door: HttpDoor, ready: (url: string) => void): Promise<void> {
  const handler = createMcpHandler(() => (door.offer ?? createServer)(world), {
    maxRequestBodySize: maxBody,
    onerror: (error) => world.warn(`mcp: ${error.message}`),
  })
  const http = createHttpServer({ requestTimeout: 60_000, headersTimeout: 20_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      world.warn(`mcp: ${messageOf(error)}`)
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'something went wrong')
    })
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = await refusal(request, door, http.address())
    if (refused) return refuse(response, ...refused)
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const asked = webRequest(request, gone.signal)
    const answered = await handler.fetch(asked)
    // Whether the connection stays is between Node and the client.
    answered.headers.delete('connection')
    response.writeHead(answered.status, Object.fromEntries(answered.headers))
    // Headers go out at once: a stream may say nothing for a while.
    response.flushHeaders()
    if (answered.body === null) response.end()
    else await pipeline(Readable.fromWeb(answered.body as never), response).catch(() => {})
  }
  http.listen(door.port, door.host)
  try {
    await once(http, 'listening')
  } catch (error) {
    throw new LoopwrightError('bad_input', `cannot listen on ${door.host}:${door.port}: ${messageOf(error)}`, {
      hint: 'take another --port; 0 takes one that is free',
    })
  }
  const address = http.address()
  const port = typeof address === 'object' && address !== null ? address.port : door.port
  ready(`http://${isIP(door.host) === 6 ? `[${door.host}]` : door.host}:${port}${path}`)
  if (!world.closing.aborted) await new Promise((resolve) => world.closing.addEventListener('abort', resolve))
  http.close()
  await handler.close()
  await Promise.allSettled([...world.busy])
  http.closeAllConnections()
}

/** Whether an address or name is this machine alone. */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  if (isIP(plain) === 4) return plain.startsWith('127.')
  return plain === '::1' || plain === 'localhost'
}

type Refusal = readonly [status: number, message: string]

/** Why a request is not let in; undefined when it is. */
async function refusal(
  request: IncomingMessage,
  door: HttpDoor,
  address: ReturnType<ReturnType<typeof createHttpServer>['address']>,
): Promise<Refusal | undefined> {
  const port = typeof address === 'object' && address !== null ? address.port : door.port
  // An address that stands for all of them is nobody's name.
  const names = [...door.hosts, ...(['0.0.0.0', '::'].includes(door.host) ? [] : [door.host])]
  const known = (name: string | undefined) => name !== undefined && (isLoopback(name) || names.includes(name))
  const { headersDistinct } = request
  // Of two, whoever stands in front of us may have looked at the other.
  if (alone.some((name) => (headersDistinct[name]?.length ?? 0) > 1)) return [400, 'a header stands there twice']
  if (!known(nameIn(request.headers.host, port))) return [403, 'this Host is not ours']
  const { origin } = request.headers
  if (origin !== undefined && !known(nameIn(origin.replace(/^https?:\/\//, ''), undefined)))
    return [403, 'this Origin is not ours']
  const token = await door.token()
  const [, given = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === '' || !same(given, token)) return [401, 'the token is missing or wrong']
  const [asked] = (request.url ?? '').split('?')
  if (asked !== path) return [404, `nothing is here: MCP is at ${path}`]
  // The protocol refuses some of them itself; others cannot even be told to it.
  if (!methods.includes(request.method ?? '')) return [405, 'MCP does not know this method']
  return undefined
}

/** Headers that decide who comes in. */
const alone = ['host', 'origin', 'authorization']
const methods = ['POST', 'GET', 'DELETE']

/** The name in `name:port`, where nothing else stands and, if given, the port is ours. */
function nameIn(text: string | undefined, port: number | undefined): string | undefined {
  const [, name, given] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(text ?? '') ?? []
  if (port !== undefined && given !== undefined && Number(given) !== port) return undefined
  return name?.toLowerCase()
}

function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null })
  const head = {
    'content-type': 'application/json',
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="loopwright"' } : {}),
    connection: 'close',
  }
  response.writeHead(status, head).end(body)
}

function webRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) headers.append(name, one)
  }
  const method = request.method ?? 'GET'
  const body = method === 'GET' || method === 'HEAD' ? {} : { body: Readable.toWeb(request) as never, duplex: 'half' }
  return new Request(new URL(path, 'http://localhost'), { method, headers, signal, ...body } as RequestInit)
}
