import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseAllowlist } from './allowlist.ts'
import { type NetworkProxy, startProxy } from './proxy.ts'

let directory: string
let server: Server
let port: number
let proxy: NetworkProxy | undefined
const seen: { url: string; headers: IncomingHttpHeaders; body: string }[] = []
const refused: string[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'proxy-'))
  seen.length = 0
  refused.length = 0
  server = createServer(async (incoming, answer) => {
    let body = ''
    for await (const data of incoming) body += data
    seen.push({ url: incoming.url ?? '', headers: incoming.headers, body })
    answer.end('from the server')
  })
  server.listen(0, '127.0.0.2')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(async () => {
  await proxy?.close()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A proxy for these entries; every name leads to these addresses. */
async function start(entries: string[], addresses = ['127.0.0.2']): Promise<void> {
  proxy = await startProxy({
    directory,
    allowlist: parseAllowlist(entries),
    onRefused: (target) => refused.push(target),
    resolve: async () => addresses,
  })
}

/** What the proxy answers to these bytes. */
async function say(text: string, path = proxy?.path ?? ''): Promise<string> {
  const socket = connect(path)
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write(text, 'latin1')
  await once(socket, 'close')
  return answer
}

const tunnelled = (to: string) =>
  `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\nGET / HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n\r\n`

test('a tunnel to an allowed host carries bytes both ways', async () => {
  await start([`good.example:${port}`, `127.0.0.2:${port}`])
  const answer = await say(tunnelled(`good.example:${port}`))
  expect(answer).toMatch(/^HTTP\/1.1 200 .*from the server/s)
  expect(seen[0]?.headers.host).toBe('inner')
})

test('a plain request reaches an allowed host under that name, without the headers between us', async () => {
  await start([`good.example:${port}`, `127.0.0.2:${port}`])
  const answer = await say(
    `POST http://good.example:${port}/x?y HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic x\r\nConnection: close, X-Gone\r\nX-Gone: 1\r\nContent-Length: 2\r\n\r\nhi`,
  )
  expect(answer).toMatch(/^HTTP\/1.1 200 .*from the server/s)
  expect(seen[0]).toMatchObject({ url: '/x?y', body: 'hi', headers: { host: `good.example:${port}` } })
  expect(Object.keys(seen[0]?.headers ?? {})).not.toContain('proxy-authorization')
  expect(Object.keys(seen[0]?.headers ?? {})).not.toContain('x-gone')
})

test('what is not allowed is refused by name, with what to do', async () => {
  await start(['good.example'])
  const answer = await say(tunnelled('evil.example:443'))
  expect(answer).toMatch(/^HTTP\/1.1 403 /)
  expect(answer).toContain('evil.example:443 was refused')
  expect(answer).toContain('add "evil.example"')
  expect(await say(tunnelled('good.example:22'))).toContain('add "good.example:22"')
  expect(refused).toEqual(['evil.example:443', 'good.example:22'])
})

test('an allowed name that leads to an address that is not public is refused', async () => {
  await start([`good.example:${port}`], ['127.0.0.2', '169.254.169.254'])
  expect(await say(tunnelled(`good.example:${port}`))).toMatch(/403 .*leads to 127.0.0.2, which is no public address/s)
  expect(await say(`GET http://good.example:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 403 /,
  )
  expect(seen).toEqual([])
})

test('an address that is not public is reached when it is an entry itself, on its port', async () => {
  await start([`127.0.0.2:${port}`])
  expect(await say(tunnelled(`127.0.0.2:${port}`))).toContain('from the server')
  expect(await say(tunnelled('127.0.0.2:1'))).toMatch(/^HTTP\/1.1 403 /)
})

test('the address that was looked at is the one that is called, whatever the name leads to later', async () => {
  const answers = [['127.0.0.2'], ['127.0.0.1']]
  let asked = 0
  proxy = await startProxy({
    directory,
    allowlist: parseAllowlist([`good.example:${port}`, `127.0.0.2:${port}`]),
    resolve: async () => answers[asked++] ?? [],
  })
  expect(await say(tunnelled(`good.example:${port}`))).toContain('from the server')
  expect(asked).toBe(1)
  expect(await say(tunnelled(`good.example:${port}`))).toMatch(/^HTTP\/1.1 403 /)
})

test.each([
  'CONNECT evil.example\0.good.example:443 HTTP/1.1',
  'CONNECT evil%00.good.example:443 HTTP/1.1',
  'CONNECT good.example@evil.example:443 HTTP/1.1',
  'CONNECT good.example HTTP/1.1',
  'CONNECT good.example.:443 HTTP/1.1',
  'CONNECT 2130706433:443 HTTP/1.1',
  'CONNECT good.example:99999 HTTP/1.1',
  'GET / HTTP/1.1',
  'GET https://good.example/ HTTP/1.1',
  'GET http://good.example\\@evil.example/ HTTP/1.1',
  'GET http://user@good.example/ HTTP/1.1',
  'nonsense',
])('%j is not understood', async (line) => {
  await start(['good.example', '*.good.example'])
  expect(await say(`${line}\r\nHost: good.example\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /)
  expect(seen).toEqual([])
})

test('a switch of protocols is refused', async () => {
  await start([`good.example:${port}`, `127.0.0.2:${port}`])
  const upgrade = `GET http://good.example:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
  expect(await say(upgrade)).toMatch(/^HTTP\/1.1 501 /)
})

test('every request of one connection is looked at', async () => {
  await start([`good.example:${port}`, `127.0.0.2:${port}`])
  const ask = (host: string, end: string) => `GET http://${host}/ HTTP/1.1\r\nHost: x\r\nConnection: ${end}\r\n\r\n`
  const answer = await say(ask(`good.example:${port}`, 'keep-alive') + ask(`evil.example:${port}`, 'close'))
  expect(answer).toMatch(/200 .*from the server.*403 .*evil.example/s)
})

test('a server that is not there is said', async () => {
  await start(['good.example:1', '127.0.0.2:1'])
  expect(await say(tunnelled('good.example:1'))).toMatch(/^HTTP\/1.1 502 .*cannot reach good.example:1/s)
})

test('a name that leads nowhere is said', async () => {
  proxy = await startProxy({
    directory,
    allowlist: parseAllowlist(['good.example']),
    resolve: () => Promise.reject(new Error('not found')),
  })
  expect(await say(tunnelled('good.example:443'))).toMatch(/^HTTP\/1.1 502 .*cannot find good.example: not found/s)
})

test('a connection too many is closed', async () => {
  proxy = await startProxy({ directory, allowlist: parseAllowlist([]), maxConnections: 1 })
  const first = connect(proxy.path)
  await once(first, 'connect')
  const second = connect(proxy.path)
  await once(second, 'close')
  first.destroy()
})

test('closing ends every connection', async () => {
  await start([`good.example:${port}`, `127.0.0.2:${port}`])
  const socket = connect(proxy?.path ?? '')
  socket.write(`CONNECT good.example:${port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(socket, 'data')
  const closed = once(socket, 'close')
  await proxy?.close()
  proxy = undefined
  await closed
})

test('a server on this machine is led to by a socket of its own', async () => {
  const local = createServer((_incoming, answer) => answer.end('local'))
  local.listen(0, '127.0.0.1')
  await once(local, 'listening')
  const { port: own } = local.address() as AddressInfo
  await start([`localhost:${own}`])
  const outgoing = request({ socketPath: proxy?.local.get(own) ?? '', path: '/' })
  outgoing.end()
  const [answer] = await once(outgoing, 'response')
  let text = ''
  for await (const data of answer) text += data
  expect(text).toBe('local')
  local.close()
})
