import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { launcher, mcpScene } from '../fixtures/mcp.ts'
import { git, write } from '../fixtures/repo.ts'

const slow = `
acceptOnIteration: 1
subgoals: [the work]
replies:
  - { role: worker, text: written, delayMs: 600000 }
`
const asks = `
acceptOnIteration: 1
subgoals: [the work]
questions: [Which colour?, Which size?]
replies:
  - { role: worker, text: written, edits: [{ write: out.txt, content: "hello\\n" }] }
`
const modern = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const

test('tools have the names and parameters that clients are configured for, schemas and annotations', async () => {
  await using scene = mcpScene()
  const { client } = await scene.connect()
  const { tools } = await client.listTools()
  const parameters = Object.fromEntries(
    tools.map((tool) => [tool.name, Object.keys(tool.inputSchema.properties ?? {}).sort()]),
  )
  expect(parameters).toMatchObject({
    orchestrate: expect.arrayContaining([
      ...['goal', 'success_criteria', 'backend', 'cwd', 'max_iterations', 'skip_permissions', 'isolate', 'model'],
      ...['verify_commands', 'verify_timeout', 'detach', 'caller_agent', 'timeout', 'max_seconds', 'playwright'],
    ]),
    orchestrate_resume: ['answers', 'detach', 'token'],
    orchestrate_status: ['run_id'],
    orchestrate_tail: ['cursor', 'limit', 'run_id'],
    orchestrate_result: ['run_id', 'timeout', 'wait'],
    list_backends: [],
    doctor: ['cwd', 'timeout'],
  })
  expect(Object.keys(parameters)).toEqual(
    expect.arrayContaining(['orchestrate_list', 'orchestrate_stop', 'orchestrate_approve', 'orchestrate_diff']),
  )
  expect(Object.keys(parameters)).toEqual(expect.arrayContaining(['run_loop', 'list_loops']))
  for (const tool of tools) {
    expect(tool.outputSchema?.type, tool.name).toBe('object')
    expect(typeof tool.annotations?.readOnlyHint, tool.name).toBe('boolean')
    expect((tool.description ?? '').length, tool.name).toBeGreaterThan(20)
    expect((tool.description ?? '').length, tool.name).toBeLessThan(400)
  }
  expect(tools.find((tool) => tool.name === 'orchestrate')?.inputSchema.properties?.detach).toMatchObject({
    default: true,
  })
})

