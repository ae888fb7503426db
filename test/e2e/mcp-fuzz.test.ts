import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { launcher, mcpScene } from '../fixtures/mcp.ts'

const keys = [
  ...['goal', 'success_criteria', 'verify_commands', 'cwd', 'max_iterations', 'timeout', 'model', 'isolate', 'detach'],
  ...['loop', 'token', 'answers', 'run_id', 'cursor', 'limit', 'wait', 'max_bytes'],
]
const word = fc.oneof(
  fc.constantFrom(
    'last',
    '',
    '..',
    '/',
    '\0',
    '__proto__',
    'constructor',
    '~',
    'last~0._1',
    '2026',
    '😀',
    '-1',
    '%00',
    '/etc/passwd',
  ),
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 200 }),
)
const value = fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.array(word), fc.jsonValue())
// An agent that does not exist: nothing shall begin.
const input = fc
  .dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), value, { maxKeys: 6 })
  .map((given) => ({ ...given, ...('goal' in given || 'loop' in given ? { backend: 'nobody' } : {}) }))
const run = fc.oneof(fc.constant('last'), word)
const count = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer())
/** What each tool takes, so that many calls get past the look at their shape. */
const shaped: Readonly<Record<string, Readonly<Record<string, fc.Arbitrary<unknown>>>>> = {
  orchestrate: { goal: word, success_criteria: value, verify_commands: value, cwd: word, max_iterations: count },
  run_loop: { loop: word, cwd: word, isolate: fc.boolean(), model: word },
  orchestrate_resume: { token: run, answers: fc.array(word), detach: fc.boolean() },
  orchestrate_status: { run_id: run },
  orchestrate_tail: { run_id: run, cursor: count, limit: count },
  orchestrate_result: { run_id: run, wait: fc.boolean() },
  orchestrate_list: { limit: count },
  orchestrate_diff: { run_id: run, max_bytes: count },
  orchestrate_stop: { run_id: run },
  orchestrate_approve: { run_id: run, answers: fc.array(word) },
  list_backends: {},
  list_loops: { cwd: word },
}
const nobody = { backend: 'nobody' }
const fitting = fc.oneof(
  ...Object.entries(shaped).map(([name, model]) =>
    fc
      .record(model)
      .map((given) => ({ name, arguments: 'goal' in given || 'loop' in given ? { ...given, ...nobody } : given })),
  ),
)
const call = fc.record({
  method: fc.constant('tools/call'),
  params: fc.oneof(
    { weight: 2, arbitrary: fitting },
    {
      weight: 1,
      arbitrary: fc.record({ name: fc.oneof(fc.constantFrom(...Object.keys(shaped)), word), arguments: input }),
    },
  ),
})
const other = fc.record({
  method: fc.oneof(
    fc.constantFrom('tools/list', 'resources/list', 'prompts/list', 'ping', 'logging/setLevel', 'completion/complete'),
    fc.constantFrom(
      'resources/read',
      'prompts/get',
      'resources/subscribe',
      'tasks/get',
      'server/discover',
      'initialize',
    ),
    word,
  ),
  params: fc.oneof(
    fc.record({
      uri: fc.oneof(
        word,
        word.map((text) => `loopwright://runs/${text}`),
      ),
    }),
    fc.record({ name: fc.constantFrom('design_loop', 'review_run'), arguments: fc.dictionary(word, value) }),
    fc.dictionary(fc.string(), value),
  ),
})
const message = fc.oneof({ weight: 3, arbitrary: call }, { weight: 1, arbitrary: other })
const seed = 20_260_728

interface Wrong {
  readonly code: number
  readonly message: string
}

/** Whether something broke here. The SDK answers with this code, and a list, also where a request is not as the protocol has it. */
function isOurs(wrong: Wrong | undefined): boolean {
  return wrong?.code === -32603 && !wrong.message.startsWith('[')
}

test('2,000 random requests on standard input are all answered, and the server goes on', {
  timeout: 180_000,
}, async () => {
  await using scene = mcpScene()
  const { call: ask, client } = await scene.connect()
  await ask('orchestrate', { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false })
  await client.close()
  const server = spawn(process.execPath, [launcher, 'mcp', 'serve'], {
    cwd: scene.repository,
    env: scene.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const bugs: unknown[] = []
  const answered = new Map<unknown, { readonly error?: Wrong }>()
  createInterface({ input: server.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { readonly id?: unknown; readonly error?: Wrong }
    if (said.id !== undefined) answered.set(said.id, said)
    if (line.includes('looks like a bug')) bugs.push(said)
  })
  const send = (one: object) => server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...one })}\n`)
  const clientInfo = { name: 'fuzz', version: '1' }
  send({ id: 'first', method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } })
  send({ method: 'notifications/initialized' })
  const requests = fc.sample(message, { numRuns: 2_000, seed })
  for (const [id, one] of requests.entries()) {
    send({ id, ...one })
    if (id % 25 === 0) server.stdin.write(`${JSON.stringify(one.params).slice(0, id % 40)}\n`)
    if (id % 100 === 99) await expect.poll(() => answered.has(id), { timeout: 60_000 }).toBe(true)
  }
  send({ id: 'last', method: 'tools/call', params: { name: 'orchestrate_list', arguments: {} } })
  await expect.poll(() => answered.has('last'), { timeout: 60_000 }).toBe(true)
  await expect.poll(() => requests.filter((_, id) => !answered.has(id)), { timeout: 60_000 }).toEqual([])
  // What is wrong is the client's fault: no answer says that something broke here.
  const broken = [...answered].flatMap(([id, { error }]) =>
    isOurs(error) ? [{ error, request: requests[Number(id)] }] : [],
  )
  expect(broken).toEqual([])
  expect(bugs).toEqual([])
  expect(answered.get('last')).toMatchObject({ result: { structuredContent: { total: 1 } } })
  server.stdin.end()
  expect(await once(server, 'close')).toEqual([0, null])
})

test('random requests over HTTP get no answer of 500 and more', { timeout: 120_000 }, async () => {
  await using scene = mcpScene()
  const server = spawn(process.execPath, [launcher, 'mcp', 'serve', '--http', '--port', '0'], {
    cwd: scene.repository,
    env: scene.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    const { value: url = '' } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
    const token = readFileSync(join(scene.folder, 'home', 'token'), 'utf8').trim()
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const bodies = fc.oneof(
      message.map((one) => JSON.stringify({ jsonrpc: '2.0', id: 1, ...one })),
      message.map(({ method, params }) =>
        JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }),
      ),
      fc.jsonValue().map((one) => JSON.stringify(one)),
      fc.string({ unit: 'binary' }),
    )
    const headers = fc.record(
      {
        'mcp-protocol-version': fc.constantFrom('2026-07-28', '2025-06-18', 'x'),
        'mcp-session-id': fc.stringMatching(/^[a-z0-9]{1,20}$/),
        'last-event-id': fc.stringMatching(/^[a-z0-9]{1,20}$/),
      },
      { requiredKeys: [] },
    )
    const strange: unknown[] = []
    for (const [body, more] of fc.sample(fc.tuple(bodies, headers), { numRuns: 500, seed })) {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${token}`,
          ...more,
        },
      })
      const text = await response.text()
      const [line = '{}'] = /\{"jsonrpc".*/.exec(text) ?? []
      const ours = isOurs((JSON.parse(line) as { readonly error?: Wrong }).error)
      if (response.status >= 500 || ours || text.includes('looks like a bug'))
        strange.push({ status: response.status, body, more, text })
    }
    expect(strange).toEqual([])
  } finally {
    server.kill('SIGTERM')
    await once(server, 'close')
  }
})
