import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { seenBy } from '../../test/contract/source.ts'
import { mcpSource } from './mcp.ts'

function make(): McpServer {
  const server = new McpServer({ name: 'issues', version: '1.0.0' })
  server.registerTool('list', { inputSchema: z.object({}) }, async () => ({
    content: [{ type: 'text' as const, text: '[{"id":1,"title":"Over HTTP"}]' }],
  }))
  return server
}

/** An HTTP server on loopback; what it was sent as `authorization` is kept. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
  const tokens: (string | undefined)[] = []
  const http = createServer((request, response) => {
    tokens.push(request.headers.authorization)
    answer(request, response).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    tokens,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

const open = (url: string) =>
  mcpSource({
    connector: 'remote',
    server: { url, headers: { authorization: 'Bearer secret-of-the-user' } },
    read: { tool: 'list' },
    supervise: () => Promise.reject(new Error('nothing is started')),
  })

test('a server at an address is asked with the headers the user gave', async () => {
  const handler = createMcpHandler(make)
  await using server = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = Object.entries(request.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as [string, string]] : [],
    )
    const method = request.method ?? 'GET'
    const body = method === 'GET' ? {} : { body: Buffer.concat(chunks).toString() }
    const answered = await handler.fetch(new Request(`http://127.0.0.1${request.url}`, { method, headers, ...body }))
    response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text())
  })
  expect(await seenBy(open(server.url))).toEqual([
    { id: 'mcp:remote:1', source: 'issues', title: 'Over HTTP', weight: 'normal' },
  ])
  expect(new Set(server.tokens)).toEqual(new Set(['Bearer secret-of-the-user']))
  await handler.close()
})

test('nobody it sends us to gets them', async () => {
  await using other = await serve(async (_, response) => void response.end('{}'))
  await using server = await serve(async (_, response) => void response.writeHead(307, { location: other.url }).end())
  const seen = await open(server.url).look({ signal: new AbortController().signal })
  expect(seen).toEqual({ why: expect.stringMatching(/^remote: /) })
  expect(other.tokens).toEqual([])
})