test('a goal is reached in one call, with progress after every iteration and the result that clients know', async () => {
  await using scene = mcpScene()
  const { client } = await scene.connect()
  const said: (string | undefined)[] = []
  const result = await client.callTool(
    {
      name: 'orchestrate',
      arguments: {
        goal: 'write out.txt',
        success_criteria: 'it is there',
        verify_commands: ['test -f out.txt'],
        backend: scene.backend,
        cwd: scene.repository,
        detach: false,
      },
    },
    { onprogress: ({ message }) => said.push(message), timeout: 60_000 },
  )
  expect(result.structuredContent).toMatchObject({
    completed: true,
    iterations: 2,
    stop_reason: 'goal_complete',
    final_output: expect.stringContaining('written'),
    summary: expect.stringMatching(
      /^completed in 2 iteration\(s\) \| reason: goal_complete \| worktree loopwright\/\S+ \(1 file changed\)$/,
    ),
    worktree: {
      branch: expect.stringMatching(/^loopwright\//),
      changed_files: ['out.txt'],
      checkpoints: expect.anything(),
    },
  })
  const { history } = result.structuredContent as { readonly history: readonly object[] }
  expect(history.at(-1)).toMatchObject({
    iteration: 2,
    subgoals: [{ id: 's1' }],
    results: [{ id: 's1', ok: true, error: null }],
    review: { gates_passed: true, goal_complete: true, issues: [] },
    verification: [{ name: 'test -f out.txt', ok: true, exit_code: 0, error: null, duration: expect.any(Number) }],
  })
  expect(said).toEqual([
    expect.stringMatching(/^run \S+ started, at most 4 iterations$/),
    'iteration 1/4: 1/1 subgoals ok, gates fail, goal incomplete, verification pass',
    'iteration 2/4: 1/1 subgoals ok, gates pass, goal complete, verification pass',
  ])
  expect(git(scene.repository, 'status', '--porcelain')).toBe('')
})

test('a run in the background is followed, and its diff and result are there for the next server too', async () => {
  await using scene = mcpScene()
  const first = await scene.connect()
  const begun = await first.call('orchestrate', { goal: 'write', success_criteria: ['x'], backend: scene.backend })
  expect(begun).toMatchObject({
    status: 'running',
    run_dir: expect.stringContaining(begun.run_id),
    events_path: join(String(begun.run_dir), 'events.jsonl'),
    tail_command: `loopwright tail -f ${begun.run_id}`,
  })
  await first.client.close()

  const second = await scene.connect(modern)
  expect(await second.call('orchestrate_result', { run_id: begun.run_id, wait: true })).toMatchObject({
    completed: true,
    worktree: { changed_files: ['out.txt'] },
  })
  expect(await second.call('orchestrate_status', { run_id: 'last' })).toMatchObject({
    run_id: begun.run_id,
    running: false,
    completed: true,
    stop_reason: 'goal_complete',
    iteration: 2,
  })
  const kinds: unknown[] = []
  let cursor = 0
  for (let more = true; more; ) {
    const page = await second.call('orchestrate_tail', { run_id: begun.run_id, cursor, limit: 5 })
    const events = page.events as readonly { readonly kind: string; readonly seq: number }[]
    expect(events.length).toBeLessThanOrEqual(5)
    kinds.push(...events.map((event) => event.kind))
    cursor = Number(page.cursor)
    more = page.more === true
    expect(page.running).toBe(false)
  }
  const written = readFileSync(String(begun.events_path), 'utf8').trim().split('\n')
  expect(kinds).toEqual(written.map((line) => (JSON.parse(line) as { readonly kind: string }).kind))
  expect(await second.call('orchestrate_tail', { run_id: begun.run_id, cursor })).toMatchObject({ events: [], cursor })
  expect(await second.call('orchestrate_diff', { run_id: 'last' })).toMatchObject({
    diff: expect.stringContaining('+hello'),
    changed_files: ['out.txt'],
    truncated: false,
  })
  expect(await second.call('orchestrate_list')).toMatchObject({ runs: [{ run_id: begun.run_id, status: 'done' }] })
})

test.each([
  ['an older client', {}],
  ['a client of today', modern],
])('%s puts the questions of a run to its user, and the run goes on with the answers', async (_, era) => {
  await using scene = mcpScene(asks)
  const { client, call } = await scene.connect({ ...era, capabilities: { elicitation: {} } })
  const asked: string[] = []
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    asked.push(params.message)
    return { action: 'accept', content: { answer_1: 'red', answer_2: 'large' } }
  })
  const done = await call('orchestrate', {
    ...{ goal: 'write', success_criteria: 'x', backend: scene.backend, ask: true, detach: false },
  })
  expect(done).toMatchObject({ status: 'done', completed: true })
  expect(asked).toEqual([expect.stringContaining('Which colour? Which size?')])
  const { events } = await call('orchestrate_tail', { run_id: done.run_id })
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'answered', data: expect.objectContaining({ answer: ['red', 'large'] }) }),
  )
  expect((await call('orchestrate_list')).total).toBe(1)
})

