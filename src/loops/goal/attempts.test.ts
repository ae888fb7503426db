import { expect, test } from 'vitest'
import { came, goalWorld, verdict } from '../../../test/fixtures/goal.ts'
import type { AttemptsResult } from './attempts.ts'

/** The number of an attempt, from the id of the run a request belongs to. */
function attemptOf(ids: string[], run: string | undefined): number {
  if (run !== undefined && !ids.includes(run)) ids.push(run)
  return ids.indexOf(run ?? '') + 1
}

test('attempts are runs of their own; one that is accepted beats one that is not', async () => {
  const ids: string[] = []
  const world = goalWorld({
    agent: {
      replies: { reviewer: ({ env }) => verdict({ goal_complete: attemptOf(ids, env?.LOOPWRIGHT_RUN) === 2 }) },
    },
  })
  const run = await world.win({ attempts: 2, budget: { iterations: 1 } })
  const result = came(run) as AttemptsResult
  const kids = await world.runs.list({ parent: run.id })
  expect(kids).toHaveLength(2)
  expect(result).toMatchObject({ completed: true, stop_reason: 'goal_complete', chosen: ids[1] })
  expect(result.attempts.map(({ completed, stop_reason }) => [completed, stop_reason]).sort()).toEqual([
    [false, 'max_iterations (1) reached'],
    [true, 'goal_complete'],
  ])
  expect(world.prompts('judge')).toEqual([])
})

test('among those that are not accepted, the one with more passed checks is chosen', async () => {
  const world = goalWorld({
    agent: { replies: { reviewer: verdict({ goal_complete: false }) } },
    check: (_, calls) => ({ ok: calls === 3 }),
  })
  const run = await world.win({ attempts: 3, verify: ['npm test'], budget: { iterations: 1 }, concurrency: 1 })
  const result = came(run) as AttemptsResult
  expect(result.completed).toBe(false)
  expect(result.chosen).toBe(result.attempts[2]?.run)
})

test('among equals a judge decides', async () => {
  const world = goalWorld({ agent: { replies: { judge: { best: 2, reason: 'simpler' } } } })
  const run = await world.win({ attempts: 2 })
  const result = came(run) as AttemptsResult
  expect(result.chosen).toBe(result.attempts[1]?.run)
  expect(world.prompts('judge')[0]).toContain('# Attempt 2\n### s1')
})

test.each(['I like both', { best: 9 }, { best: 0 }])(
  'a judge that cannot be read (%j) leaves the first',
  async (judge) => {
    const world = goalWorld({ agent: { replies: { judge } }, retries: 0 })
    const result = came(await world.win({ attempts: 2 })) as AttemptsResult
    expect(result.chosen).toBe(result.attempts[0]?.run)
  },
)

test('each attempt has its own iterations, and all share the rest of the budget', async () => {
  const world = goalWorld({ agent: { acceptOnIteration: 9 } })
  const run = await world.win({ attempts: 2, budget: { iterations: 2, agentCalls: 50 } })
  const kids = await world.runs.list({ parent: run.id })
  expect(kids.map(({ reason, caps }) => [reason, caps])).toEqual([
    ['max_iterations (2) reached', { iterations: 2 }],
    ['max_iterations (2) reached', { iterations: 2 }],
  ])
  const { used } = await world.store.spend(`run:${run.id}`)
  expect(used).toMatchObject({ iterations: 4, agentCalls: 12 })
})

test('attempts go to the agents in turn', async () => {
  const world = goalWorld()
  const run = await world.win({ attempts: 3, attemptAgents: ['codex', 'claude-code'] })
  const kids = await world.runs.list({ parent: run.id })
  expect(kids.map(({ spec }) => (spec as { agent: string }).agent).sort()).toEqual(['claude-code', 'codex', 'codex'])
})

test('an attempt that ends without a result is no choice, and says why', async () => {
  const world = goalWorld({ agent: { replies: { decomposer: 'x' } }, kernel: { limits: { lingerMs: 0 } } })
  const run = await world.begin({ attempts: 2, budget: { iterations: 1, agentCalls: 1 } })
  const result = came(await world.drive(run.id)) as AttemptsResult
  expect(result.completed).toBe(false)
  expect(result.attempts.every(({ stop_reason }) => stop_reason.includes('reached'))).toBe(true)
})
