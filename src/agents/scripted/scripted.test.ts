import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { JsonObject } from '../../core/json.ts'
import type { AgentDelta, AgentRequest } from '../../core/ports.ts'
import { reply } from './reply.ts'
import { parseScript } from './script.ts'
import { scripted } from './scripted.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'scripted-'))
})
afterEach(() => rm(cwd, { recursive: true }))

const ask = (role: string, context: JsonObject = {}, more: Partial<AgentRequest> = {}): AgentRequest => ({
  role,
  system: '',
  prompt: 'do it',
  context,
  cwd,
  ...more,
})
const call = { signal: new AbortController().signal }

test('without options it decomposes into two subgoals, works, and accepts on the second iteration', async () => {
  const agent = scripted()
  expect(agent.name).toBe('scripted')
  const plan = JSON.parse((await agent.run(ask('decomposer', { iteration: 1 }), call)).text)
  expect(plan).toHaveLength(2)
  expect(plan[0]).toEqual({ id: 's1', description: expect.any(String) })
  const work = await agent.run(ask('worker', { iteration: 1, subgoal: plan[0] }), call)
  expect(work).toMatchObject({ outcome: 'done', text: `Completed s1: ${plan[0].description}` })
  const review = async (iteration: number) =>
    JSON.parse((await agent.run(ask('reviewer', { iteration }), call)).text).goal_complete
  expect([await review(1), await review(2), await review(3)]).toEqual([false, true, true])
  expect((await agent.run(ask('criteria'), call)).text).toBe('The stated goal is fully satisfied.')
  expect((await agent.run(ask('clarifier'), call)).text).toBe('[]')
})

test('without an iteration in the context the reviewer counts its own calls', async () => {
  const agent = scripted()
  const verdicts = []
  for (let at = 0; at < 2; at += 1) verdicts.push(JSON.parse((await agent.run(ask('reviewer'), call)).text).quality_ok)
  expect(verdicts).toEqual([false, true])
})

test('subgoals, acceptOnIteration, questions, proposedCriteria and subagent shape the default answers', async () => {
  const agent = scripted({
    subgoals: ['only this'],
    acceptOnIteration: 1,
    questions: ['Which one?'],
    proposedCriteria: 'It runs.',
    subagent: (request, { number }) => `${request.prompt} ${number}`,
  })
  expect((await agent.run(ask('decomposer'), call)).text).toBe('[{"id":"s1","description":"only this"}]')
  expect(JSON.parse((await agent.run(ask('reviewer', { iteration: 1 }), call)).text).goal_complete).toBe(true)
  expect((await agent.run(ask('clarifier'), call)).text).toBe('["Which one?"]')
  expect((await agent.run(ask('criteria'), call)).text).toBe('It runs.')
  expect((await agent.run(ask('worker'), call)).text).toBe('do it 1')
  expect((await agent.run(ask('subagent'), call)).text).toBe('do it 2')
})

test('a role answers with a string, a JSON value, or what its function makes of the request', async () => {
  const agent = scripted({
    replies: {
      worker: 'text',
      reviewer: { goal_complete: true },
      judge: async (request) => [request.role],
      implementer: () => reply({ edits: [{ write: 'a/b.txt', content: 'hi' }], outcome: 'refused', message: 'no' }),
    },
  })
  expect((await agent.run(ask('worker'), call)).text).toBe('text')
  expect((await agent.run(ask('reviewer'), call)).text).toBe('{"goal_complete":true}')
  expect((await agent.run(ask('judge'), call)).text).toBe('["judge"]')
  expect(await agent.run(ask('implementer'), call)).toMatchObject({ outcome: 'refused', message: 'no', text: '' })
  expect(await readFile(join(cwd, 'a/b.txt'), 'utf8')).toBe('hi')
})

test('a function that throws rejects, and leaves the failure to the engine', async () => {
  const agent = scripted({
    subagent: () => {
      throw new Error('boom')
    },
  })
  await expect(agent.run(ask('worker'), call)).rejects.toThrow('boom')
})