test('without a user to ask, a run answers with questions and a token that works once', async () => {
  await using scene = mcpScene(asks)
  const { call, wrong } = await scene.connect()
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, ask: true }
  const open = await call('orchestrate', { ...goal, detach: false })
  expect(open).toMatchObject({ status: 'needs_input', questions: ['Which colour?', 'Which size?'], completed: false })
  expect(await call('orchestrate_status', { run_id: open.run_id })).toMatchObject({ token: open.token, running: false })
  // It is one word that says nothing, and nothing else will do.
  const token = String(open.token)
  expect(token).not.toContain(open.run_id)
  const { mode } = statSync(join(scene.folder, 'home', 'signing-key'))
  expect(mode & 0o777).toBe(0o600)
  const cut = token.slice(0, -1)
  const swapped = `${cut}${token.endsWith('A') ? 'B' : 'A'}`
  for (const altered of [cut, swapped, `${token}A`, token.replace('.', ''), `ask_${btoa(open.run_id)}.x`])
    expect(await wrong('orchestrate_resume', { token: altered, answers: ['red', 'large'] })).toContain('it was altered')
  expect(await wrong('orchestrate_resume', { token: `${open.run_id}~0._1`, answers: ['red', 'large'] })).toContain(
    'no run',
  )
  expect(await wrong('orchestrate_resume', { token: open.token, answers: ['red'] })).toContain(
    'not answered: Which size?',
  )
  const answered = { token: open.token, answers: ['red', '2=large'], detach: false }
  // Another server of the same state takes it as well, and of several at once one.
  const other = await scene.connect()
  const all = await Promise.all([call, other.call].map((one) => one('orchestrate_resume', answered).catch(String)))
  expect(all).toContainEqual(expect.objectContaining({ completed: true }))
  expect(all).toContainEqual(expect.stringMatching(/answered|driven/))
  const [done] = all.filter((one) => typeof one !== 'string')
  expect(done).toMatchObject({ status: 'done', completed: true })
  expect(await wrong('orchestrate_resume', answered)).toContain('it asks nothing, or this was answered')

  // One that was answered, but that nobody set going, is not asked again.
  const left = await call('orchestrate', { ...goal, detach: false })
  expect(await call('orchestrate_approve', { run_id: left.token, answers: ['a', 'b'] })).toMatchObject({
    message: 'answered; orchestrate_resume goes on with it',
  })
  expect(await call('orchestrate_resume', { token: left.run_id, detach: false })).toMatchObject({ completed: true })

  // One in the background goes on by itself once it is answered.
  const behind = await call('orchestrate', goal)
  const waiting = await call('orchestrate_result', { run_id: behind.run_id, wait: true })
  expect(waiting.status).toBe('needs_input')
  expect(await call('orchestrate_approve', { run_id: waiting.token, answers: ['a', 'b'] })).toMatchObject({
    message: 'answered; it goes on',
  })
  expect(await call('orchestrate_result', { run_id: behind.run_id, wait: true })).toMatchObject({ completed: true })
})

test('a client that is gone leaves its detached run alive, and pauses what was driven for it', async () => {
  await using scene = mcpScene(slow)
  const { client, call, transport } = await scene.connect()
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend }
  const behind = await call('orchestrate', goal)
  const started = Promise.withResolvers<void>()
  const here = client.callTool(
    { name: 'orchestrate', arguments: { ...goal, detach: false } },
    { onprogress: () => started.resolve(), timeout: 60_000 },
  )
  here.catch(() => {})
  await started.promise
  const { pid } = transport
  if (pid === null) throw new Error('the server has no process')
  await client.close()
  await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false)

  const again = await scene.connect()
  const { runs } = await again.call('orchestrate_list')
  const statusOf = (id: string) =>
    (runs as { run_id: string; status: string }[]).find((run) => run.run_id === id)?.status
  expect(statusOf(behind.run_id)).toBe('running')
  const [other] = (runs as { run_id: string; status: string }[]).filter((run) => run.run_id !== behind.run_id)
  expect(other?.status).toBe('paused')
  expect(await again.call('orchestrate_stop', { run_id: behind.run_id })).toMatchObject({
    message: expect.stringContaining('asked to stop'),
  })
  expect(await again.call('orchestrate_result', { run_id: behind.run_id, wait: true })).toMatchObject({
    status: 'stopped',
    completed: false,
  })
  // What was interrupted can be resumed: in the background this time.
  expect(await again.call('orchestrate_resume', { token: other?.run_id })).toMatchObject({ status: 'running' })
  await again.call('orchestrate_stop', { run_id: other?.run_id })
  await again.call('orchestrate_result', { run_id: other?.run_id, wait: true })
})

test('a server that is killed loses nothing: the run is found, told to be interrupted, and resumed', async () => {
  await using scene = mcpScene(slow.replace('delayMs: 600000', 'delayMs: 3000'))
  const { client, transport } = await scene.connect()
  const started = Promise.withResolvers<void>()
  const here = client.callTool(
    {
      name: 'orchestrate',
      arguments: { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false },
    },
    { onprogress: () => started.resolve(), timeout: 60_000 },
  )
  here.catch(() => {})
  await started.promise
  if (transport.pid === null) throw new Error('the server has no process')
  process.kill(transport.pid, 'SIGKILL')
  await expect(here).rejects.toThrow()
  const again = await scene.connect()
  const found = await again.call('orchestrate_status', { run_id: 'last' })
  expect(found).toMatchObject({ running: false, rehydrated: true, stop_reason: 'interrupted' })
  expect(await again.call('orchestrate_resume', { token: found.run_id, detach: false })).toMatchObject({
    status: 'done',
    completed: true,
  })
})

