import { expect, test } from 'vitest'
import { kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Agent, AgentCall, AgentRequest, AgentResponse, Confinement, Workspace } from '../core/ports.ts'
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

test.each(['failed', 'stalled', 'timeout', 'oom', 'flood', 'stuck'] as const)(
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

test.each(['failed', 'timeout', 'stalled', 'rate_limited'] as const)(
  'the session of a call that was %s is gone on with, with what it had used',
  async (outcome) => {
    const { play, requests } = calling((_, number) =>
      number === 1
        ? { text: '', outcome, sessionId: 's-1', sessionTotals: { inputTokens: 40 }, resetAt: 1_000 }
        : { text: '7' },
    )
    await play()
    expect(requests[0]).not.toHaveProperty('sessionId')
    expect(requests[1]).toMatchObject({ sessionId: 's-1', sessionTotals: { inputTokens: 40 } })
    expect(requests[1]?.prompt).toMatch(/CONTINUE[\s\S]*count sheep$/)
  },
)

test('a session that failed again is left, and so is one that may itself be the reason', async () => {
  const twice = calling(() => ({ text: '', outcome: 'failed', sessionId: 's-1' }), { settings: { retries: 2 } })
  await twice.play()
  expect(twice.requests.map((one) => one.sessionId)).toEqual([undefined, 's-1', undefined])
  for (const outcome of ['stuck', 'flood', 'oom'] as const) {
    const { play, requests } = calling(() => ({ text: '', outcome, sessionId: 's-1' }))
    await play()
    expect(requests.map((one) => one.sessionId)).toEqual([undefined, undefined])
  }
})

function withFallback(
  first: (number: number) => AgentResponse,
  second: (number: number) => AgentResponse,
  settings: Partial<RoleSettings> = {},
) {
  const asked: string[] = []
  const other: Agent = {
    name: 'other',
    run: async () => second(asked.push('other')),
  }
  const k = calling(() => first(asked.push('fake')), {
    settings: { fallback: { agent: other, retries: 1 }, ...settings },
  })
  return { ...k, asked }
}

test.each(['rate_limited', 'auth'] as const)('at %s the fallback takes over at once', async (outcome) => {
  const { play, asked, clock, journal } = withFallback(
    () => ({ text: '', outcome, resetAt: 9e12, sessionId: 's-1' }),
    () => ({ text: '7' }),
  )
  const at = clock.now()
  const run = await play()
  expect(run.result).toMatchObject({ outcome: 'done', value: 7, calls: 2 })
  expect(asked).toEqual(['fake', 'other'])
  expect(clock.now()).toBe(at)
  expect(await journal(run.id)).toContainEqual(
    expect.objectContaining({
      kind: 'emitted',
      name: 'agent_fallback',
      data: { role: 'worker', from: 'fake', to: 'other', because: outcome },
    }),
  )
})

test('with both at their limits the run waits for the earlier reset, then asks the first', async () => {
  const k = withFallback(
    (number) => (number === 1 ? { text: '', outcome: 'rate_limited', resetAt: k.clock.now() + 50_000 } : { text: '7' }),
    () => ({ text: '', outcome: 'rate_limited', resetAt: k.clock.now() + 900_000 }),
  )
  const at = k.clock.now()
  expect((await k.play()).result).toMatchObject({ outcome: 'done', value: 7, calls: 3 })
  expect(k.asked).toEqual(['fake', 'other', 'fake'])
  expect(k.clock.now() - at).toBe(50_000)
})

test('a fallback that is not logged in either fails the run with what to do', async () => {
  const { play } = withFallback(
    () => ({ text: '', outcome: 'rate_limited', resetAt: 5 }),
    () => ({ text: '', outcome: 'auth', message: 'other: run other login' }),
  )
  expect(await play()).toMatchObject({ status: 'failed', reason: expect.stringContaining('other login') })
})

test('an agent that starts processes is confined as the run says, one that is a function is not', async () => {
  const confinement: Confinement = { writable: ['/work'], readable: [], hidden: [], network: 'none', env: [] }
  const seen: unknown[] = []
  for (const spawns of [true, false]) {
    const agent: Agent = {
      name: 'fake',
      spawns,
      run: async (request) => {
        seen.push(request.confinement)
        return { text: '7' }
      },
    }
    await calling(() => ({ text: '' }), { settings: { agent }, services: { confine: async () => confinement } }).play()
  }
  expect(seen).toEqual([confinement, undefined])
})

test('what the supervisor noticed stands in the journal, the first five of it', async () => {
  const { play, journal } = calling((_request, _number, { onDelta }) => {
    for (let i = 1; i <= 7; i++) onDelta?.({ type: 'notice', text: `notice ${i}` })
    return { text: '7' }
  })
  const run = await play()
  const settled = of(await journal(run.id), 'step_settled')
  expect(settled[0]?.value).toMatchObject({ notices: [1, 2, 3, 4, 5].map((i) => `notice ${i}`) })
})
