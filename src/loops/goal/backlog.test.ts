import { expect, test } from 'vitest'
import { came, goalWorld, verdict } from '../../../test/fixtures/goal.ts'
import { of } from '../../../test/fixtures/kernel.ts'

const plan = {
  stories: [
    { id: 'later', title: 'Later', priority: 5 },
    { id: 'done', title: 'Done before', priority: 0, passes: true },
    { id: 'first', title: 'First', description: 'the first thing', criteria: ['it is there'], priority: 1 },
    { id: 'second', title: 'Second', priority: 1 },
  ],
}

test('stories are done one per iteration, the most urgent first, until all pass', async () => {
  const world = goalWorld()
  const run = await world.win({ plan, criteria: ['the build is green'], budget: { iterations: 9 } })
  expect(came(run)).toMatchObject({ completed: true, iterations: 3, stop_reason: 'goal_complete' })
  const started = of(await world.journal(run.id), 'emitted').filter(({ name }) => name === 'story_started')
  expect(started.map(({ data }) => (data as { story: string }).story)).toEqual(['first', 'second', 'later'])
  expect(world.requests.map(({ role }) => role)).toEqual([
    'worker',
    'reviewer',
    'worker',
    'reviewer',
    'worker',
    'reviewer',
  ])
  expect(world.log[0]).toBe('checkpoint loopwright: iteration 1\n\nfirst: First')
})

test('a worker is told its story alone, with its criteria and those of all', async () => {
  const world = goalWorld()
  await world.win({ plan, criteria: ['the build is green'], goal: 'build the shop' })
  const [prompt] = world.prompts('worker')
  expect(prompt).toContain('Your subgoal (first):\nFirst\n\nthe first thing')
  expect(prompt).toContain('Success criteria:\n- it is there\n- the build is green')
  expect(prompt).toContain('This is one story of a larger plan: build the shop')
  expect(prompt).not.toContain('Later')
})

test('a story without criteria is done as described', async () => {
  const world = goalWorld()
  await world.win({ plan: { stories: [{ id: 'a', title: 'A' }] }, criteria: [] })
  expect(world.prompts('worker')[0]).toContain('Success criteria:\n- The story is done as described.')
})

test('a story that does not pass is tried again with its own feedback', async () => {
  let reviews = 0
  const world = goalWorld({
    agent: { replies: { reviewer: () => verdict(++reviews === 1 ? { quality_ok: false, issues: ['no test'] } : {}) } },
  })
  const run = await world.win({ plan, budget: { iterations: 9 } })
  expect(came(run).iterations).toBe(4)
  const prompts = world.prompts('worker')
  expect(prompts[1]).toContain('Your subgoal (first)')
  expect(prompts[1]).toContain('- no test')
  expect(prompts[2]).toContain('Your subgoal (second)')
  expect(prompts[2]).not.toContain('- no test')
})

test('the hooks around iterations and acceptance hold for a backlog too', async () => {
  let calls = 0
  const hook = [{ argv: ['hook'] }]
  const world = goalWorld({
    hooks: { beforeIteration: hook, beforeAccept: hook, afterIteration: hook, afterAccept: hook },
    // The second is the first beforeAccept.
    hook: () => (++calls === 2 ? { exitCode: 2, stderr: 'the changelog is missing' } : { exitCode: 1, stderr: 'x' }),
  })
  const run = await world.win({ plan: { stories: [{ id: 'a', title: 'A' }] } })
  expect(came(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(world.prompts('worker')[1]).toContain('- the changelog is missing')
  const told = of(await world.journal(run.id), 'emitted').filter(({ name }) => name === 'hook_failed')
  expect(told.map(({ data }) => (data as { hook: string }).hook)).toEqual([
    'beforeIteration',
    'afterIteration',
    'beforeIteration',
    'beforeAccept',
    'afterIteration',
    'afterAccept',
  ])
})

test('a backlog stops at its cap with what passed, and goes on there', async () => {
  const world = goalWorld()
  const run = await world.win({ plan, budget: { iterations: 2 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_iterations (2) reached' })
  await world.runs.reopen(run.id, { iterations: 9 })
  expect(came(await world.drive(run.id))).toMatchObject({ completed: true, iterations: 3 })
})

test('the cap on seconds stops a backlog too', async () => {
  const world = goalWorld({
    agent: {
      replies: {
        worker: () => {
          world.clock.advance(600_000)
          return 'done'
        },
      },
    },
    kernel: { leaseMs: 3_600_000_000 },
  })
  const run = await world.win({ plan, verify: ['npm test'], budget: { seconds: 300, iterations: 9 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_seconds (300s) reached' })
  expect(world.log).toHaveLength(1)
})

test('a failing check keeps a story open', async () => {
  const world = goalWorld({ check: () => ({ ok: false, error: 'exit 1' }) })
  const run = await world.win({ plan, verify: ['npm test'], budget: { iterations: 2 } })
  expect(world.prompts('worker').map((prompt) => prompt.includes('(first)'))).toEqual([true, true])
  expect(came(run).completed).toBe(false)
})

test('a backlog in which all is done needs no iteration', async () => {
  const world = goalWorld()
  const run = await world.win({ plan: { stories: [{ id: 'a', title: 'A', passes: true }] } })
  expect(came(run)).toMatchObject({ completed: true, iterations: 0 })
  expect(world.requests).toEqual([])
})