test('two clients at once do not meet', async () => {
  await using scene = mcpScene()
  const both = await Promise.all([scene.connect(), scene.connect(modern)])
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  const done = await Promise.all(both.flatMap(({ call }) => [call('orchestrate', goal), call('orchestrate', goal)]))
  expect(done.map((one) => one.completed)).toEqual([true, true, true, true])
  expect(new Set(done.map((one) => one.run_id)).size).toBe(4)
})

test('a loop file of the project is listed, needs trust, and runs', async () => {
  await using scene = mcpScene()
  const good = `goal: write\ncriteria: [x]\nagent: ${scene.backend}\n`
  write(scene.repository, { 'loops/good.yaml': good, 'loops/bad.yaml': 'gaol: x\n' })
  const { call, wrong } = await scene.connect()
  expect(await call('list_loops', { cwd: scene.repository })).toMatchObject({
    loops: [
      { path: 'loops/bad.yaml', valid: false, error: expect.stringContaining('gaol') },
      { path: 'loops/good.yaml', valid: true, kind: 'goal', goal: 'write' },
    ],
    templates: [{ name: 'goal' }, { name: 'repair' }],
  })
  const loop = { loop: 'loops/good.yaml', cwd: scene.repository, detach: false }
  expect(await wrong('run_loop', loop)).toContain('trust')
  const trust = spawn(process.execPath, [launcher, 'trust', 'loops/good.yaml', '--yes'], {
    cwd: scene.repository,
    env: scene.env,
    stdio: 'ignore',
  })
  await once(trust, 'close')
  expect(await call('run_loop', loop)).toMatchObject({ completed: true })
})

test('auto is the agent that calls, where that is installed', async () => {
  await using scene = mcpScene()
  // Agents that are there and not called: their names alone count.
  for (const name of ['codex', 'opencode']) {
    write(scene.folder, { [`bin/${name}`]: '#!/bin/sh\nexec sleep 600\n' })
    chmodSync(join(scene.folder, 'bin', name), 0o755)
  }
  scene.env.PATH = `${join(scene.folder, 'bin')}:${scene.env.PATH}`
  const { call } = await scene.connect()
  const agentOf = async (input: object) => {
    const { run_id } = await call('orchestrate', { goal: 'write', success_criteria: 'x', ...input })
    await call('orchestrate_stop', { run_id })
    await call('orchestrate_result', { run_id, wait: true })
    const record = readFileSync(join(scene.repository, '.loopwright/runs', run_id, 'meta.json'), 'utf8')
    return record.includes('opencode') ? 'opencode' : record.includes('codex') ? 'codex' : record
  }
  expect(await agentOf({ caller_agent: 'open_code', backend: 'auto' })).toBe('opencode')
  expect(await agentOf({ caller_agent: 'codex' })).toBe('codex')
  expect(await agentOf({ caller_agent: 'codex', backend: 'opencode' })).toBe('opencode')
})

test('a loop is designed from a template, is valid, and is never written over another', async () => {
  await using scene = mcpScene()
  write(scene.repository, { 'package.json': '{ "scripts": { "test": "node --test" } }' })
  const { call, wrong } = await scene.connect()
  const design = { goal: 'Make all\ntests pass: "now"', success_criteria: 'they do', cwd: scene.repository }
  expect(await call('design_loop', design)).toMatchObject({
    path: '.loopwright/loops/make-all-tests-pass-now.yaml',
    text: expect.stringMatching(/criteria:\n {2}- "they do"\nverify:\n {2}- "npm test"/),
    made_by: 'template',
  })
  expect(await wrong('design_loop', design)).toMatch(/is there already\nhint: give another name/)
  expect(
    await call('design_loop', { goal: 'healthy', kind: 'repair', name: 'care', cwd: scene.repository }),
  ).toMatchObject({
    path: '.loopwright/loops/care/loop.yaml',
  })
  expect((await call('list_loops', { cwd: scene.repository })).loops).toEqual([
    expect.objectContaining({ path: '.loopwright/loops/care/loop.yaml', valid: true, kind: 'repair', goal: 'healthy' }),
    expect.objectContaining({ valid: true, kind: 'goal', goal: 'Make all\ntests pass: "now"' }),
  ])
  expect(await wrong('design_loop', { goal: 'x', name: '../x', cwd: scene.repository })).toContain('small letters')
})

