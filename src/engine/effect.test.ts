import { expect, test } from 'vitest'
import { deferred, kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { isLoopwrightError } from '../core/errors.ts'
import { memoryStore } from '../store/memory.ts'
import { FakeClock } from '../testing/clock.ts'
import { defineLoop } from './define.ts'

const tokens = (used: number) => ({ reserve: { tokens: 10 }, usage: () => ({ tokens: used }) })

test('what a step needs is reserved before it runs, and what it used is settled after', async () => {
  const gate = deferred<void>()
  const loop = defineLoop({
    name: 'spends',
    run: (loop) => loop.step('call', () => gate.promise, { effect: 'agent', ...tokens(7) }),
  })
  const k = kernel(loop)
  const run = await k.start({ caps: { tokens: 100 }, scopes: ['all'] })
  const driving = k.runs.drive(run.id)
  await quiet()
  expect(await k.store.spend(`run:${run.id}`)).toEqual({ used: { tokens: 10 }, spent: {} })
  gate.resolve()
  await k.settle(driving)
  for (const scope of [`run:${run.id}`, 'all'])
    expect(await k.store.spend(scope)).toMatchObject({ used: { tokens: 7 }, spent: { tokens: 7 } })
  expect(of(await k.journal(run.id), 'step_settled')).toMatchObject([{ usage: { tokens: 7 } }])
})

test('a cap that refuses a step brings the run to its stop, and larger caps let it go on', async () => {
  const loop = defineLoop({
    name: 'over',
    run: async (loop) => {
      const log: string[] = []
      for (let i = 1; i <= 3; i++) {
        await loop.iteration()
        try {
          log.push(await loop.step(`call ${i}`, () => `did ${i}`, { effect: 'agent', reserve: { agentCalls: 1 } }))
        } catch (error) {
          log.push(isLoopwrightError(error) ? error.message : 'other')
        }
        loop.report(log)
      }
      return log
    },
  })
  const k = kernel(loop)
  const run = await k.play({ caps: { agentCalls: 1 } })
  expect(run).toMatchObject({
    status: 'stopped',
    reason: 'max_agent_calls (1) reached',
    result: ['did 1', 'max_agent_calls (1) reached'],
  })
  await k.runs.reopen(run.id, { agentCalls: 2 })
  expect(await k.drive(run.id)).toMatchObject({
    status: 'done',
    result: ['did 1', 'max_agent_calls (1) reached', 'did 3'],
  })
})

test('each cap has its own words', async () => {
  const loop = defineLoop({
    name: 'words',
    run: async (loop, spec: { reserve: Record<string, number> }) => {
      await loop.step('call', () => 1, { effect: 'agent', reserve: spec.reserve }).catch(() => {})
      await loop.iteration()
    },
  })
  const k = kernel(loop)
  const reason = async (dimension: string, cap: number) =>
    (await k.play({ spec: { reserve: { [dimension]: cap + 1 } }, caps: { [dimension]: cap } })).reason
  expect(await reason('agents', 2)).toBe('max_agents (2) reached')
  expect(await reason('agentCalls', 3)).toBe('max_agent_calls (3) reached')
  expect((await k.play({ spec: { reserve: {} }, caps: { iterations: 0 } })).reason).toBe('max_iterations (0) reached')
})

test('when less is left than a call would reserve, it gets what is left; when nothing is, it is refused', async () => {
  const reserved: unknown[] = []
  const loop = defineLoop({
    name: 'rest',
    run: async (loop) => {
      for (let i = 0; i < 3; i++) {
        await loop.step(
          `call ${i}`,
          (call) => {
            reserved.push(call.reserved)
          },
          { effect: 'agent', reserve: { tokens: 10 } },
        )
      }
    },
  })
  const k = kernel(loop)
  expect(await k.play({ caps: { tokens: 15 } })).toMatchObject({ status: 'failed', reason: 'max_tokens (15) reached' })
  expect(reserved).toEqual([{ tokens: 10 }, { tokens: 5 }])
})

test('a call waits while open reservations of its own run hold the rest, and begins when they settle for less', async () => {
  const gate = deferred<void>()
  const begun: string[] = []
  const loop = defineLoop({
    name: 'waits',
    run: (loop) =>
      loop.parallel(['a', 'b'], (branch, name) =>
        branch.step(
          name,
          async () => {
            begun.push(name)
            if (name === 'a') await gate.promise
          },
          { effect: 'agent', reserve: { agentCalls: 1 }, usage: () => ({ agentCalls: 0 }) },
        ),
      ),
  })
  const k = kernel(loop)
  const run = await k.start({ caps: { agentCalls: 1 } })
  const driving = k.runs.drive(run.id)
  await quiet()
  expect(begun).toEqual(['a'])
  gate.resolve()
  expect(await k.settle(driving)).toMatchObject({ status: 'done' })
  expect(begun).toEqual(['a', 'b'])
})

test('the use of a step that failed or was ended counts as reserved', async () => {
  const loop = defineLoop({
    name: 'failed spend',
    run: async (loop) => {
      try {
        await loop.step(
          'call',
          () => {
            throw new Error('broken')
          },
          { effect: 'agent', ...tokens(3) },
        )
      } catch {}
    },
  })
  const k = kernel(loop)
  const run = await k.play({ caps: { tokens: 100 } })
  expect(await k.store.spend(`run:${run.id}`)).toMatchObject({ spent: { tokens: 10 } })
})

test('a run warns once at 80 % of a cap', async () => {
  const loop = defineLoop({
    name: 'warns',
    run: async (loop) => {
      for (let i = 0; i < 10; i++) {
        await loop.step(`call ${i}`, () => i, { effect: 'agent', reserve: { tokens: 1 } })
        if (i === 8) await loop.ask('go on', {})
      }
    },
  })
  const k = kernel(loop)
  const run = await k.play({ caps: { tokens: 10 } })
  await k.runs.answer(run.id, '0/:9', null)
  expect(await k.drive(run.id)).toMatchObject({ status: 'done' })
  expect(of(await k.journal(run.id), 'budget_warned').map(({ refusal }) => refusal)).toMatchObject([
    { dimension: 'tokens', cap: 10, spent: 8 },
  ])
})

test('calls that together pass a cap while they run are ended, and their use counts', async () => {
  const signals: unknown[] = []
  const loop = defineLoop({
    name: 'live',
    run: async (loop) => {
      await loop.step(
        'call',
        ({ signal, onUsage }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              signals.push(signal.reason)
              resolve('partial')
            })
            onUsage({ tokens: 120 })
          }),
        { effect: 'agent', reserve: { tokens: 10 }, usage: () => ({ tokens: 120 }) },
      )
      await loop.iteration()
    },
  })
  const k = kernel(loop)
  const run = await k.play({ caps: { tokens: 100 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_tokens (100) reached' })
  expect(signals).toEqual(['stop'])
  expect(of(await k.journal(run.id), 'step_settled')).toMatchObject([{ value: 'partial', usage: { tokens: 120 } }])
})

test('the cap on active time ends what draws on the budget, keeps its result, and lets other steps be', async () => {
  const signals: string[] = []
  const clock = new FakeClock()
  const loop = defineLoop({
    name: 'active',
    run: async (loop) => {
      await loop.iteration()
      const [call, plain] = await loop.parallel(['agent', 'exec'], (branch, effect) =>
        branch.step(
          effect,
          ({ signal }) =>
            new Promise((resolve) => {
              signal.addEventListener('abort', () => {
                signals.push(effect)
                resolve(`${effect} partial`)
              })
              clock.after(120_000, () => resolve(`${effect} whole`))
            }),
          { effect, ...(effect === 'agent' ? { reserve: { agentCalls: 1 } } : {}) },
        ),
      )
      loop.report([call, plain])
      await loop.iteration()
      return 'more'
    },
  })
  const k = kernel(loop, { clock })
  const run = await k.play({ caps: { activeMs: 90_000 } })
  expect(run).toMatchObject({
    status: 'stopped',
    reason: 'max_duration (90s) reached',
    result: ['agent partial', 'exec whole'],
    activeMs: 120_000,
  })
  expect(signals).toEqual(['agent'])
  await k.runs.reopen(run.id, { activeMs: 200_000 })
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 'more' })
})

