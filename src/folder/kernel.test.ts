import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../test/fixtures/repo.ts'
import type { AgentRequest, AgentResponse, Clock } from '../core/ports.ts'
import { type EventLine, eventLines } from '../core/progress.ts'
import { exitCode, runResult } from '../core/result.ts'
import type { Role } from '../core/role.ts'
import { emptyView, fold, reduce } from '../core/view.ts'
import { defineLoop } from '../engine/define.ts'
import { Runs } from '../engine/runs.ts'
import { memoryBlobs } from '../store/blobs.ts'
import { memoryStore } from '../store/memory.ts'
import { openRunFolder } from './folder.ts'
import { followRun } from './follow.ts'

const worker: Role<string, string> = { name: 'worker', system: 'work', prompt: (input) => input }

const small = defineLoop({
  name: 'small',
  run: async (loop, spec: { goal: string }) => {
    const answer = await loop.ask('what', { questions: ['which one?'] })
    for (;;) {
      const iteration = await loop.iteration()
      const results = await loop.parallel(['s1', 's2'], (branch, id) =>
        branch.agent(worker, spec.goal, { subgoal: { id, description: `do ${id}` } }),
      )
      const item = {
        iteration,
        subgoals: ['s1', 's2'],
        results: results.map((one, at) => ({ id: `s${at + 1}`, ok: one.ok, error: one.error ?? null })),
        review: { gates_passed: true, goal_complete: false, issues: [] },
        verification: [],
      }
      loop.emit('iteration_finished', { item })
      loop.report({ completed: false, iterations: iteration, final_output: `${answer}`, history: [item] })
    }
  },
})

const clock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

test('a run on the real kernel is seen, written and forked as its journal says', async () => {
  using temporary = scratch()
  const project = join(temporary.path, 'project')
  mkdirSync(project)
  const store = memoryStore()
  let calls = 0
  const agent = {
    name: 'fake',
    run: async ({ env }: AgentRequest): Promise<AgentResponse> => {
      calls += 1
      if (env?.LOOPWRIGHT_SUBGOAL === 's2' && calls < 4)
        return { text: '', outcome: 'rate_limited', resetAt: 0, message: 'no luck' }
      return { text: 'done it', usage: { inputTokens: 10 } }
    },
  }
  const workspace = { path: project } as never
  const runs = new Runs({
    store,
    clock,
    blobs: memoryBlobs(),
    redact: (text) => text,
    loops: [small],
    drivers: {
      self: { id: 'd', host: 'h', pid: process.pid, started: '' },
      isAlive: () => true,
      end: async () => {},
    },
    limits: { lingerMs: 0 },
    servicesOf: () => ({
      role: () => ({ agent, retries: 3 }),
      workspace: async () => workspace,
      cleanup: 'auto',
      runCheck: async () => ({}) as never,
      runCommand: async () => ({}) as never,
      amounts: (usage) => ({ tokens: usage?.inputTokens ?? 0 }),
      outputPath: (name) => join(project, `${name}.out`),
      hooks: {},
    }),
  })
  const run = await runs.start({ loop: 'small', spec: { goal: 'win' }, project, caps: { iterations: 2 } })
  const folder = openRunFolder({ run, home: temporary.path })
  const follower = followRun({ store, run, folder })
  const file = (name: string) => readFileSync(join(folder.path, name), 'utf8')

  const waiting = await runs.drive(run.id)
  await follower.finish()
  const asked = JSON.parse(file('result.json'))
  expect(asked).toMatchObject({ stop_reason: 'needs_input', questions: ['which one?'], status: 'waiting' })
  expect(exitCode(waiting)).toBe(3)

  await runs.answer(run.id, asked.token, 'this one')
  const stopped = await runs.drive(run.id)
  const view = await follower.finish()
  follower.close()
  folder.close()
  expect(exitCode(stopped)).toBe(1)
  expect(view).toMatchObject({
    status: 'stopped',
    asks: [],
    iteration: 2,
    history: [
      { iteration: 1, subgoalsOk: 2, subgoalsTotal: 2 },
      { iteration: 2, subgoalsOk: 2 },
    ],
    spend: { iterations: 2, agentCalls: calls, agents: 4, tokens: 40 },
  })
  expect(view.workers.map((one) => [one.subgoal?.id, one.state])).toEqual([
    ['s1', 'done'],
    ['s2', 'done'],
  ])
  const { used } = await store.spend(`run:${run.id}`)
  expect(used).toMatchObject({ agentCalls: view.spend.agentCalls, tokens: view.spend.tokens, iterations: 2 })
  expect(JSON.parse(file('result.json'))).toEqual(JSON.parse(JSON.stringify(runResult(view, stopped))))
  expect(JSON.parse(file('result.json'))).toMatchObject({
    stop_reason: 'max_iterations (2) reached',
    final_output: 'this one',
    summary: 'stopped after 2 iteration(s) | reason: max_iterations (2) reached',
  })
  const lines: EventLine[] = file('events.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const events = await store.read(run.id)
  let folded = emptyView(run)
  const expected = events.flatMap((event) => {
    folded = reduce(folded, event)
    return eventLines(folded, event)
  })
  expect(lines).toEqual(JSON.parse(JSON.stringify(expected)))
  const count = (kind: string) => lines.filter((line) => line.kind === kind).length
  expect(count('subagent_started')).toBe(calls)
  expect(count('subagent_finished')).toBe(4)
  expect(count('subagent_failed')).toBe(calls - 4)
  expect(count('iteration_finished')).toBe(2)

  const fork = await runs.fork(run.id, 2)
  const seen = fold(emptyView(fork), await store.read(fork.id))
  expect(seen).toMatchObject({ status: 'queued', iteration: 1, forkedFrom: run.id, startedAt: undefined })
  expect(seen.spend).toEqual({ iterations: 0, agentCalls: 0, agents: 0, tokens: 0, microUsd: 0 })
  await runs.drive(fork.id)
  const after = fold(emptyView(fork), await store.read(fork.id))
  expect(after).toMatchObject({ status: 'stopped', history: [{ iteration: 1 }, { iteration: 2 }, { iteration: 3 }] })
  expect(after.spend).toMatchObject({ iterations: 2, agentCalls: 4 })
})