const drafts = `
replies:
  - { role: designer, iteration: 1, text: "Here:\\n\`\`\`yaml\\nkind: goal\\ngoals: x\\n\`\`\`", edits: [{ write: stray.txt, content: x }] }
  - { role: designer, iteration: 2, text: "\`\`\`yaml\\nkind: repair\\nmission: x\\n\`\`\`" }
  - { role: designer, iteration: 3, text: "\`\`\`yaml\\nkind: goal\\ngoal: make it green\\nverify:\\n  - npm test\\n\`\`\`\\nThat is all." }
`

test('an agent designs a loop, hears what is wrong with it, and only a valid one is written', async () => {
  await using scene = mcpScene(drafts)
  const { call, wrong } = await scene.connect()
  const design = { goal: 'green', agent: scene.backend, cwd: scene.repository }
  const { run_id: id, ...made } = await call('design_loop', design)
  expect(made).toMatchObject({
    path: '.loopwright/loops/green.yaml',
    text: 'kind: goal\ngoal: make it green\nverify:\n  - npm test\n',
    made_by: scene.backend,
  })
  expect(await call('orchestrate_result', { run_id: id })).toMatchObject({ completed: true, iterations: 3 })
  // What it was told, in order, and nothing of what it changed is left.
  const { events } = await call('orchestrate_tail', { run_id: id })
  expect(JSON.stringify(events)).toContain('agent')
  expect(readdirSync(scene.repository)).not.toContain('stray.txt')
  expect(readdirSync(join(scene.folder, 'home', 'worktrees')).filter((name) => !name.startsWith('.'))).toEqual([])
  expect((await call('list_loops', { cwd: scene.repository })).loops).toEqual([
    expect.objectContaining({ valid: true, goal: 'make it green' }),
  ])
  // One that is there costs no agent anything.
  const { total } = await call('orchestrate_list')
  expect(await wrong('design_loop', design)).toMatch(/is there already/)
  expect(await wrong('design_loop', { ...design, name: 'other', agent: 'nobody' })).toContain('nobody')
  expect((await call('orchestrate_list')).total).toBe(total)
})

test('an agent that designs no valid loop in three tries, or cannot work, leaves nothing', async () => {
  await using scene = mcpScene(`replies:\n  - { role: designer, text: "kind: goal\\ngoals: x" }\n`)
  const { call, wrong } = await scene.connect()
  const design = { goal: 'green', agent: scene.backend, cwd: scene.repository }
  expect(await wrong('design_loop', design)).toMatch(/not valid after 3 tries.*goals.*\nhint: .*without an agent/s)
  expect(await call('orchestrate_result', { run_id: 'last' })).toMatchObject({ spend: { agent_calls: 3 } })
  expect(readdirSync(join(scene.repository, '.loopwright', 'loops'))).toEqual([])
  await using out = mcpScene('replies:\n  - { role: designer, outcome: refused, message: I will not }\n')
  const other = await out.connect()
  expect(await other.wrong('design_loop', { ...design, agent: out.backend, cwd: out.repository })).toContain(
    'I will not',
  )
  await using repairs = mcpScene(
    `replies:\n  - { role: designer, text: "kind: repair\\nmission: healthy\\nstages: { verify: { run: npm test } }" }\n`,
  )
  const third = await repairs.connect()
  const care = { goal: 'healthy', kind: 'repair', name: 'care', agent: repairs.backend, cwd: repairs.repository }
  expect(await third.call('design_loop', care)).toMatchObject({ path: '.loopwright/loops/care/loop.yaml' })
  expect((await third.call('list_loops', { cwd: repairs.repository })).loops).toEqual([
    expect.objectContaining({ valid: true, kind: 'repair', goal: 'healthy' }),
  ])
})

test('a loop is not designed through a link that leads out of the project', async () => {
  await using scene = mcpScene()
  mkdirSync(join(scene.folder, 'outside'))
  symlinkSync(join(scene.folder, 'outside'), join(scene.repository, '.loopwright'))
  const { wrong } = await scene.connect()
  expect(await wrong('design_loop', { goal: 'x', cwd: scene.repository })).toContain('leads out of the project')
  expect(readdirSync(join(scene.folder, 'outside'))).toEqual([])
  rmSync(join(scene.folder, 'outside'), { recursive: true })
  expect(await wrong('design_loop', { goal: 'x', cwd: scene.repository })).toContain('cannot be made')
})

