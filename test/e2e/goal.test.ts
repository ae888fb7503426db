import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import type { AgentRequest } from '../../src/core/ports.ts'
import { defineLoop } from '../../src/engine/define.ts'
import { git, hashes, write } from '../fixtures/repo.ts'
import { bench, resultOf } from './bench.ts'

const subgoalOf = (request: AgentRequest) => (request.context?.subgoal as { readonly id: string } | undefined)?.id ?? ''

test('a lying agent that claims to be done and changes nothing is not believed: the check decides', async () => {
  await using b = await bench()
  const app = await b.open({ subgoals: ['a'] })
  const { id } = await b.start(app, { verify: ['test -e made.txt'], budget: { iterations: 2 } })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'stopped', reason: 'max_iterations (2) reached' })
  const result = await app.result(id)
  expect(result).toMatchObject({ completed: false, iterations: 2 })
  expect(JSON.stringify(result.history)).toContain('"exit_code":1')
})

test('iterations that change nothing and fail alike are warned of at the third and stop at the fifth; a resume tries once more', async () => {
  await using b = await bench()
  let iteration = 0
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      worker: () => {
        iteration++
        // A change, whatever it is, starts the count anew.
        return iteration === 2
          ? reply({ text: 'tried', edits: [{ write: 'notes.txt', content: 'tried' }] })
          : 'all done'
      },
    },
  })
  const { id } = await b.start(app, { verify: ['test -e made.txt'], budget: { iterations: 20 } })
  const stopped = await app.runs.drive(id)
  expect(stopped).toMatchObject({
    status: 'stopped',
    reason: 'stuck: 5 iterations in a row changed nothing and failed alike',
  })
  expect(iteration).toBe(7)
  const warned = (await app.view(id)).warnings.map((one) => one.text)
  expect(warned).toEqual(['3 iterations in a row changed nothing and failed alike'])
  await app.runs.reopen(id)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'stopped', reason: expect.stringMatching(/^stuck: 6 /) })
  expect(iteration).toBe(8)
})

test('a worker that throws, and one that says nothing, are tried again after a pause and then failed results', async () => {
  await using b = await bench({ git: false })
  const calls: Record<string, number[]> = { s1: [], s2: [], s3: [] }
  const prompts: string[] = []
  const feedback: string[] = []
  const app = await b.open({
    subgoals: ['throws', 'says nothing', 'comes round'],
    acceptOnIteration: 2,
    replies: {
      decomposer: (request) => {
        feedback.push(String(request.context?.feedback ?? ''))
        if (request.context?.iteration !== 1) return '["last"]'
        return JSON.stringify(['throws', 'says nothing', 'comes round'])
      },
      worker: (request) => {
        const subgoal = subgoalOf(request)
        if (request.context?.iteration !== 1) return 'fine'
        calls[subgoal]?.push(Date.now())
        prompts.push(request.prompt)
        if (subgoal === 's1') throw new Error('broken pipe to the model')
        if (subgoal === 's2') return ''
        return calls.s3?.length === 2 ? 'at last' : reply({ outcome: 'failed', message: 'not yet' })
      },
    },
  })
  const { id } = await b.start(app, { retries: 1 })
  const done = await app.runs.drive(id)
  expect(done, done.reason).toMatchObject({ status: 'done' })
  expect(Object.values(calls).map((times) => times.length)).toEqual([2, 2, 2])
  for (const [first = 0, second = 0] of Object.values(calls)) expect(second - first).toBeGreaterThanOrEqual(990)
  expect(resultOf(done).history[0]?.results).toEqual([
    { id: 's1', ok: false, error: 'broken pipe to the model' },
    { id: 's2', ok: false, error: 'empty output' },
    { id: 's3', ok: true, error: null },
  ])
  expect(feedback[1]).toContain('broken pipe to the model')
  expect(feedback[1]).toContain('empty output')
  expect(prompts.filter((prompt) => prompt.includes('CONTINUE'))).toHaveLength(3)
})

