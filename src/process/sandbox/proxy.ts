import { lookup } from 'node:dns/promises'
import { createServer as createHttpServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { isPublicAddress } from './addresses.ts'
import { type Allowlist, parseTarget, type Target } from './allowlist.ts'

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>

export interface ProxyOptions {
  /** The sockets are made in this directory, which nobody else may write. */
  readonly directory: string
  readonly allowlist: Allowlist
  /** Called with `host:port` of what was refused. */
  readonly onRefused?: (target: string) => void
  readonly resolve?: Resolve
  /** At most this many connections at a time; 256 by default. */
  readonly maxConnections?: number
}

/** A proxy that is listening, and the way to end it with all its connections. */
export interface NetworkProxy {
  /** The socket of the proxy. */
  readonly path: string
  /** The sockets that lead to servers on this machine, by their port. */
  readonly local: ReadonlyMap<number, string>
  close(): Promise<void>
}

const connectTimeoutMs = 30_000
const hopByHop = ['connection', 'proxy-connection', 'keep-alive', 'proxy-authorization', 'te', 'trailer', 'upgrade']

/**
 * Starts the way out of a sandbox: an HTTP proxy (CONNECT, and plain requests with an absolute address) on a socket file. It looks names up itself,
 * refuses what is not in the list and what leads to an address that is not public, and connects to the very address it has looked at. What goes
 * through a CONNECT is not read: whoever holds an allowed address can be talked to under any name.
 */
export async function startProxy(options: ProxyOptions): Promise<NetworkProxy> {
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const gate = new Gate(options)
  const maxConnections = options.maxConnections ?? 256

  const http = createHttpServer((incoming, answer) => void forward(gate, track, incoming, answer))
  http.on('connect', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    void tunnel(gate, track, incoming.url ?? '', socket, head)
  })
  // A switch of protocols over a plain request would carry what nobody has looked at.
  http.on('upgrade', (_incoming, socket: Socket) => socket.end(plainAnswer(501, 'use CONNECT for web sockets\n')))
  http.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end(plainAnswer(400, 'loopwright: not a request this proxy understands\n'))
    else socket.destroy()
  })
  http.on('connection', track)
  http.maxConnections = maxConnections
  http.requestTimeout = 0
  const path = join(options.directory, 'proxy')
  const servers: Server[] = [http]
  const local = new Map<number, string>()
  try {
    await listen(http, path)
    for (const port of options.allowlist.localPorts) {
      const server = createServer((socket) => {
        track(socket)
        weld(socket, track(connect({ port, host: 'localhost', autoSelectFamily: true })))
      })
      server.maxConnections = maxConnections
      servers.push(server)
      const file = join(options.directory, String(port))
      await listen(server, file)
      local.set(port, file)
    }
  } catch (error) {
    for (const server of servers) server.close()
    throw new LoopwrightError('workspace', `cannot start the sandbox's proxy: ${messageOf(error)}`, {
      hint: 'the temporary directory must be writable, and its path short (under 70 characters)',
      cause: error,
    })
  }
  for (const server of servers) server.unref()
  return {
    path,
    local,
    async close() {
      const closed = servers.map((server) => new Promise<void>((done) => server.close(() => done())))
      for (const socket of sockets) socket.destroy()
      await Promise.all(closed)
    },
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      resolve()
    })
  })
}

type Passage = { readonly address: string; readonly port: number } | { readonly status: number; readonly text: string }

/** Decides where a request may go. */
class Gate {
  readonly #options: ProxyOptions

  constructor(options: ProxyOptions) {
    this.#options = options
  }

