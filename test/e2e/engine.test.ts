import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { defineLoop } from '../../src/engine/define.ts'
import { endEngines, processesOf, startEngine, until } from '../fixtures/engine.ts'
import { git } from '../fixtures/repo.ts'
import { bench, resultOf, signal } from './bench.ts'

afterEach(endEngines)

/** A worker as a program that works until the file `go` is there, with a child that has left its session. */
const waits = (path: string) => [
  'sh',
  '-c',
  `cat >/dev/null; echo half >"$LOOPWRIGHT_SUBGOAL.txt"; setsid sleep 300 & while ! [ -e "${path}/go" ]; do sleep 0.05; done; echo did it`,
]

const script = 'subgoals: [one]\nacceptOnIteration: 1\n'

/** A run whose worker is a program that waits, ready to be driven by a process of its own. */
async function elsewhere(id: string) {
  const b = await bench()
  writeFileSync(join(b.path, 'script.yaml'), script)
  const agent = `scripted:${join(b.path, 'script.yaml')}`
  const job = b.job(id, { agent, roles: { worker: { agent: 'hand' } } }, { hand: waits(b.path) })
  const atWork = () => until('the worker is at work', () => processesOf(id).length >= 2)
  const go = () => writeFileSync(join(b.path, 'go'), '')
  const open = () => b.open({}, { agents: { hand: { command: waits(b.path) } } })
  return { ...b, job, atWork, go, open, id, [Symbol.asyncDispose]: () => b[Symbol.asyncDispose]() }
}

test('two processes on one store: a run is driven by one, the other is refused, and different runs go on side by side', async () => {
  await using b = await elsewhere('two-processes')
  const one = startEngine(b.job)
  await b.atWork()
  const [two, other] = [startEngine(b.job), startEngine({ ...b.job, id: 'two-processes-b' })]
  expect(await two.gone).toBe(2)
  expect(two.said).toEqual([{ code: 'conflict', message: expect.stringContaining(`driven by process ${one.pid}`) }])
  await until('the other run works too', () => processesOf('two-processes-b').length >= 2)
  b.go()
  expect([await one.gone, await other.gone]).toEqual([0, 0])
  const app = await b.open()
  for (const id of [b.id, 'two-processes-b']) {
    expect(await app.runs.get(id)).toMatchObject({ status: 'done' })
    expect(git(b.project, 'show', `loopwright/${id}:s1.txt`)).toBe('half\n')
  }
  expect(await app.store.check()).toMatchObject({ ok: true })
})

test('a run whose process died is interrupted; resumed, it asks nobody again for what is recorded', async () => {
  await using b = await elsewhere('died')
  const engine = startEngine(b.job)
  await b.atWork()
  engine.child.kill('SIGKILL')
  await engine.gone
  const app = await b.open()
  const run = await app.runs.get(b.id)
  expect(run.status).toBe('running')
  expect(app.runs.interrupted(run)).toBe(true)
  expect(await app.result(b.id)).toMatchObject({ status: 'paused', stop_reason: 'interrupted', rehydrated: true })
  const before = await app.store.read(b.id)
  b.go()
  await app.runs.reopen(b.id)
  const done = await app.runs.drive(b.id)
  expect(done).toMatchObject({ status: 'done' })
  const events = await app.store.read(b.id)
  expect(events.slice(0, before.length)).toEqual(before)
  const started = events.filter((event) => event.kind === 'step_started' && event.effect === 'agent')
  expect(started.map((event) => event.kind === 'step_started' && [event.name, event.attempt])).toEqual([
    ['decomposer', 1],
    ['worker s1', 1],
    ['worker s1', 2],
    ['reviewer', 1],
  ])
  expect(processesOf(b.id)).toEqual([])
})

test('stop, from another process: the worker ends with grace, its work is committed, the run can go on', async () => {
  await using b = await elsewhere('stopped')
  const engine = startEngine(b.job)
  await b.atWork()
  const app = await b.open()
  await app.runs.stop(b.id, 'enough')
  expect(await engine.gone).toBe(0)
  expect(engine.said.at(-1)).toEqual({ status: 'stopped', reason: 'enough' })
  expect(processesOf(b.id)).toEqual([])
  expect(git(b.project, 'show', `loopwright/${b.id}:s1.txt`)).toBe('half\n')
  b.go()
  await app.runs.reopen(b.id)
  expect(await app.runs.drive(b.id)).toMatchObject({ status: 'done' })
})

test('pause, from another process: what is in flight is finished first; a later resume is not paused by it again', async () => {
  await using b = await elsewhere('paused')
  const engine = startEngine(b.job)
  await b.atWork()
  const app = await b.open()
  await app.runs.pause(b.id, 'lunch')
  b.go()
  expect(await engine.gone).toBe(0)
  expect(engine.said.at(-1)).toEqual({ status: 'paused', reason: 'lunch' })
  const settled = (await app.store.read(b.id)).filter((event) => event.kind === 'step_settled')
  expect(settled.some((event) => event.kind === 'step_settled' && event.name === 'worker s1')).toBe(true)
  await app.runs.reopen(b.id)
  expect(await app.runs.drive(b.id)).toMatchObject({ status: 'done' })
})

