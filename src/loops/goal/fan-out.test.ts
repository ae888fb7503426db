import { expect, test } from 'vitest'
import { bench, resultOf } from '../../../test/e2e/bench.ts'
import { came, goalWorld } from '../../../test/fixtures/goal.ts'
import { quiet } from '../../../test/fixtures/kernel.ts'
import { git } from '../../../test/fixtures/repo.ts'
import { reply } from '../../agents/scripted/reply.ts'

/** Workers that end when they are told to, and note who is at work. */
function gated(names: readonly string[], change: { isolated?: boolean } = {}) {
  const atWork = new Set<string>()
  const places: (string | undefined)[] = []
  let most = 0
  const gates = new Map(names.map((_, at) => [`s${at + 1}`, Promise.withResolvers<void>()]))
  const world = goalWorld({
    ...change,
    agent: {
      subgoals: names,
      replies: {
        worker: async ({ env, cwd }) => {
          const id = env?.LOOPWRIGHT_SUBGOAL ?? ''
          atWork.add(id)
          places.push(cwd)
          most = Math.max(most, atWork.size)
          await gates.get(id)?.promise
          atWork.delete(id)
          return `did ${id}`
        },
      },
    },
  })
  return { world, gates, places, atWork, most: () => most }
}

test('workers run at once in worktrees of their own; their results and merges keep the order of the plan', async () => {
  const { world, gates, places } = gated(['one', 'two', 'three'])
  const run = await world.begin()
  const driving = world.runs.drive(run.id)
  await quiet()
  expect(places).toEqual(['i1-1', 'i1-2', 'i1-3'].map((id) => `/worktrees/run/${id}`))
  for (const id of ['s3', 's1', 's2']) {
    gates.get(id)?.resolve()
    await quiet()
  }
  const done = await world.settle(driving)
  expect(came(done).history[0]?.results.map(({ id }) => id)).toEqual(['s1', 's2', 's3'])
  expect(world.log[0]).toBe('merge i1-1=s1 i1-2=s2 i1-3=s3')
})

test('no more workers run at once than asked for', async () => {
  const { world, gates, atWork, most } = gated(['one', 'two', 'three', 'four'])
  const run = await world.begin({ concurrency: 2 })
  const driving = world.runs.drive(run.id)
  for (let i = 0; i < 4; i++) {
    await quiet()
    const [first] = atWork
    gates.get(first ?? '')?.resolve()
  }
  await world.settle(driving)
  expect(most()).toBe(2)
})

test.each([
  ['parallel is off', { parallel: false }, {}, '/worktrees/run/main'],
  ['the work is in place', {}, { isolated: false }, '/project'],
])('when %s, workers run one after the other in the same directory', async (_, input, change, place) => {
  const { world, gates, places, most } = gated(['one', 'two'], change)
  for (const gate of gates.values()) gate.resolve()
  const run = await world.win(input)
  expect(run.status).toBe('done')
  expect(places).toEqual([place, place])
  expect(most()).toBe(1)
  expect(world.log.some((line) => line.startsWith('merge'))).toBe(false)
  expect(world.prompts('decomposer')[0]).toContain('one after the other in the same directory')
})

test('one subgoal needs no worktree of its own', async () => {
  const { world, gates, places } = gated(['only'])
  gates.get('s1')?.resolve()
  await world.win()
  expect(places).toEqual(['/worktrees/run/main'])
})

test('a merge conflict is a failed result that says where, and keeps the work', async () => {
  const world = goalWorld({
    agent: { subgoals: ['one', 'two'] },
    merge: () => [{}, { merged: false, conflicts: ['a.txt', 'b.txt'] }],
  })
  const run = await world.win({ budget: { iterations: 2 } })
  expect(run.status).toBe('stopped')
  const error = `merge conflict with the work of another worker in a.txt, b.txt; its work is kept on branch loopwright/${run.id}.i1-2`
  expect(came(run).history[0]?.results).toEqual([
    { id: 's1', ok: true, error: null },
    { id: 's2', ok: false, error },
  ])
  expect(world.prompts('decomposer')[1]).toContain(`## Failed subgoals\n- s2: ${error}`)
})

test('a worker with retries is tried again after a pause, and only it', async () => {
  const world = goalWorld({
    agent: {
      subgoals: ['good', 'flaky'],
      replies: {
        worker: ({ env }, { number }) =>
          env?.LOOPWRIGHT_SUBGOAL === 's2' && number < 3 ? reply({ outcome: 'timeout' }) : `did it at ${number}`,
      },
    },
    retries: 2,
  })
  const at = world.clock.now()
  const run = await world.win()
  expect(came(run).final_output).toBe('### s1: good\ndid it at 1\n\n### s2: flaky\ndid it at 3')
  expect(world.clock.now() - at).toBeGreaterThanOrEqual(1_000 + 2_000)
})

test('in a real repository, parallel edits are merged, and a conflict leaves both sides to be found', async () => {
  await using place = await bench({ files: { 'a.txt': 'one\n', 'b.txt': 'one\n' } })
  const app = await place.open({
    subgoals: ['edit a', 'edit b', 'edit a too'],
    replies: {
      worker: ({ env }) => {
        const id = env?.LOOPWRIGHT_SUBGOAL ?? ''
        const path = id === 's2' ? 'b.txt' : 'a.txt'
        return reply({ text: `edited ${path}`, edits: [{ write: path, content: `by ${id}\n` }] })
      },
    },
  })
  const run = await place.start(app, { budget: { iterations: 1 } })
  const stopped = await app.runs.drive(run.id)
  expect(stopped).toMatchObject({ status: 'stopped' })
  expect(resultOf(stopped).history[0]?.results).toMatchObject([
    { id: 's1', ok: true },
    { id: 's2', ok: true },
    { id: 's3', ok: false, error: expect.stringContaining('merge conflict with the work of another worker in a.txt') },
  ])
  expect(git(place.project, 'show', `loopwright/${run.id}:a.txt`)).toBe('by s1\n')
  expect(git(place.project, 'show', `loopwright/${run.id}:b.txt`)).toBe('by s2\n')
  expect(git(place.project, 'status', '--porcelain')).toBe('')
})
