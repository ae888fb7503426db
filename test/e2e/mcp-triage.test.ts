import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Facts, mcpScene } from '../fixtures/mcp.ts'
import { git, write } from '../fixtures/repo.ts'
import { makeTriageProject } from '../fixtures/triage/project.ts'

const mends = `
replies:
  - { role: implementer, text: mended, edits: [{ write: src/a.js, content: "export const a = 1\\n" }] }
`
const goesFar = `
replies:
  - { role: implementer, text: mended, edits: [{ write: auth/login.js, content: "x\\n" }] }
`
const modern = { versionNegotiation: { mode: { pin: '2026-07-28' } } } as const

/** A project that triage was set up in, and something in its code to act on. */
function triageScene(script: string) {
  const scene = mcpScene(script)
  const project = makeTriageProject(join(scene.folder, 'project'), { 'src/a.js': '// TODO: mend this\n' })
  return Object.assign(scene, {
    project,
    pattern: { loop: 'daily-triage', cwd: project, backend: scene.backend },
    branches: () => git(project, 'branch', '--list', 'loopwright/*', '--format=%(refname:short)').trim(),
  })
}

type Call = (name: string, input: Record<string, unknown>) => Promise<Facts>

/** A tick that waits for a person. */
async function escalated(call: Call, pattern: object): Promise<Facts> {
  const { run_id } = await call('run_loop', { ...pattern, level: 'L2' })
  return await call('orchestrate_result', { run_id, wait: true })
}

test('patterns are listed beside the loops, and a broken registry hides no loops', async () => {
  await using scene = triageScene(mends)
  write(scene.project, { 'loops/good.yaml': 'goal: write\n' })
  const { call } = await scene.connect()
  const { patterns, loops } = await call('list_loops', { cwd: scene.project })
  expect(patterns).toContainEqual({
    id: 'daily-triage',
    name: 'Daily Triage',
    goal: expect.any(String),
    cadence: expect.any(String),
    level: 'L1',
    origin: expect.stringMatching(/registry\.yaml/),
  })
  expect(loops).toHaveLength(1)
  write(scene.project, { 'registry.yaml': 'patterns: [' })
  expect(await call('list_loops', { cwd: scene.project })).toMatchObject({
    loops: [{ path: 'loops/good.yaml' }],
    patterns: [],
    problem: expect.stringContaining('registry.yaml'),
  })
})

test('a tick runs in the background, and its result says what it did', async () => {
  await using scene = triageScene(mends)
  const { call } = await scene.connect()
  const begun = await call('run_loop', { ...scene.pattern, level: 'L2' })
  expect(begun).toMatchObject({ status: 'running', tail_command: `loopwright tail -f ${begun.run_id}` })
  const tick = { pattern: 'daily-triage', level: 'L2', decision: 'act', outcome: 'committed', dryRun: false }
  expect(await call('orchestrate_result', { run_id: begun.run_id, wait: true })).toMatchObject({
    completed: true,
    final_output: expect.stringContaining('committed'),
    tick: { ...tick, run: begun.run_id, change: { files: ['src/a.js'] } },
  })
  expect(await call('orchestrate_status', { run_id: begun.run_id })).toMatchObject({ running: false, tick })
  expect(scene.branches()).toBe(`loopwright/${begun.run_id}`)
})