test('agents and the state of the machine are told', async () => {
  await using scene = mcpScene()
  const { call } = await scene.connect()
  expect(await call('list_backends')).toMatchObject({
    backends: { scripted: { available: true, kind: 'scripted' }, 'claude-code': { executable: 'claude' } },
    default: 'auto',
  })
  const report = await call('doctor', { cwd: scene.repository, timeout: 600 })
  expect(report).toMatchObject({
    cwd: { path: scene.repository, writable: true, git: true },
    timeout: { value: 600, meaning: expect.stringContaining('10m') },
    recommendations: expect.anything(),
  })
  expect(JSON.stringify(report.timeouts)).toContain('600000')
  expect(await call('doctor', { cwd: '/no/such/place' })).toMatchObject({ ok: false, cwd: { exists: false } })
})

const long = 'x'.repeat(300)
test('bad input gets one clear error from every tool', async () => {
  await using scene = mcpScene()
  const { client, raw } = await scene.connect()
  const rows: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['orchestrate', { goal: '' }, 'the goal is empty'],
    ['orchestrate', {}, 'goal'],
    ['orchestrate', { goal: 'x', gaol: 'y' }, 'gaol'],
    ['orchestrate', { goal: 'x', cwd: '/no/such/place' }, 'there is no such directory'],
    ['orchestrate', { goal: 'x', backend: 'nobody' }, 'unknown agent nobody'],
    ['orchestrate', { goal: 'x', max_iterations: 0 }, 'max_iterations'],
    ['orchestrate', { goal: 'x', max_seconds: -1 }, 'max_seconds'],
    ['orchestrate', { goal: 'x', timeout: 'soon' }, 'timeout'],
    ['orchestrate', { goal: 'x', verify_commands: ['npm test | tail'], backend: 'mock' }, 'needs a shell'],
    ['run_loop', { loop: 'no.yaml' }, 'there is no such file'],
    ['run_loop', {}, 'loop'],
    ['orchestrate_resume', { token: 'a b' }, 'no run'],
    ['orchestrate_resume', { token: '../../etc', answers: ['x'] }, 'no run'],
    ['orchestrate_status', { run_id: long }, 'run_id'],
    ['orchestrate_status', { run_id: 'nobody' }, 'no run'],
    ['orchestrate_tail', { run_id: 'nobody' }, 'no run'],
    ['orchestrate_tail', { run_id: 'x', cursor: -1 }, 'cursor'],
    ['orchestrate_result', { run_id: 'nobody', wait: true }, 'no run'],
    ['orchestrate_diff', { run_id: 'nobody' }, 'no run'],
    ['orchestrate_stop', { run_id: 'nobody' }, 'no run'],
    ['orchestrate_approve', { run_id: 'nobody' }, 'no run'],
    ['orchestrate_list', { limit: 'all' }, 'limit'],
    ['list_loops', { cwd: '/no/such/place' }, 'there is no such directory'],
    ['list_backends', { cwd: '/' }, 'cwd'],
    ['design_loop', { goal: ' ' }, 'goal'],
    ['design_loop', { goal: 'x', kind: 'triage' }, 'kind'],
    ['design_loop', { goal: 'x', kind: 'repair', verify_commands: 'npm test' }, 'without criteria and checks'],
    ['doctor', { timeout: 0 }, 'timeout'],
  ]
  for (const [name, input, part] of rows) {
    const result = await raw(name, input)
    const text = JSON.stringify(result.content)
    expect(result.isError, `${name} ${text}`).toBe(true)
    expect(text).toContain(part)
    expect(text).not.toMatch(/bug in loopwright|\bat .*\.ts:/)
  }
  const { tools } = await client.listTools()
  expect(tools.map((tool) => tool.name).filter((name) => !rows.some(([tool]) => tool === name))).toEqual([])
})