test('a pause that nobody was there to hear does not pause the resume that comes after it', async () => {
  await using b = await elsewhere('unheard')
  const engine = startEngine(b.job)
  await b.atWork()
  const app = await b.open()
  engine.child.kill('SIGKILL')
  await engine.gone
  await app.runs.pause(b.id, 'lunch')
  b.go()
  await app.runs.reopen(b.id)
  expect(await app.runs.drive(b.id)).toMatchObject({ status: 'done' })
  expect(await app.store.inbox(b.id)).toEqual([])
})

test('cancel, from another process: the worker is ended and the run is over for good', async () => {
  await using b = await elsewhere('cancelled')
  const engine = startEngine(b.job)
  await b.atWork()
  const app = await b.open()
  await app.runs.cancel(b.id, 'not wanted')
  expect(await engine.gone).toBe(0)
  expect(engine.said.at(-1)).toEqual({ status: 'cancelled', reason: 'not wanted' })
  expect(processesOf(b.id)).toEqual([])
  await expect(app.runs.reopen(b.id)).rejects.toMatchObject({ code: 'conflict' })
})

test('kill, from another process: driver, worker and what left its session are gone when it returns', async () => {
  await using b = await elsewhere('killed')
  const engine = startEngine(b.job)
  await b.atWork()
  const app = await b.open()
  await app.runs.kill(b.id, 'now')
  expect(processesOf(b.id)).toEqual([])
  expect(await engine.gone).toBe('SIGKILL')
  expect(await app.runs.get(b.id)).toMatchObject({ status: 'killed', reason: 'now' })
  await app.runs.kill(b.id)
  expect((await app.store.read(b.id)).filter((event) => event.kind === 'run_killed')).toHaveLength(1)
})

test('kill, in the process that drives: nothing of the run is left when it returns', async () => {
  await using b = await elsewhere('killed-here')
  const app = await b.open()
  await app.start({ spec: b.spec({ roles: { worker: { agent: 'hand' } } }), id: b.id })
  const driving = app.runs.drive(b.id).catch((error: unknown) => error)
  await b.atWork()
  await app.runs.kill(b.id)
  expect(processesOf(b.id)).toEqual([])
  expect(await driving).toMatchObject({ code: 'killed' })
  expect(await app.runs.get(b.id)).toMatchObject({ status: 'killed' })
})

test('a run that asks holds no process: it is answered in one, and goes on in another', async () => {
  await using b = await bench({ git: false })
  const app = await b.open({ questions: ['which one?'] })
  const { id } = await b.start(app, { ask: true })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'waiting', reason: 'input' })
  const waiting = await app.result(id)
  expect(waiting).toMatchObject({ questions: ['which one?'], stop_reason: 'needs_input' })
  expect((await app.runs.get(id)).driver).toBeUndefined()
  await app.close()

  const answering = await b.open()
  await answering.runs.answer(id, waiting.token ?? '', { answers: ['the red one'] })
  await answering.runs.answer(id, waiting.token ?? '', { answers: ['no, the blue one'] })
  await answering.close()

  const prompts: string[] = []
  const going = await b.open({
    replies: {
      worker: (request) => {
        prompts.push(request.prompt)
        return 'did it'
      },
    },
  })
  expect((await going.store.due(Date.now())).map((run) => run.id)).toEqual([id])
  expect(await going.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(prompts[0]).toContain('which one? the red one')
})

test('a fork begins at an iteration with the files as they were, large values of its journal included', async () => {
  await using b = await bench()
  const big = 'x'.repeat(300_000)
  const saw: string[][] = []
  const app = await b.open({
    subgoals: ['a', 'b'],
    acceptOnIteration: 3,
    replies: {
      worker: (request) => {
        const { iteration, subgoal } = request.context as { iteration: number; subgoal: JsonObject }
        saw.push(readdirSync(request.cwd).filter((name) => name.endsWith('.txt')))
        writeFileSync(join(request.cwd, `${iteration}-${subgoal.id}.txt`), 'x\n')
        return big
      },
    },
  })
  const { id } = await b.start(app)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  saw.length = 0
  const fork = await app.runs.fork(id, 2)
  expect(fork).toMatchObject({ status: 'queued', labels: { 'forked-from': id } })
  const done = await app.runs.drive(fork.id)
  expect(done, done.reason).toMatchObject({ status: 'done' })
  expect(resultOf(done).iterations).toBe(3)
  expect(saw[0]).toEqual(['1-s1.txt', '1-s2.txt', 'a.txt'])
  const files = (run: string) => git(b.project, 'rev-parse', `loopwright/${run}^{tree}`)
  expect(files(fork.id)).toBe(files(id))
  expect((await app.result(fork.id)).workspace).toMatchObject({ branch: `loopwright/${fork.id}` })
  expect((await app.store.spend(`run:${fork.id}`)).spent.iterations).toBe(2)

  // The very first iteration begins where the run began, wherever the user is by now.
  writeFileSync(join(b.project, 'later.txt'), 'later\n')
  git(b.project, 'add', 'later.txt')
  git(b.project, 'commit', '-q', '-m', 'later')
  saw.length = 0
  const first = await app.runs.fork(id, 1)
  expect(await app.runs.drive(first.id)).toMatchObject({ status: 'done' })
  expect(saw[0]).toEqual(['a.txt'])
})