test('a client may rehearse, and lower a level, but not raise it to one that nobody configured', async () => {
  await using scene = triageScene(mends)
  const { call, wrong } = await scene.connect(modern)
  const here = { ...scene.pattern, detach: false }
  expect(await call('run_loop', { ...here, level: 'L2', dry_run: true })).toMatchObject({
    tick: { dryRun: true, outcome: 'would_commit' },
  })
  expect(await call('run_loop', here)).toMatchObject({ tick: { level: 'L1', outcome: 'reported' } })
  expect(scene.branches()).toBe('')
  expect(await wrong('run_loop', { ...here, level: 'L3' })).toMatch(/may not take daily-triage to L3.*\nhint: take L2/)
  expect(await wrong('run_loop', { ...here, isolate: false })).toContain('always works in a worktree')
  expect(await wrong('run_loop', { ...here, loop: 'daily-triag' })).toMatch(
    /no pattern "daily-triag"\nhint: did you mean/,
  )
  expect(await wrong('run_loop', { ...here, loop: './daily-triage' })).toContain('there is no such file')
  write(scene.project, { 'loops/a.yaml': 'goal: write\n' })
  expect(await wrong('run_loop', { ...here, loop: 'loops/a.yaml', dry_run: true })).toContain('dry_run goes with')
  // A registry is of the project, whoever wrote it: what it grants itself counts up to L2.
  const registry = readFileSync(join(scene.project, 'patterns/registry.yaml'), 'utf8')
  write(scene.project, { 'patterns/registry.yaml': registry.replace(/week_one_mode: \S+/g, 'week_one_mode: L3') })
  expect((await call('list_loops', { cwd: scene.project })).patterns).toContainEqual(
    expect.objectContaining({ id: 'daily-triage', level: 'L2' }),
  )
})

test('outside of a repository a tick can be rehearsed, and nothing else', async () => {
  await using scene = mcpScene()
  write(scene.folder, { 'plain/x.txt': '' })
  const { call, wrong } = await scene.connect()
  const here = { loop: 'daily-triage', cwd: join(scene.folder, 'plain'), backend: 'scripted' }
  expect(await call('run_loop', { ...here, level: 'L2', dry_run: true })).toMatchObject({
    status: 'done',
    tick: { outcome: 'would_commit' },
  })
  expect(await wrong('run_loop', here)).toContain('is in no git repository')
})

test('what a tick escalates is approved or denied in the name of the client, once', async () => {
  await using scene = triageScene(goesFar)
  const { call, wrong } = await scene.connect()
  const asked = await escalated(call, scene.pattern)
  expect(asked).toMatchObject({
    status: 'needs_input',
    message: expect.stringContaining('A person decides this'),
    tick: { outcome: 'escalated' },
    questions: [{ question: expect.stringContaining('Approve') }],
  })
  expect(await wrong('orchestrate_approve', { run_id: asked.token, answers: ['maybe'] })).toContain(
    'yes or no is asked',
  )
  const no = { run_id: asked.token, answers: ['no', 'leave auth alone'] }
  expect(await call('orchestrate_approve', no)).toMatchObject({ message: 'answered; it goes on' })
  expect(await call('orchestrate_result', { run_id: asked.run_id, wait: true })).toMatchObject({
    status: 'done',
    tick: { outcome: 'rejected', decided: { approved: false, note: 'leave auth alone', by: 'test (MCP client)' } },
  })
  expect(await wrong('orchestrate_approve', no)).toContain('or this was answered')
  await expect.poll(() => scene.branches()).toBe('')

  const again = await escalated(call, scene.pattern)
  expect(await wrong('orchestrate_approve', { run_id: again.run_id })).toContain('needs a plain yes or no')
  await call('orchestrate_approve', { run_id: again.run_id, answers: ['yes'] })
  expect(await call('orchestrate_result', { run_id: again.run_id, wait: true })).toMatchObject({
    tick: { outcome: 'committed', decided: { approved: true, by: 'test (MCP client)' } },
  })
  expect(scene.branches()).toBe(`loopwright/${again.run_id}`)
})

test.each([
  ['an older client', {}],
  ['a client of today', modern],
])('%s puts the decision to its user, who chooses', async (_, era) => {
  await using scene = triageScene(goesFar)
  const { client, call } = await scene.connect({ ...era, capabilities: { elicitation: {} } })
  const asked: unknown[] = []
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    asked.push(params)
    return { action: 'accept', content: { answer_1: 'no', note: 'not this way' } }
  })
  expect(await call('run_loop', { ...scene.pattern, level: 'L2', detach: false })).toMatchObject({
    status: 'done',
    tick: { outcome: 'rejected', decided: { approved: false, note: 'not this way', by: 'test (MCP client)' } },
  })
  expect(asked).toEqual([
    expect.objectContaining({
      message: expect.stringMatching(/needs a decision: Approve .*Files: auth\/login\.js\. loopwright diff \S+ shows/),
      requestedSchema: expect.objectContaining({ required: ['answer_1'] }),
    }),
  ])
})