  async passage(target: Target | undefined): Promise<Passage> {
    if (target === undefined) return { status: 400, text: 'loopwright: not a host and port this proxy understands\n' }
    const { allowlist, resolve = lookUp } = this.#options
    const { host, port } = target
    if (!allowlist.allows(target)) return this.#refuse(target, 'it is not among the hosts this process may reach')
    let addresses: readonly string[]
    try {
      addresses = isIP(host) === 0 ? await resolve(host) : [host]
    } catch (error) {
      return { status: 502, text: `loopwright: cannot find ${host}: ${messageOf(error)}\n` }
    }
    const address = addresses.find((each) => isPublicAddress(each) || allowlist.allowsAddress(each, port))
    if (address !== undefined) return { address, port }
    return this.#refuse(target, `it leads to ${addresses[0] ?? 'nowhere'}, which is no public address`)
  }

  #refuse({ host, port }: Target, why: string): Passage {
    const shown = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
    this.#options.onRefused?.(shown)
    const add = port === 443 || port === 80 ? host : shown
    return {
      status: 403,
      text: `loopwright: ${shown} was refused: ${why}. To allow it, add "${add}" to the allowed hosts of the sandbox.\n`,
    }
  }
}

async function lookUp(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map((each) => each.address)
}

async function tunnel(gate: Gate, track: Track, url: string, socket: Socket, head: Buffer): Promise<void> {
  const passage = await gate.passage(parseTarget(url))
  if ('status' in passage) return void socket.end(plainAnswer(passage.status, passage.text))
  const out = track(connect({ host: passage.address, port: passage.port }))
  const failed = (text: string) => {
    if (!socket.destroyed) socket.end(plainAnswer(502, `loopwright: ${text}\n`))
    out.destroy()
  }
  const onError = (error: Error) => failed(`cannot reach ${url}: ${error.message}`)
  socket.on('close', () => out.destroy())
  out.setTimeout(connectTimeoutMs, () => failed(`cannot reach ${url}: no answer`))
  out.once('error', onError)
  out.once('connect', () => {
    out.off('error', onError)
    out.setTimeout(0)
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) out.write(head)
    weld(socket, out)
  })
}

async function forward(gate: Gate, track: Track, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  const refuse = (status: number, text: string) => {
    if (answer.headersSent) return void answer.destroy()
    answer.writeHead(status, { 'content-type': 'text/plain', connection: 'close' })
    answer.end(text)
  }
  const [, authority, rest] = /^http:\/\/([^/?#@\\]*)([/?].*)?$/i.exec(incoming.url ?? '') ?? []
  const target = authority === undefined ? undefined : parseTarget(authority, 80)
  const passage = await gate.passage(target)
  if ('status' in passage || target === undefined) {
    return refuse('status' in passage ? passage.status : 400, 'text' in passage ? passage.text : '')
  }
  const headers = { ...incoming.headers }
  for (const name of [
    ...hopByHop,
    ...String(incoming.headers.connection ?? '')
      .toLowerCase()
      .split(/\s*,\s*/),
  ]) {
    delete headers[name]
  }
  // The host that was looked at is the host that is asked, whatever the request says besides.
  headers.host = authority
  const out = request({
    host: passage.address,
    port: passage.port,
    method: incoming.method ?? 'GET',
    path: rest === undefined ? '/' : rest.startsWith('?') ? `/${rest}` : rest,
    headers,
    agent: false,
    setHost: false,
  })
  out.on('socket', track)
  out.on('error', (error) => refuse(502, `loopwright: cannot reach ${authority}: ${error.message}\n`))
  out.on('response', (response) => {
    const { connection: _, ...kept } = response.headers
    answer.writeHead(response.statusCode ?? 502, kept)
    pipeline(response, answer, () => undefined)
  })
  answer.on('close', () => out.destroy())
  pipeline(incoming, out, () => undefined)
}

type Track = (socket: Socket) => Socket

function weld(one: Socket, other: Socket): void {
  const end = () => {
    one.destroy()
    other.destroy()
  }
  one.pipe(other)
  other.pipe(one)
  for (const socket of [one, other]) {
    socket.on('error', end)
    socket.on('close', end)
  }
}

function plainAnswer(status: number, text: string): string {
  const reason = { 400: 'Bad Request', 403: 'Forbidden', 501: 'Not Implemented', 502: 'Bad Gateway' }[status] ?? 'Error'
  return `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
}