test('the first rule of a script that fits answers, and what no rule answers falls to the defaults', async () => {
  const script = parseScript({
    acceptOnIteration: 3,
    replies: [
      { role: 'worker', iteration: 1, subgoal: 's1', call: 1, throw: 'lost connection' },
      { role: 'worker', iteration: [1, 2], subgoal: 's1', text: 'second try' },
      { role: 'worker', subgoal: ['s2', 's3'], json: { ok: true } },
      { role: 'judge', text: 'fine' },
    ],
  })
  const agent = scripted({ script, acceptOnIteration: 1 })
  const worker = (iteration: number, id: string) => agent.run(ask('worker', { iteration, subgoal: { id } }), call)
  await expect(worker(1, 's1')).rejects.toThrow('lost connection')
  expect((await worker(1, 's1')).text).toBe('second try')
  expect((await worker(2, 's1')).text).toBe('second try')
  expect((await worker(3, 's1')).text).toBe('Completed s1: s1')
  expect((await worker(9, 's3')).text).toBe('{"ok":true}')
  expect((await agent.run(ask('judge'), call)).text).toBe('fine')
  expect(JSON.parse((await agent.run(ask('reviewer', { iteration: 2 }), call)).text).goal_complete).toBe(false)
})

test('failures, limits and usage come out as they were scripted', async () => {
  const usage = { inputTokens: 10, outputTokens: 5, costUsd: 0.01, model: 'gpt-5' }
  const script = parseScript({
    replies: [
      { role: 'a', resetInMs: 500, usage },
      { role: 'b', outcome: 'auth', message: 'log in' },
      { role: 'c', outcome: 'timeout', text: 'half' },
    ],
  })
  const agent = scripted({ script, now: () => 1000 })
  const deltas: AgentDelta[] = []
  expect(await agent.run(ask('a'), { ...call, onDelta: (delta) => deltas.push(delta) })).toMatchObject({
    outcome: 'rate_limited',
    resetAt: 1500,
    usage,
  })
  expect(deltas).toEqual([{ type: 'usage', usage }])
  expect(await agent.run(ask('b'), call)).toMatchObject({ outcome: 'auth', message: 'log in' })
  expect(await agent.run(ask('c'), call)).toMatchObject({
    outcome: 'timeout',
    text: 'half',
    message: 'scripted: timeout',
  })
})

test('a call that used more than it was allowed is failed with the budget named', async () => {
  const script = parseScript({ replies: [{ role: 'worker', text: 'x', usage: { outputTokens: 11 } }] })
  const answer = await scripted({ script }).run(ask('worker', {}, { allowance: { tokens: 10 } }), call)
  expect(answer).toMatchObject({ outcome: 'failed', message: expect.stringMatching(/budget.*11 tokens of the 10/) })
})

test('a delay ends when the call is aborted, and when its time is up', async () => {
  const script = parseScript({
    replies: [{ role: 'worker', delayMs: 600_000, edits: [{ write: 'late.txt', content: '' }] }],
  })
  const agent = scripted({ script })
  const abort = new AbortController()
  const running = agent.run(ask('worker'), { signal: abort.signal })
  abort.abort()
  expect(await running).toMatchObject({ outcome: 'killed' })
  expect(await agent.run(ask('worker'), { signal: abort.signal })).toMatchObject({ outcome: 'killed' })
  expect(await agent.run(ask('worker', {}, { timeoutMs: 1 }), call)).toMatchObject({ outcome: 'timeout' })
  await expect(readFile(join(cwd, 'late.txt'))).rejects.toThrow('ENOENT')
})

test('the whole text goes to the output file, a bounded part to the answer', async () => {
  const outputPath = join(cwd, 'out/worker.out')
  const text = 'x'.repeat(200_000)
  const answer = await scripted({ subagent: () => text }).run(ask('worker', {}, { outputPath }), call)
  expect(answer.chars).toBe(200_000)
  expect(answer.text.length).toBeLessThan(66_000)
  expect(answer.text).toContain('characters left out')
  expect(await readFile(outputPath, 'utf8')).toBe(text)
})
