import { expect, test } from 'vitest'
import { kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Agent, AgentCall, AgentRequest, AgentResponse, Workspace } from '../core/ports.ts'
import type { Role } from '../core/role.ts'
import type { LoopContext } from './context.ts'
import { defineLoop } from './define.ts'
import type { RoleSettings, Services } from './services.ts'

const worker: Role<string, number> = {
  name: 'worker',
  system: 'You count.',
  prompt: (input) => `count ${input}`,
  context: (input) => ({ input }),
  parse: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
  expectsJson: true,
}

function calling(
  answer: (request: AgentRequest, number: number, call: AgentCall) => AgentResponse | Promise<AgentResponse>,
  change: {
    settings?: Partial<RoleSettings>
    services?: Partial<Services>
    run?: (loop: LoopContext) => Promise<unknown>
  } = {},
) {
  const requests: AgentRequest[] = []
  const agent: Agent = {
    name: 'fake',
    run: async (request, call) => await answer(request, requests.push(request), call),
  }
  const loop = defineLoop({ name: 'calls', run: change.run ?? ((loop) => loop.agent(worker, 'sheep')) })
  const k = kernel(loop, {
    limits: { lingerMs: 0, blobChars: 2_000 },
    services: {
      role: () => ({ agent, retries: 1, ...change.settings }),
      workspace: async () => ({ path: '/work' }) as Workspace,
      ...change.services,
    },
  })
  return { ...k, requests }
}

test('an agent that gives only text is done, and its text is parsed', async () => {
  const { play } = calling(() => ({ text: '7' }))
  expect((await play()).result).toMatchObject({ outcome: 'done', ok: true, text: '7', value: 7, calls: 1 })
})

test('an answer that cannot be parsed is done all the same, without a value', async () => {
  const { play } = calling(() => ({ text: 'seven' }))
  const { result } = await play()
  expect(result).toMatchObject({ outcome: 'done', ok: true, text: 'seven' })
  expect(result).not.toHaveProperty('value')
})

test('the request holds role, prompts, facts, settings and where to write', async () => {
  const { play, requests } = calling(() => ({ text: '7' }), {
    settings: { model: 'm', timeoutMs: 5, skipPermissions: true, instructions: 'Be brief.' },
    services: { outputPath: (name) => `/out/${name}.out` },
    run: (loop) => loop.agent(worker, 'sheep', { subgoal: { id: 's1', description: 'count them' } }),
  })
  const run = await play({ caps: { tokens: 800 } })
  expect(requests).toEqual([
    {
      role: 'worker',
      system: 'You count.\n\nBe brief.',
      prompt: 'count sheep',
      context: { iteration: 0, subgoal: { id: 's1', description: 'count them' }, input: 'sheep' },
      expectsJson: true,
      cwd: '/work',
      env: {
        LOOPWRIGHT_RUN: run.id,
        LOOPWRIGHT_ROLE: 'worker',
        LOOPWRIGHT_ITERATION: '0',
        LOOPWRIGHT_SUBGOAL: 's1',
      },
      model: 'm',
      timeoutMs: 5,
      skipPermissions: true,
      outputPath: '/out/iter0_s1.out',
      allowance: { agentCalls: 1, agents: 1, tokens: 100 },
    },
  ])
})

test.each(['failed', 'stalled', 'timeout', 'oom'] as const)(
  'an agent that %s is tried again, then given up',
  async (outcome) => {
    const { play, requests, clock } = calling(() => ({ text: 'half', outcome, message: `it ${outcome}` }))
    const at = clock.now()
    const { result } = await play()
    expect(result).toMatchObject({ outcome, ok: false, text: 'half', error: `it ${outcome}`, calls: 2 })
    expect(requests[1]?.prompt).toMatch(/^A previous attempt at this ended early.*Inspect.*CONTINUE[\s\S]*count sheep$/)
    expect(clock.now() - at).toBe(1_000)
  },
)

test.each(['refused', 'killed'] as const)('an agent that was %s is not tried again', async (outcome) => {
  const { play, requests } = calling(() => ({ text: '', outcome }))
  expect((await play()).result).toMatchObject({ outcome, ok: false, error: outcome })
  expect(requests).toHaveLength(1)
})

test('an agent that throws has failed', async () => {
  const { play } = calling(() => Promise.reject(new Error('crashed')))
  expect((await play()).result).toMatchObject({ outcome: 'failed', error: 'crashed', calls: 2 })
})

