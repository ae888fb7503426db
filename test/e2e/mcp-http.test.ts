import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { isLoopback } from '../../src/surfaces/mcp/http.ts'
import { calling, launcher, mcpScene } from '../fixtures/mcp.ts'

const modern = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const

/** A server on HTTP, and ways to talk to it. */
async function serveHttp(scene: ReturnType<typeof mcpScene>, ...flags: string[]) {
  const server = spawn(process.execPath, [launcher, 'mcp', 'serve', '--http', '--port', '0', ...flags], {
    cwd: scene.repository,
    env: scene.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  server.stderr.on('data', (part) => {
    said += part
  })
  const ended = once(server, 'close').then(([code]) => code as number)
  const first = createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
  const line = await Promise.race([first, ended.then(() => undefined)])
  const url = line?.done === false ? line.value : ''
  const tokenFile = join(scene.folder, 'home', 'token')
  const token = () => readFileSync(tokenFile, 'utf8').trim()
  const clients: Client[] = []
  return {
    url,
    ended,
    said: () => said,
    tokenFile,
    token,
    async connect(options: ClientOptions = {}) {
      const client = new Client({ name: 'test', version: '1.0.0' }, options)
      const requestInit = { headers: { authorization: `Bearer ${token()}` } }
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
      clients.push(client)
      return { client, ...calling(client) }
    },
    /** A bare request; answers its status, headers and body. */
    knock: (headers: Readonly<Record<string, string>> | readonly string[], body = discover, method = 'POST') =>
      new Promise<{ status: number; headers: object; text: string }>((resolve, reject) => {
        const usual = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
        const all = Array.isArray(headers) ? [...Object.entries(usual).flat(), ...headers] : { ...usual, ...headers }
        const asked = request(url, { method, headers: all }, async (response) => {
          let text = ''
          for await (const part of response) text += part
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
        })
        asked.on('error', reject)
        asked.end(method === 'GET' ? undefined : body)
      }),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close().catch(() => {})
      server.kill('SIGTERM')
      await ended
    },
  }
}

const discover = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })

test('clients of today and older ones reach a goal over HTTP, with progress', async () => {
  await using scene = mcpScene()
  await using server = await serveHttp(scene)
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  const both = await Promise.all([server.connect(), server.connect(modern)])
  const done = await Promise.all(
    both.map(async ({ client }) => {
      const said: unknown[] = []
      const answer = await client.callTool(
        { name: 'orchestrate', arguments: goal },
        { onprogress: ({ message }) => said.push(message), timeout: 60_000 },
      )
      return { said, answer: answer.structuredContent }
    }),
  )
  for (const { said, answer } of done) {
    expect(answer).toMatchObject({ completed: true, iterations: 2 })
    expect(said).toEqual([
      expect.stringContaining('started'),
      expect.stringContaining('iteration 1/4'),
      expect.stringContaining('iteration 2/4'),
    ])
  }
  expect(await both[0].call('orchestrate_list')).toMatchObject({ total: 2 })
})

test('long work is a task over HTTP too', async () => {
  await using scene = mcpScene()
  await using server = await serveHttp(scene)
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const { client, call } = await server.connect({ ...modern, capabilities })
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  // The client of the SDK knows no such answer so far.
  await expect(client.callTool({ name: 'orchestrate', arguments: goal })).rejects.toThrow(/'task'/)
  const { runs } = await call('orchestrate_list')
  const [{ run_id: taskId } = { run_id: '' }] = runs as { run_id: string }[]
  const get = () => client.request({ method: 'tasks/get', params: { taskId } }, z.looseObject({ status: z.string() }))
  await expect.poll(async () => (await get()).status, { timeout: 30_000 }).toBe('completed')
  expect(await get()).toMatchObject({ taskId, result: { structuredContent: { completed: true } } })
})