test('an agent that is not logged in fails the run with what to do, and a resume asks that step again', async () => {
  await using b = await bench({ git: false })
  const asked: string[] = []
  let loggedIn = false
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      decomposer: () => {
        asked.push('decomposer')
        return '["a"]'
      },
      worker: () => {
        asked.push('worker')
        return loggedIn ? 'did it' : reply({ outcome: 'auth', message: 'run `fake login` first' })
      },
    },
  })
  const { id } = await b.start(app)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'failed', reason: 'run `fake login` first' })
  expect(await app.result(id)).toMatchObject({ error: { code: 'agent_auth', hint: expect.stringContaining('log in') } })
  loggedIn = true
  await app.runs.reopen(id)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(asked).toEqual(['decomposer', 'worker', 'worker'])
})

test('a conflict between two workers is fed back, named, and its work is kept', async () => {
  await using b = await bench()
  const feedback: string[] = []
  const app = await b.open({
    acceptOnIteration: 1,
    replies: {
      decomposer: (request) => {
        feedback.push(String(request.context?.feedback ?? ''))
        return feedback.length === 1 ? '["one", "two"]' : '["the rest"]'
      },
      worker: (request) => {
        writeFileSync(join(request.cwd, 'a.txt'), `${subgoalOf(request)} of ${request.context?.iteration}\n`)
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app)
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done' })
  expect(resultOf(done).history.map((item) => item.results.map((one) => one.ok))).toEqual([[true, false], [true]])
  expect(feedback[1]).toContain(`merge conflict with the work of another worker in a.txt`)
  expect(git(b.project, 'show', `loopwright/${id}:a.txt`)).toBe('s1 of 2\n')
  expect(git(b.project, 'show', `loopwright/${id}.i1-2:a.txt`)).toBe('s2 of 1\n')
})

test('a worktree that is deleted while workers are in it fails the run clearly, and a resume makes it anew', async () => {
  await using b = await bench()
  let deleted = false
  const app = await b.open({
    subgoals: ['a'],
    acceptOnIteration: 2,
    replies: {
      worker: (request) => {
        if (request.context?.iteration === 2 && !deleted) {
          deleted = true
          rmSync(request.cwd, { recursive: true })
          return 'oops'
        }
        writeFileSync(join(request.cwd, `${request.context?.iteration}.txt`), 'x\n')
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app)
  const failed = await app.runs.drive(id)
  expect(failed).toMatchObject({ status: 'failed', reason: expect.stringContaining('is gone') })
  const other = await b.open({ subgoals: ['a'], acceptOnIteration: 2 })
  await other.runs.reopen(id)
  expect(await other.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(git(b.project, 'ls-tree', '--name-only', `loopwright/${id}`).trim().split('\n')).toEqual(['1.txt', 'a.txt'])
})

test('a branch that the user checked out stops the run with what to do, and a resume goes on', async () => {
  await using b = await bench()
  const app = await b.open({
    subgoals: ['a'],
    acceptOnIteration: 2,
    replies: {
      worker: (request) => {
        const { iteration } = request.context ?? {}
        writeFileSync(join(request.cwd, `${iteration}.txt`), 'x\n')
        if (iteration === 2) git(b.project, 'switch', '-q', `loopwright/${id}`)
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('checked out') })
  git(b.project, 'switch', '-q', 'main')
  await app.runs.reopen(id)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(git(b.project, 'ls-tree', '--name-only', `loopwright/${id}`).trim().split('\n')).toHaveLength(3)
})

test('an agent that writes into .git, out of the worktree by a link, or plants hooks harms neither repository nor run', async () => {
  await using b = await bench()
  const outside = join(b.path, 'outside')
  mkdirSync(outside)
  const before = hashes(b.project)
  const app = await b.open({
    subgoals: ['a', 'b'],
    replies: {
      worker: (request) => {
        const { cwd } = request
        if (subgoalOf(request) === 's1') {
          const gitDir = readFileSync(join(cwd, '.git'), 'utf8').replace('gitdir: ', '').trim()
          write(gitDir, { 'hooks/post-commit': `#!/bin/sh\ntouch ${outside}/hooked\n` })
          appendFileSync(join(gitDir, 'config'), `[core]\n\tfsmonitor = "touch ${outside}/watched"\n`)
          symlinkSync(outside, join(cwd, 'way-out'))
          writeFileSync(join(cwd, 'good.txt'), 'good\n')
        } else {
          rmSync(join(cwd, '.git'), { force: true })
          mkdirSync(join(cwd, '.git', 'hooks'), { recursive: true })
          writeFileSync(join(cwd, '.git', 'config'), '[core]\n\tbare = true\n')
          writeFileSync(join(cwd, 'fine.txt'), 'fine\n')
        }
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(readdirSync(outside)).toEqual([])
  const files = git(b.project, 'ls-tree', '--name-only', `loopwright/${id}`).trim().split('\n')
  expect(files).toEqual(['a.txt', 'fine.txt', 'good.txt', 'way-out'])
  const mine = (path: string) =>
    !/^\.git\/(objects|logs|refs\/heads\/loopwright)\//.test(path) && !path.startsWith('.loopwright/runs/')
  const after = hashes(b.project)
  expect([...after].filter(([path]) => mine(path))).toEqual([...before].filter(([path]) => mine(path)))
})

test('a goal of 1 MB, and a worker whose output is binary, go through whole', async () => {
  await using b = await bench({ git: false })
  const prompts: number[] = []
  const noise =
    'printf "\\000\\377\\376 \\303\\050 \\033[31mred \\355\\240\\200 end"; head -c 300000 /dev/urandom; echo done'
  const app = await b.open(
    {
      subgoals: ['a'],
      replies: {
        decomposer: (request) => {
          prompts.push(request.prompt.length)
          return '["a"]'
        },
      },
    },
    { agents: { noisy: { command: ['sh', '-c', `cat >/dev/null; ${noise}`] } } },
  )
  const text = 'win é '.repeat(166_666)
  const { id } = await b.start(app, { goal: text, roles: { worker: { agent: 'noisy' } } })
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done' })
  expect(prompts[0]).toBeGreaterThan(999_000)
  const result = await app.result(id)
  expect(result.completed).toBe(true)
  expect(result.final_output).toContain('red')
  expect(result.history).toHaveLength(1)
  const kept = readFileSync(join(app.runFolder(done), 'workers', 'iter1_s1.out'))
  expect(kept.length).toBeGreaterThan(300_000)
  expect(kept.subarray(0, 3)).toEqual(Buffer.from([0, 255, 254]))
  expect(JSON.parse(readFileSync(join(app.runFolder(done), 'result.json'), 'utf8'))).toMatchObject({ completed: true })
  for (const line of readFileSync(join(app.runFolder(done), 'events.jsonl'), 'utf8')
    .trimEnd()
    .split('\n'))
    JSON.parse(line)
  await expect(b.start(app, { goal: 'x'.repeat(1_000_001) })).rejects.toMatchObject({ code: 'bad_input' })
})

test('names of subgoals that are paths stay names', async () => {
  await using b = await bench({ git: false })
  const app = await b.open({
    replies: {
      decomposer: () =>
        JSON.stringify([
          { id: '../../../etc/passwd', description: 'x' },
          { id: '..', description: 'y' },
        ]),
    },
  })
  const { id } = await b.start(app)
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done' })
  expect(existsSync(join(dirname(b.project), 'etc'))).toBe(false)
  expect(readdirSync(join(app.runFolder(done), 'workers')).length).toBeGreaterThanOrEqual(3)
})

test('hooks: exit 2 blocks a worker or the acceptance and is fed back, another failure is passed over', async () => {
  await using b = await bench()
  const feedback: string[] = []
  const app = await b.open({
    subgoals: ['a', 'b'],
    replies: {
      decomposer: (request) => {
        feedback.push(String(request.context?.feedback ?? ''))
        return '["a", "b"]'
      },
      worker: (request) => {
        writeFileSync(join(request.cwd, `${subgoalOf(request)}.txt`), 'x\n')
        return 'did it'
      },
    },
  })
  const first = 'test "$LOOPWRIGHT_ITERATION" = 1'
  const { id } = await b.start(app, {
    hooks: {
      beforeIteration: { shell: 'echo cannot >&2; exit 1' },
      beforeWorker: {
        shell: `if ${first} && test "$LOOPWRIGHT_SUBGOAL" = s2; then echo 'not this one' >&2; exit 2; fi`,
      },
      beforeAccept: { shell: `if ${first}; then echo 'not on a Friday' >&2; exit 2; fi` },
      afterAccept: { shell: 'touch accepted' },
    },
  })
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done' })
  expect(resultOf(done).history.map((item) => item.results.map((one) => one.error))).toEqual([
    [null, 'blocked by a hook: not this one'],
    [null, null],
  ])
  expect(feedback[1]).toContain('not this one')
  expect(feedback[1]).toContain('not on a Friday')
})

test('a backlog takes one story per iteration by priority until all pass', async () => {
  await using b = await bench()
  const worked: string[] = []
  const app = await b.open({
    replies: {
      worker: (request) => {
        worked.push(subgoalOf(request))
        if (worked.length !== 2) writeFileSync(join(request.cwd, `${subgoalOf(request)}.txt`), 'x\n')
        return 'did it'
      },
    },
  })
  const stories = [
    { id: 'later', title: 'second', priority: 2 },
    { id: 'first', title: 'first', priority: 1 },
    { id: 'old', title: 'was done', passes: true },
  ]
  const { id } = await b.start(app, {
    plan: { stories },
    verify: [{ shell: 'test $LOOPWRIGHT_ITERATION = 1 || test -e later.txt' }],
    budget: { iterations: 10 },
  })
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done' })
  expect(worked).toEqual(['first', 'later', 'later'])
  expect(git(b.project, 'log', '--format=%s', `main..loopwright/${id}`).trim().split('\n')).toEqual([
    'loopwright: iteration 3',
    'loopwright: iteration 1',
  ])
})

test("a story that passes is marked in the plan's file on the branch, and the user's file stays as it was", async () => {
  const plan = `${JSON.stringify({ userStories: [{ id: 'a', title: 'A', passes: false }] }, null, 2)}\n`
  await using b = await bench({ files: { 'prd.json': plan } })
  const app = await b.open({ subgoals: ['a'] })
  const file = join(b.project, 'prd.json')
  const { id } = await b.start(app, { plan: { file, stories: [{ id: 'a', title: 'A' }] } })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(git(b.project, 'show', `loopwright/${id}:prd.json`)).toBe(plan.replace('false', 'true'))
  expect(git(b.project, 'log', '--format=%s', '-1', `loopwright/${id}`).trim()).toBe('loopwright: a passes')
  expect(readFileSync(file, 'utf8')).toBe(plan)
})

test('of several attempts, each a run of its own, the one whose checks pass is chosen', async () => {
  await using b = await bench()
  const runs: string[] = []
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      worker: (request) => {
        const run = request.env?.LOOPWRIGHT_RUN ?? ''
        if (!runs.includes(run)) runs.push(run)
        if (runs[1] === run) writeFileSync(join(request.cwd, 'good.txt'), 'good\n')
        else writeFileSync(join(request.cwd, 'bad.txt'), 'bad\n')
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app, { attempts: 2, verify: ['test -e good.txt'], budget: { iterations: 1 } })
  const done = await app.runs.drive(id)
  expect(done).toMatchObject({ status: 'done', result: { completed: true, chosen: runs[1] } })
  expect((await app.runs.list({ parent: id })).map((run) => run.status).sort()).toEqual(['done', 'stopped'])
  expect(await app.merge(id)).toMatchObject({ merged: true })
  expect(readFileSync(join(b.project, 'good.txt'), 'utf8')).toBe('good\n')
  expect(b.warnings.filter((warning) => warning.includes(id) && !warning.includes(`${id}-`))).toEqual([])
})

test("a loop of one's own that needs no workspace gets none, and its children report to it", async () => {
  await using b = await bench()
  const child = defineLoop({
    name: 'child',
    run: async (loop, spec: { n: number }) =>
      await loop.step('twice', () => ({ n: spec.n * 2, big: 'x'.repeat(400_000) })),
  })
  const parent = defineLoop({
    name: 'parent',
    run: async (loop) => {
      const ended = await loop.parallel([1, 2, 3], (branch, n) => branch.child('child', { n }))
      return ended.map((each) => (each.value as { readonly n: number }).n)
    },
  })
  const app = await b.open({}, { loops: [child, parent] })
  const { id } = await app.runs.start({ loop: 'parent', spec: {}, project: b.project })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done', result: [2, 4, 6] })
  const children = await app.runs.list({ parent: id })
  expect(children.map((run) => run.status)).toEqual(['done', 'done', 'done'])
  const [first] = children
  expect((await app.result(first?.id ?? '')).final_output.length).toBeGreaterThan(400_000)
  expect(await app.worktrees()).toEqual([])
  expect(b.warnings).toEqual([])
})