test('an app that is closed while runs and their children work pauses them, loses nothing and raises nothing', async () => {
  await using b = await bench({ git: false })
  const begun = signal()
  let rounds = 0
  const child = defineLoop({
    name: 'child',
    run: async (loop) =>
      await loop.step('work', async ({ signal: end }) => {
        begun.give()
        rounds += 1
        if (rounds === 1) await new Promise((resolve) => end.addEventListener('abort', resolve, { once: true }))
        return 'worked'
      }),
  })
  const parent = defineLoop({ name: 'parent', run: async (loop) => (await loop.child('child', {})).value ?? null })
  const app = await b.open({}, { loops: [child, parent] })
  const { id } = await app.runs.start({ loop: 'parent', spec: {}, project: b.project })
  const driving = app.runs.drive(id)
  await begun.given
  await app.close()
  expect(await driving).toMatchObject({ status: 'paused', reason: 'interrupted' })
  const other = await b.open({}, { loops: [child, parent] })
  expect((await other.runs.list({ parent: id })).map((run) => run.status)).toEqual(['paused'])
  await other.runs.reopen(id)
  expect(await other.runs.drive(id)).toMatchObject({ status: 'done', result: 'worked' })
  expect(rounds).toBe(2)
})

test('a run that only waits is cancelled by a process that comes for nothing else', async () => {
  await using b = await bench({ git: false })
  const app = await b.open({ questions: ['well?'] })
  const { id } = await b.start(app, { ask: true })
  await app.runs.drive(id)
  await app.close()
  const other = await b.open()
  await other.runs.cancel(id, 'never mind')
  await other.close()
  expect(await (await b.open()).runs.get(id)).toMatchObject({ status: 'cancelled', reason: 'never mind' })
})

test('a run waiting in one process and cancelled from another ends in both', async () => {
  await using b = await bench({ git: false })
  const limited = { worker: () => reply({ outcome: 'rate_limited' as const, resetInMs: 600_000 }) }
  const app = await b.open({ replies: limited })
  const { id } = await b.start(app)
  const driving = app.runs.drive(id)
  await until('it waits', async () => (await app.runs.get(id)).status === 'waiting')
  const other = await b.open({ replies: limited })
  await other.runs.cancel(id, 'never mind')
  expect(await driving).toMatchObject({ status: 'cancelled', reason: 'never mind' })
})

test('the run folder holds the events, the status, the result, what the run was, and what the workers said', async () => {
  await using b = await bench()
  const app = await b.open({ replies: { worker: () => 'all I have to say' } })
  const { id } = await b.start(app, { verify: ['echo checked'], labels: { team: 'a' } })
  const run = await app.runs.drive(id)
  const folder = app.runFolder(run)
  expect(folder).toBe(join(b.project, '.loopwright', 'runs', id))
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  expect(JSON.parse(file('status.json'))).toMatchObject({ run_id: id, status: 'done', completed: true })
  expect(JSON.parse(file('result.json'))).toEqual(JSON.parse(JSON.stringify(await app.result(id))))
  expect(file('meta.json')).toContain('win')
  expect(readdirSync(join(folder, 'workers')).sort()).toEqual([
    'iter1_check1.out',
    'iter1_decomposer.out',
    'iter1_reviewer.out',
    'iter1_s1.out',
    'iter1_s2.out',
  ])
  expect(file('workers/iter1_s1.out')).toBe('all I have to say')
  expect(file('workers/iter1_check1.out')).toContain('checked')
  expect(git(b.project, 'status', '--porcelain')).toBe('')
  await app.rebuild(id)
  expect(file('events.jsonl').trimEnd().split('\n').length).toBeGreaterThan(10)
})

test('a command and a scripted file are agents without any other being installed', async () => {
  await using b = await bench({ git: false })
  writeFileSync(join(b.path, 'script.yaml'), script)
  const app = await b.open()
  const byFile = await b.start(app, { agent: `scripted:${join(b.path, 'script.yaml')}` })
  expect(await app.runs.drive(byFile.id)).toMatchObject({ status: 'done', meta: { agent: 'scripted' } })
  const { agent: _, ...noAgent } = b.spec({ agentCommand: ['sh', '-c', 'cat >/dev/null; echo hello'] })
  const byCommand = await app.start({ spec: { ...noAgent, budget: { ...noAgent.budget, iterations: 1 } } })
  expect(await app.runs.drive(byCommand.id)).toMatchObject({ status: 'stopped', meta: { agent: 'command' } })
  expect(existsSync(app.runFolder(byCommand))).toBe(true)
})
