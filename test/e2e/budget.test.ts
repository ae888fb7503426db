import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import type { ScriptedOptions } from '../../src/agents/scripted/scripted.ts'
import type { Caps } from '../../src/core/budget.ts'
import type { GoalInput } from '../../src/core/spec/goal.ts'
import { until } from '../fixtures/engine.ts'
import { git } from '../fixtures/repo.ts'
import { bench, resultOf, signal } from './bench.ts'

const usage = { inputTokens: 100, outputTokens: 0, costUsd: 0.01 }
const thirsty: ScriptedOptions = { acceptOnIteration: 3, replies: { worker: () => reply({ text: 'did it', usage }) } }

test.each<{ cap: string; budget: GoalInput['budget']; reason: string; larger: Caps }>([
  {
    cap: 'iterations',
    budget: { iterations: 2 },
    reason: 'max_iterations (2) reached',
    larger: { iterations: 4 },
  },
  {
    cap: 'agent calls',
    budget: { agentCalls: 6 },
    reason: 'max_agent_calls (6) reached',
    larger: { agentCalls: 40 },
  },
  { cap: 'agents', budget: { agents: 6 }, reason: 'max_agents (6) reached', larger: { agents: 40 } },
  { cap: 'tokens', budget: { tokens: 350 }, reason: 'max_tokens (350) reached', larger: { tokens: 10_000 } },
  { cap: 'cost', budget: { cost: 0.035 }, reason: 'max_cost ($0.035) reached', larger: { microUsd: 10_000_000 } },
])(
  'the cap on $cap stops the run with its state, and a larger one lets it finish',
  async ({ budget, reason, larger }) => {
    await using b = await bench({ git: false })
    const app = await b.open(thirsty)
    const { id } = await b.start(app, { budget })
    const stopped = await app.runs.drive(id)
    expect(stopped).toMatchObject({ status: 'stopped', reason })
    expect(await app.result(id)).toMatchObject({ completed: false, stop_reason: reason, status: 'stopped' })
    const before = (await app.store.read(id)).filter((event) => event.kind === 'step_settled' && !event.error)

    // As it is, it stops again, for the same reason.
    await app.runs.reopen(id)
    expect(await app.runs.drive(id)).toMatchObject({ status: 'stopped', reason })

    await app.runs.reopen(id, larger)
    const done = await app.runs.drive(id)
    expect(done, JSON.stringify((await app.store.read(id)).slice(-8))).toMatchObject({ status: 'done' })
    expect(resultOf(done)).toMatchObject({ completed: true, stop_reason: 'goal_complete' })
    expect((await app.store.read(id)).slice(0, before.at(-1)?.seq)).toContainEqual(before.at(-1))
    const { used } = await app.store.spend(`run:${id}`)
    for (const [dimension, cap] of Object.entries(larger)) expect(used[dimension as 'tokens']).toBeLessThanOrEqual(cap)
  },
)

test('no cap of tokens is passed by more than a call that was already under way, however many ask at once', async () => {
  await using b = await bench({ git: false })
  const subgoals = Array.from({ length: 12 }, (_, i) => `part ${i}`)
  const app = await b.open({ ...thirsty, subgoals })
  const { id } = await b.start(app, { budget: { tokens: 450 } })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'stopped', reason: 'max_tokens (450) reached' })
  const { used, spent } = await app.store.spend(`run:${id}`)
  expect(spent.tokens).toBeLessThanOrEqual(450 + 100)
  expect(used).toEqual(spent)
})