test('runs, their events, diffs and reports, and templates can be read', async () => {
  await using scene = mcpScene()
  const { client, call } = await scene.connect(modern)
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  const { run_id: id } = await call('orchestrate', goal)
  const read = async (uri: string) => {
    const [content] = (await client.readResource({ uri })).contents
    return { type: content?.mimeType, text: content && 'text' in content ? content.text : '' }
  }
  const { resources } = await client.listResources()
  expect(resources.map(({ uri }) => uri)).toEqual(
    expect.arrayContaining(['loopwright://runs', `loopwright://runs/${id}`, 'loopwright://templates/goal']),
  )
  expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(5)
  expect(JSON.parse((await read('loopwright://runs')).text)).toMatchObject([{ run_id: id, status: 'done' }])
  expect(JSON.parse((await read('loopwright://runs/last')).text)).toMatchObject({ result: { completed: true } })
  const events = (await read(`loopwright://runs/${id}/events`)).text.trim().split('\n')
  expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ kind: 'run_finished' })
  expect(await read(`loopwright://runs/${id}/diff`)).toMatchObject({
    type: 'text/x-diff',
    text: expect.stringContaining('+hello'),
  })
  expect(await read(`loopwright://runs/${id}/report`)).toMatchObject({
    type: 'text/html',
    text: expect.stringMatching(/^<!doctype html>/i),
  })
  expect((await read('loopwright://templates/goal')).text).toContain('kind: goal')
  await expect(read('loopwright://runs/nobody')).rejects.toThrow('no run "nobody"')
  await expect(read('loopwright://templates/nobody')).rejects.toThrow()
  await expect(read('loopwright://other')).rejects.toThrow()
  const completed = await client.complete({
    ref: { type: 'ref/resource', uri: 'loopwright://runs/{run}' },
    argument: { name: 'run', value: id.slice(0, 4) },
  })
  expect(completed.completion.values).toEqual([id])
})

test('prompts help to design a loop and to review a run', async () => {
  await using scene = mcpScene()
  const { client, call } = await scene.connect()
  await call('orchestrate', { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false })
  const get = async (name: string, input: Record<string, string>) => {
    const [message] = (await client.getPrompt({ name, arguments: input })).messages
    return message?.content.type === 'text' ? message.content.text : ''
  }
  expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['design_loop', 'review_run'])
  expect(await get('design_loop', { goal: 'green tests', kind: 'repair' })).toMatch(/green tests.*kind: repair/s)
  expect(await get('design_loop', { goal: 'green tests', kind: 'other' })).toMatch(/green tests.*kind: goal/s)
  expect(await get('review_run', { run_id: 'last' })).toMatch(/completed in 2.*\+hello/s)
  await expect(get('review_run', { run_id: 'nobody' })).rejects.toThrow('no run "nobody"')
  await expect(get('review_run', {})).rejects.toThrow('run_id')
})

test('where nobody can have meant the directory of the server, cwd is asked for', async () => {
  await using scene = mcpScene()
  const { wrong } = await scene.connect({}, scene.folder)
  expect(await wrong('orchestrate', { goal: 'x', backend: 'mock' })).toMatch(/cwd is missing.*\nhint: give cwd/)
})

test('standard output carries the protocol only, whatever comes in', async () => {
  await using scene = mcpScene()
  const server = spawn(process.execPath, [launcher, 'mcp', 'serve'], {
    cwd: scene.repository,
    env: scene.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const answers = new Map<unknown, object>()
  const lines = createInterface({ input: server.stdout })
  const read = (async () => {
    for await (const line of lines) {
      const message = JSON.parse(line) as { readonly jsonrpc: string; readonly id?: unknown }
      expect(message.jsonrpc).toBe('2.0')
      if (message.id !== undefined) answers.set(message.id, message)
    }
  })()
  const send = (text: string) => server.stdin.write(`${text}\n`)
  const request = (id: number, method: string, params: object) =>
    send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  const clientInfo = { name: 'raw', version: '1' }
  request(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
  send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }))
  for (const garbage of ['not json', '{}', '[]', 'null', '{"jsonrpc":"2.0"}', '"\u0000"', '{"jsonrpc":"1.0","id":7}']) {
    send(garbage)
  }
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  request(2, 'tools/call', { name: 'orchestrate', arguments: goal })
  await expect.poll(() => answers.has(2), { timeout: 30_000 }).toBe(true)
  expect(answers.get(1)).toMatchObject({
    result: { protocolVersion: '2025-06-18', serverInfo: { name: 'loopwright' } },
  })
  expect(answers.get(2)).toMatchObject({ result: { structuredContent: { completed: true } } })
  server.stdin.end()
  const [code] = (await once(server, 'close')) as [number]
  await read
  expect(code).toBe(0)
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
