import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type SourceWorld, seenBy, sourceContract } from '../../test/contract/source.ts'
import { supervise } from '../process/supervise.ts'
import { readProcess } from '../process/table.ts'
import { type McpSourceOptions, mcpSource } from './mcp.ts'

const script = fileURLToPath(new URL('../../test/fixtures/mcp-issues-process.ts', import.meta.url))
const env = { PATH: process.env.PATH ?? '' }

function open(mode: string, options: Partial<McpSourceOptions> = {}) {
  const server = { argv: [process.execPath, script, mode], cwd: '/', env }
  return mcpSource({ connector: 'linear', server, read: { tool: 'list' }, supervise, ...options })
}
const look = (mode: string, options?: Partial<McpSourceOptions>) =>
  open(mode, options).look({ signal: new AbortController().signal })

sourceContract(
  'mcp',
  async (): Promise<SourceWorld> => ({ source: open('list'), blind: open('dies'), async [Symbol.asyncDispose]() {} }),
)

test('a tool’s list becomes findings', async () => {
  expect(await seenBy(open('list'))).toEqual([
    {
      id: 'mcp:linear:ENG-1',
      source: 'issues',
      title: 'Login fails do this',
      body: 'do this',
      url: 'https://linear.example/ENG-1',
      labels: ['bug'],
      weight: 'high',
    },
    { id: 'mcp:linear:ENG-2', source: 'issues', title: 'Slow page', weight: 'normal' },
  ])
  expect(await seenBy(open('list', { read: { tool: 'list', arguments: { team: 'none' } } }))).toEqual([])
})

test('a resource is read, and lines of text are findings too', async () => {
  expect(await seenBy(open('list', { read: { resource: 'issues://all' }, as: 'todo' }))).toHaveLength(2)
  expect((await seenBy(open('lines'))).map(({ id, title }) => [id, title])).toEqual([
    [expect.stringMatching(/^mcp:linear:[0-9a-f]{8}$/), 'one'],
    [expect.stringMatching(/^mcp:linear:[0-9a-f]{8}$/), 'two'],
  ])
})

test('why there is nothing is said: a server that ends, a tool that fails or is not there, a program that is missing', async () => {
  expect(await look('dies')).toEqual({ why: 'linear: it ended with 3: no API key' })
  expect(await look('list', { read: { tool: 'broken' } })).toEqual({
    why: 'linear: broken failed: the service is down',
  })
  expect(await look('list', { read: { tool: 'absent' } })).toEqual({ why: expect.stringMatching(/^linear: .*absent/) })
  const server = { argv: ['no-such-program'], cwd: '/', env }
  expect(await look('list', { server })).toEqual({ why: 'linear: command not found: no-such-program' })
  expect(await look('hangs', { timeoutMs: 300 })).toEqual({ why: expect.stringMatching(/^linear: .*time/i) })
})

test('a server at an address that is not https is not asked', async () => {
  expect(await look('list', { server: { url: 'http://issues.example/mcp' } })).toEqual({
    why: 'linear: its address is not https',
  })
})

test('nothing of the server is left, not even what it started apart', async () => {
  let pid = 0
  const watched: typeof supervise = async (options) => {
    const seen = await supervise(options)
    pid = Number(/child (\d+)/.exec(seen.stderr)?.[1])
    expect(seen.survivors).toBeUndefined()
    return seen
  }
  expect(await seenBy(open('child', { supervise: watched }))).toHaveLength(2)
  expect(pid).toBeGreaterThan(0)
  expect(readProcess(pid)?.zombie ?? true).toBe(true)
})