test('a request without the token, or for another host, or from another page, is refused before the protocol sees it', async () => {
  await using scene = mcpScene()
  await using server = await serveHttp(scene)
  expect(statSync(server.tokenFile).mode & 0o777).toBe(0o600)
  const bearer = { authorization: `Bearer ${server.token()}` }
  const { port } = new URL(server.url)
  const rows: readonly (readonly [Record<string, string>, number])[] = [
    [bearer, 200],
    [{ ...bearer, host: `localhost:${port}`, origin: 'http://localhost:3000' }, 200],
    [{ ...bearer, host: `[::1]:${port}` }, 200],
    [{}, 401],
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: `Bearer ${server.token()}x` }, 401],
    [{ authorization: `Basic ${server.token()}` }, 401],
    [{ ...bearer, host: 'evil.com' }, 403],
    [{ ...bearer, host: '127.evil.com' }, 403],
    [{ ...bearer, host: '127.0.0.1.evil.com' }, 403],
    [{ ...bearer, host: `127.0.0.1:${Number(port) + 1}` }, 403],
    [{ ...bearer, host: '0.0.0.0' }, 403],
    [{ ...bearer, host: 'a@127.0.0.1' }, 403],
    [{ ...bearer, origin: 'null' }, 403],
    [{ ...bearer, origin: 'https://evil.com' }, 403],
    [{ ...bearer, origin: 'http://127.evil.com' }, 403],
    [{ ...bearer, origin: 'http://localhost.evil.com' }, 403],
  ]
  for (const [headers, status] of rows) {
    const answer = await server.knock(headers)
    expect(answer.status, JSON.stringify(headers)).toBe(status)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    if (status !== 200) expect(answer.text).not.toContain('orchestrate')
  }
  expect((await server.knock({}, '', 'OPTIONS')).status).toBe(401)
  for (const method of ['GET', 'PUT', 'TRACE', 'DELETE']) {
    expect((await server.knock(bearer, '', method)).status, method).toBe(405)
  }
  const host = `127.0.0.1:${port}`
  for (const twice of [
    ['host', host, 'host', 'evil.com', 'authorization', bearer.authorization],
    ['host', host, 'authorization', bearer.authorization, 'authorization', 'Bearer wrong'],
    ['host', host, 'origin', 'http://localhost', 'origin', 'https://evil.com', 'authorization', bearer.authorization],
  ]) {
    expect((await server.knock(twice)).status, twice.join(' ')).toBe(400)
  }
  expect((await server.knock(bearer, 'x'.repeat(9_000_000))).status).toBe(413)
})

test('a new token counts at once, and one that others can read lets nobody in', async () => {
  await using scene = mcpScene()
  await using server = await serveHttp(scene)
  const old = { authorization: `Bearer ${server.token()}` }
  writeFileSync(server.tokenFile, 'another-secret\n')
  expect((await server.knock(old)).status).toBe(401)
  expect((await server.knock({ authorization: 'Bearer another-secret' })).status).toBe(200)
  writeFileSync(server.tokenFile, '')
  expect((await server.knock({ authorization: 'Bearer ' })).status).toBe(401)
  writeFileSync(server.tokenFile, 'another-secret\n')
  chmodSync(server.tokenFile, 0o644)
  expect((await server.knock({ authorization: 'Bearer another-secret' })).status).toBe(500)
})

test('nothing is served without a token, on other addresses least of all', async () => {
  await using scene = mcpScene()
  writeFileSync(join(scene.folder, 'home', 'token'), '', { mode: 0o600 })
  await using server = await serveHttp(scene, '--host', '0.0.0.0')
  expect(await server.ended).toBe(2)
  expect(server.url).toBe('')
  expect(server.said()).toMatch(/the secret cannot be written\n {2}hint: delete the file if it is empty/)
})

test('a client that goes away pauses what was driven for it, and the server serves on', async () => {
  await using scene = mcpScene(
    'subgoals: [the work]\nacceptOnIteration: 1\nreplies:\n  - { role: worker, text: x, delayMs: 600000 }\n',
  )
  await using server = await serveHttp(scene)
  const { client } = await server.connect(modern)
  const started = Promise.withResolvers<void>()
  const leaving = new AbortController()
  const here = client.callTool(
    {
      name: 'orchestrate',
      arguments: { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false },
    },
    { onprogress: () => started.resolve(), timeout: 60_000, signal: leaving.signal },
  )
  here.catch(() => {})
  await started.promise
  leaving.abort()
  const other = await server.connect()
  const status = async () => (await other.call('orchestrate_status', { run_id: 'last' })).status
  await expect.poll(status, { timeout: 20_000 }).toBe('paused')
})

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['127.evil.com', false],
  ['0.0.0.0', false],
  ['::', false],
  ['null', false],
  ['', false],
  ['localhost.evil.com', false],
  ['10.0.0.1', false],
])('%j is this machine alone: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})