test('an agent that says nothing has failed, even when it calls that done', async () => {
  for (const response of [{ text: ' \n' }, { text: '', outcome: 'done' as const }]) {
    const { play } = calling(() => response, { settings: { retries: 0 } })
    expect((await play()).result).toMatchObject({ outcome: 'failed', error: 'empty output' })
  }
})

test('a rate limit is waited out until its reset, and is no failure', async () => {
  const k = calling((_, number) =>
    number === 1 ? { text: '', outcome: 'rate_limited', resetAt: k.clock.now() + 900_000 } : { text: '7' },
  )
  const at = k.clock.now()
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'waiting', reason: 'rate_limit', wakeAt: at + 900_000 })
  expect((await k.settle(driving)).result).toMatchObject({ outcome: 'done', value: 7, calls: 2 })
  expect(k.clock.now() - at).toBe(900_000)
  expect(k.requests[1]?.prompt).toBe('count sheep')
})

test('a rate limit without a reset is waited out for longer each time', async () => {
  const { play, clock, requests } = calling((_, number) =>
    number <= 3 ? { text: '', outcome: 'rate_limited' } : { text: '7' },
  )
  const at = clock.now()
  await play()
  expect(requests).toHaveLength(4)
  expect(clock.now() - at).toBe(60_000 + 120_000 + 240_000)
})

test('an agent that is not logged in fails the run with what to do; resumed, it is asked again', async () => {
  const { play, runs, drive, journal } = calling((_, number) =>
    number === 1 ? { text: '', outcome: 'auth' } : { text: '7' },
  )
  const run = await play()
  expect(run).toMatchObject({ status: 'failed', reason: 'fake is not logged in' })
  expect(of(await journal(run.id), 'run_failed')[0]?.error).toMatchObject({
    code: 'agent_auth',
    hint: 'log in to fake, then resume the run',
  })
  await runs.reopen(run.id)
  expect((await drive(run.id)).result).toMatchObject({ value: 7 })
})

test('a place that refuses an agent fails the run, not the call', async () => {
  const { play } = calling(() => Promise.reject(new LoopwrightError('missing_tool', 'no such program')))
  expect(await play()).toMatchObject({ status: 'failed', reason: 'no such program' })
})

test('a call the budget refuses is a result', async () => {
  const { play, requests } = calling(() => ({ text: '7' }), {
    run: async (loop) => [await loop.agent(worker, 'a'), await loop.agent(worker, 'b')],
  })
  expect((await play({ caps: { agentCalls: 1 } })).result).toMatchObject([
    { outcome: 'done' },
    { outcome: 'budget', ok: false, error: 'max_agent_calls (1) reached', calls: 0 },
  ])
  expect(requests).toHaveLength(1)
})

test('retries count as calls but as one agent, and what each used is settled', async () => {
  const k = calling((_, number) => ({
    text: '7',
    outcome: number === 1 ? 'failed' : 'done',
    usage: { inputTokens: 10, outputTokens: number },
  }))
  const run = await k.play({ caps: { tokens: 1_000 } })
  expect(await k.store.spend(`run:${run.id}`)).toMatchObject({ spent: { agentCalls: 2, agents: 1, tokens: 23 } })
})

test('what an agent says while it works is heard with the step it belongs to', async () => {
  const heard: unknown[] = []
  const { play } = calling(
    (_, __, call) => {
      call.onDelta?.({ type: 'text', text: 'one …' })
      return { text: '7' }
    },
    { services: { onDelta: (delta) => heard.push(delta) } },
  )
  await play()
  expect(heard).toEqual([{ type: 'text', text: 'one …', step: '0/:0', role: 'worker' }])
})

test('an answer too large for the journal shows how it ended, its size, its file and its beginning', async () => {
  const text = 'x'.repeat(5_000)
  const { play, journal } = calling(() => ({ text, outcome: 'failed', message: 'too much' }), {
    settings: { retries: 0 },
    services: { outputPath: (name) => `/out/${name}.out` },
  })
  const run = await play()
  expect(of(await journal(run.id), 'step_settled')[0]).toMatchObject({
    effect: 'agent',
    ref: { bytes: expect.any(Number) },
    detail: {
      outcome: 'failed',
      message: 'too much',
      chars: 5_000,
      outputPath: '/out/iter0_worker.out',
      preview: 'x'.repeat(600),
    },
  })
  expect(run.result).toMatchObject({ text })
})