test('the cap on active time ends a blocked worker with grace, and its partial work is committed', async () => {
  await using b = await bench()
  const app = await b.open({
    subgoals: ['a', 'b'],
    replies: {
      worker: async (request, call) => {
        if (request.context?.iteration !== 1) return 'done at last'
        const { id } = request.context.subgoal as { id: string }
        writeFileSync(join(request.cwd, `${id}.txt`), 'half\n')
        await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }))
        writeFileSync(join(request.cwd, `${id}.txt`), 'half, and tidied up\n')
        return reply({ outcome: 'killed', message: 'stopped by a signal' })
      },
    },
  })
  const { id } = await b.start(app, { budget: { duration: 1.5 } })
  const stopped = await app.runs.drive(id)
  expect(stopped).toMatchObject({ status: 'stopped', reason: 'max_duration (1.5s) reached' })
  expect(git(b.project, 'show', `loopwright/${id}:s1.txt`)).toBe('half, and tidied up\n')
  expect(git(b.project, 'show', `loopwright/${id}:s2.txt`)).toBe('half, and tidied up\n')
  expect(git(b.project, 'log', '-1', '--format=%s', `loopwright/${id}`).trim()).toBe('loopwright: iteration 1')
  expect((await app.result(id)).workspace?.changed_files).toEqual(['s1.txt', 's2.txt'])

  await app.runs.reopen(id, { activeMs: 600_000 })
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
})

test('a worker that does not listen when it is told to end does not hold up a stop for ever', async () => {
  await using b = await bench({ git: false })
  const begun = signal()
  const app = await b.open(
    {
      subgoals: ['a'],
      replies: {
        worker: () => {
          begun.give()
          return new Promise<string>(() => {})
        },
      },
    },
    { limits: { graceMs: 300 } },
  )
  const { id } = await b.start(app)
  const driving = app.runs.drive(id)
  await begun.given
  await app.runs.stop(id, 'enough')
  expect(await driving).toMatchObject({ status: 'stopped', reason: 'enough' })
})

test('waiting out a rate limit is no active time, counts no iteration, and the same step is asked again', async () => {
  await using b = await bench({ git: false })
  let calls = 0
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      worker: () => (++calls < 3 ? reply({ outcome: 'rate_limited', resetInMs: 600 }) : 'did it'),
    },
  })
  const { id } = await b.start(app, { retries: 0, budget: { iterations: 1, duration: 60 } })
  const driving = app.runs.drive(id)
  await until('it waits', async () => (await app.runs.get(id)).status === 'waiting')
  expect(await app.runs.get(id)).toMatchObject({ reason: 'rate_limit', wakeAt: expect.any(Number) })
  const done = await driving
  expect(done).toMatchObject({ status: 'done' })
  expect(resultOf(done).iterations).toBe(1)
  expect(calls).toBe(3)
  expect((await app.store.spend(`run:${id}`)).spent).toMatchObject({ iterations: 1, agents: 3, agentCalls: 5 })
  expect(done.activeMs).toBeLessThan(1_000)
})

test('an agent that is rate limited again and again with a reset in the past is not asked without pause', async () => {
  await using b = await bench({ git: false })
  let calls = 0
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      worker: () => {
        calls += 1
        return reply({ outcome: 'rate_limited', resetInMs: 0 })
      },
    },
  })
  const { id } = await b.start(app)
  const driving = app.runs.drive(id)
  await until('it waits for some time', async () => {
    const run = await app.runs.get(id)
    return run.status === 'waiting' && (run.wakeAt ?? 0) - Date.now() > 500
  })
  expect(calls).toBeLessThan(6)
  await app.runs.cancel(id)
  expect(await driving).toMatchObject({ status: 'cancelled' })
})

test('the kill switch refuses new calls and new runs, survives a restart, and a run goes on when it is off again', async () => {
  await using b = await bench({ git: false })
  const begun = signal()
  const go = signal()
  const app = await b.open({
    subgoals: ['a'],
    replies: {
      worker: async () => {
        begun.give()
        await go.given
        return 'did it'
      },
    },
  })
  const { id } = await b.start(app)
  const driving = app.runs.drive(id)
  await begun.given
  await app.store.killSwitch(true)
  go.give()
  expect(await driving).toMatchObject({ status: 'stopped', reason: 'the kill switch is on' })
  const other = await b.open()
  await expect(b.start(other)).rejects.toMatchObject({ code: 'killed' })
  await other.store.killSwitch(false)
  await other.runs.reopen(id)
  expect(await other.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(existsSync(join(b.home, 'loopwright.db'))).toBe(true)
  expect(readFileSync(join(other.runFolder(await other.runs.get(id)), 'result.json'), 'utf8')).toContain(
    'goal_complete',
  )
})