test('waiting is no active time', async () => {
  const loop = defineLoop({
    name: 'idle',
    run: async (loop) => {
      await loop.sleep(3_600_000)
      await loop.iteration()
    },
  })
  expect(await kernel(loop).play({ caps: { activeMs: 1_000 } })).toMatchObject({ status: 'done', activeMs: 0 })
})

test('a stop ends calls in flight, keeps their results, and begins no further iteration', async () => {
  const loop = defineLoop({
    name: 'stops',
    run: async (loop) => {
      for (;;) {
        const iteration = await loop.iteration()
        const value = await loop.step(
          'call',
          ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('so far'))),
          { effect: 'agent', reserve: { agentCalls: 1 } },
        )
        loop.report({ iteration, value, stopping: loop.stopping })
      }
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  await k.runs.stop(run.id, 'stopped by Ada')
  expect(await k.settle(driving)).toMatchObject({
    status: 'stopped',
    reason: 'stopped by Ada',
    result: { iteration: 1, value: 'so far', stopping: true },
  })
})

test('the kill switch refuses new runs and every new call', async () => {
  const loop = defineLoop({
    name: 'switched',
    run: async (loop) => {
      await loop.ask('go', {})
      await loop.step('call', () => 1, { effect: 'agent', reserve: { agentCalls: 1 } })
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  await k.store.killSwitch(true)
  await k.runs.answer(run.id, '0/:0', null)
  expect(await k.drive(run.id)).toMatchObject({ status: 'failed', reason: 'the kill switch is on' })
  await expect(k.start()).rejects.toMatchObject({ code: 'killed', hint: expect.stringContaining('--off') })
})

test('a start that is not durable never runs', async () => {
  let performed = 0
  const clock = new FakeClock()
  const store = memoryStore({
    now: () => clock.now(),
    beforeAppend: (_, entries) => {
      if (entries.some(({ event }) => event.kind === 'step_started')) throw new Error('disk full')
    },
  })
  const loop = defineLoop({
    name: 'unstarted',
    run: (loop) => loop.step('work', () => ++performed, { effect: 'exec' }),
  })
  const k = kernel(loop, { store, clock })
  await expect(k.play()).rejects.toThrow('disk full')
  expect(performed).toBe(0)
})

test('a value too large for the journal leaves what people shall see of it', async () => {
  const loop = defineLoop({
    name: 'digest',
    run: (loop) =>
      loop.step('large', () => ({ text: 'hunter2'.repeat(100) }), {
        effect: 'agent',
        digest: ({ text }) => ({ preview: text.slice(0, 7) }),
      }),
  })
  const k = kernel(loop, { limits: { blobChars: 100 }, redact: (text) => text.replaceAll('hunter2', '[gone]') })
  const run = await k.play()
  expect(of(await k.journal(run.id), 'step_settled')).toMatchObject([
    { ref: expect.anything(), detail: { preview: '[gone]' } },
  ])
})

test('a value that is small enough needs no digest', async () => {
  const loop = defineLoop({
    name: 'no digest',
    run: (loop) => loop.step('small', () => 'small', { effect: 'agent', digest: () => ({ preview: 'x' }) }),
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(of(await k.journal(run.id), 'step_settled')[0]).not.toHaveProperty('detail')
})
