import { expect, test } from 'vitest'
import { deferred, kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { isLoopwrightError, LoopwrightError } from '../core/errors.ts'
import { defineLoop } from './define.ts'

test('a step is performed once: a resumed run gets the recorded result', async () => {
  let performed = 0
  const loop = defineLoop({
    name: 'once',
    run: async (loop) => {
      const first = await loop.step('first', () => ++performed)
      const answer = await loop.ask<string>('go on', { questions: ['go on?'] })
      return [first, answer]
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'waiting', reason: 'input' })
  const [ask] = of(await k.journal(run.id), 'ask_opened')
  await k.runs.answer(run.id, ask?.ask ?? '', 'yes')
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: [1, 'yes'] })
  expect(performed).toBe(1)
})

test('a step answers what the journal holds, the first time too: redacted, and as JSON makes it', async () => {
  const seen: unknown[] = []
  const loop = defineLoop({
    name: 'values',
    run: async (loop) => {
      seen.push(await loop.step('date', () => ({ at: new Date(0), gone: undefined, list: [undefined, Number.NaN] })))
      seen.push(await loop.step('secret', () => 'the key is hunter2'))
      seen.push(await loop.step('nothing', () => undefined))
      await loop.ask('more', {})
    },
  })
  const k = kernel(loop, { redact: (text) => text.replaceAll('hunter2', '[redacted]') })
  const run = await k.play()
  const first = [...seen]
  expect(first).toEqual([{ at: '1970-01-01T00:00:00.000Z', list: [null, null] }, 'the key is [redacted]', undefined])
  seen.length = 0
  await k.runs.answer(run.id, '0/:3', null)
  await k.drive(run.id)
  expect(seen).toEqual(first)
  expect(JSON.stringify(await k.journal(run.id))).not.toContain('hunter2')
})

test('a thrown error is recorded, and thrown again on resume with its code and without the secret', async () => {
  const seen: unknown[] = []
  let performed = 0
  const loop = defineLoop({
    name: 'errors',
    run: async (loop) => {
      for (const error of [new Error('no hunter2'), new LoopwrightError('not_found', 'no file', { hint: 'look' })]) {
        try {
          await loop.step('fails', () => {
            performed++
            throw error
          })
        } catch (caught) {
          if (isLoopwrightError(caught)) seen.push([caught.code, caught.message, caught.hint])
        }
      }
      await loop.ask('more', {})
    },
  })
  const k = kernel(loop, { redact: (text) => text.replaceAll('hunter2', '[redacted]') })
  const run = await k.play()
  const once = [
    ['step_failed', 'no [redacted]', undefined],
    ['not_found', 'no file', 'look'],
  ]
  expect(seen).toEqual(once)
  await k.runs.answer(run.id, '0/:2', null)
  await k.drive(run.id)
  expect(seen).toEqual([...once, ...once])
  expect(performed).toBe(2)
})

test('a value too large for the journal is kept in a file, and read from there on resume', async () => {
  const seen: string[] = []
  const loop = defineLoop({
    name: 'large',
    run: async (loop) => {
      seen.push(await loop.step('large', () => 'x'.repeat(500)))
      await loop.ask('more', {})
    },
  })
  const k = kernel(loop, { limits: { blobChars: 100 } })
  const run = await k.play()
  const [settled] = of(await k.journal(run.id), 'step_settled')
  expect(settled).toMatchObject({ ref: { bytes: 502 } })
  expect(settled).not.toHaveProperty('value')
  await k.runs.answer(run.id, '0/:1', null)
  await k.drive(run.id)
  expect(seen).toEqual(['x'.repeat(500), 'x'.repeat(500)])
})

test('two steps at once in one branch are refused with a hint that names the way', async () => {
  const loop = defineLoop({
    name: 'overlap',
    run: async (loop) => {
      const first = loop.step('first', () => 1)
      const second = loop.step('second', () => 2)
      await Promise.all([first, second])
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run.status).toBe('failed')
  const [failed] = of(await k.journal(run.id), 'run_failed')
  expect(failed?.error).toMatchObject({ code: 'overlapping_steps', hint: expect.stringContaining('parallel') })
  expect(failed?.error.message).toContain("'second' was asked for while 'first' is under way")
})

test('a branch that parallel handed out is no good after its function has ended', async () => {
  const loop = defineLoop({
    name: 'leak',
    run: async (loop) => {
      const [leaked] = await loop.parallel([1], async (branch) => branch)
      await leaked?.step('late', () => 1)
    },
  })
  const run = await kernel(loop).play()
  expect(run).toMatchObject({ status: 'failed', reason: expect.stringContaining('a branch that has ended') })
})

test('a loop that asks for another step than its journal holds is told both names', async () => {
  const make = (name: string) =>
    defineLoop({
      name: 'evolves',
      run: async (loop) => {
        await loop.step(name, () => 1)
        await loop.ask('more', {})
      },
    })
  const k = kernel(make('old name'))
  const run = await k.play()
  const changed = k.other(make('new name'))
  await k.runs.answer(run.id, '0/:1', null)
  expect(await changed.drive(run.id)).toMatchObject({ status: 'failed' })
  const [error] = of(await k.journal(run.id), 'run_error')
  expect(error?.error).toMatchObject({
    code: 'loop_diverged',
    message: "the loop asked for step 'new name' where the journal holds 'old name' (0/:0)",
    hint: expect.stringContaining('loop.changed'),
  })
  // The code it began with still resumes it.
  const back = k.other(make('old name'), { drivers: { self: k.self, isAlive: () => true, end: async () => {} } })
  expect(await back.drive(run.id)).toMatchObject({ status: 'done' })
})

test('the same step with other input is a divergence too', async () => {
  const make = (input: string) =>
    defineLoop({
      name: 'input',
      run: async (loop) => {
        await loop.step('read', () => 1, { input })
        await loop.ask('more', {})
      },
    })
  const k = kernel(make('one'))
  const run = await k.play()
  await k.runs.answer(run.id, '0/:1', null)
  const now = await k.other(make('two')).drive(run.id)
  expect(now).toMatchObject({ status: 'failed', reason: expect.stringContaining('with other input') })
})

test('a loop that ends before all that its journal holds has diverged', async () => {
  const make = (steps: number) =>
    defineLoop({
      name: 'shorter',
      run: async (loop) => {
        for (let i = 0; i < steps; i++) await loop.step(`step ${i}`, () => i)
        if (steps > 1) await loop.ask('more', {})
      },
    })
  const k = kernel(make(3))
  const run = await k.play()
  await k.runs.answer(run.id, '0/:3', null)
  const now = await k.other(make(1)).drive(run.id)
  expect(now).toMatchObject({
    status: 'failed',
    reason: "the journal holds step 'step 1' (0/:1), but the loop ended without asking for it",
  })
})

test('a loop that does not come to a recorded step has diverged', async () => {
  const make = (wait: boolean) =>
    defineLoop({
      name: 'never',
      run: async (loop) => {
        if (wait) await loop.parallel([1], (branch) => branch.sleep(60_000))
        await loop.step('reached', () => 1)
        await loop.ask('more', {})
      },
    })
  const k = kernel(make(false))
  const run = await k.play()
  await k.runs.answer(run.id, '0/:1', null)
  const now = await k.other(make(true)).drive(run.id)
  expect(now).toMatchObject({
    status: 'failed',
    reason: expect.stringContaining("step 'reached' (0/:0), but the loop does not ask for it"),
  })
})

test('a wait for something that is not the context is named, with the step before it', async () => {
  const loop = defineLoop({
    name: 'foreign',
    run: async (loop) => {
      await loop.step('the last one', () => 1)
      await new Promise(() => {})
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  const [error] = of(await k.journal(run.id), 'run_error')
  expect(error?.error).toMatchObject({
    code: 'foreign_await',
    message: "the loop waits for something that is not its context after 'the last one' (0/:0)",
  })
})

test('parallel results keep the order of the items, whatever ends first; a pool runs so many at once', async () => {
  const gates = new Map([1, 2, 3].map((item) => [item, deferred<void>()]))
  const begun: number[] = []
  const loop = defineLoop({
    name: 'pool',
    run: async (loop) =>
      loop.parallel(
        [1, 2, 3],
        (branch, item) =>
          branch.step(`item ${item}`, async () => {
            begun.push(item)
            await gates.get(item)?.promise
            return item * 10
          }),
        { concurrency: 2 },
      ),
  })
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  expect(begun).toEqual([1, 2])
  gates.get(2)?.resolve()
  await quiet()
  expect(begun).toEqual([1, 2, 3])
  gates.get(3)?.resolve()
  await quiet()
  gates.get(1)?.resolve()
  expect(await k.settle(driving)).toMatchObject({ status: 'done', result: [10, 20, 30] })
})

test('parallel over nothing is nothing', async () => {
  const loop = defineLoop({ name: 'none', run: (loop) => loop.parallel([], async () => 1) })
  expect(await kernel(loop).play()).toMatchObject({ status: 'done', result: [] })
})

test('recorded results are delivered in the order of the journal, so that shared state replays as it ran', async () => {
  const gates = [deferred<void>(), deferred<void>(), deferred<void>()]
  const orders: string[] = []
  const loop = defineLoop({
    name: 'shared',
    run: async (loop) => {
      let order = ''
      await loop.parallel(gates, async (branch, gate, at) => {
        await branch.step(`wait ${at}`, () => gate.promise)
        order += at
      })
      orders.push(order)
      await loop.ask('more', {})
      return order
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  for (const at of [2, 0, 1]) {
    await quiet()
    gates[at]?.resolve()
  }
  await k.settle(driving)
  await k.runs.answer(run.id, '0/:1', null)
  await k.drive(run.id)
  expect(orders).toEqual(['201', '201'])
})

test('when one of several fails, the others are told to end, and the first error is thrown', async () => {
  const ended: string[] = []
  const loop = defineLoop({
    name: 'fail together',
    run: async (loop) =>
      loop.parallel(['bad', 'slow'], (branch, name) =>
        branch.step(name, ({ signal }) => {
          if (name === 'bad') throw new Error('broken')
          return new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              ended.push(`${name} ${signal.reason}`)
              resolve('late')
            })
          })
        }),
      ),
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'failed', reason: 'broken' })
  expect(ended).toEqual(['slow cancel'])
  expect(of(await k.journal(run.id), 'step_aborted')).toMatchObject([{ name: 'slow', reason: 'cancel' }])
})

test('the first of a race decides; the others are ended, and the same wins on resume', async () => {
  const winners: string[] = []
  const loop = defineLoop({
    name: 'race',
    run: async (loop) => {
      const winner = await loop.race([
        async (branch) => {
          await branch.sleep(60_000)
          return 'slow'
        },
        (branch) => branch.step('fast', () => 'fast'),
      ])
      winners.push(winner)
      await loop.ask('more', {})
      return winner
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  await k.runs.answer(run.id, '0/:1', null)
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 'fast' })
  expect(winners).toEqual(['fast', 'fast'])
})

test('a race that is lost by throwing throws', async () => {
  const loop = defineLoop({
    name: 'lost',
    run: (loop) =>
      loop.race([
        async (branch) => {
          await branch.step('break', () => {
            throw new Error('broke first')
          })
        },
        (branch) => branch.sleep(1_000),
      ]),
  })
  expect(await kernel(loop).play()).toMatchObject({ status: 'failed', reason: 'broke first' })
})

test('time and chance are recorded', async () => {
  const seen: unknown[] = []
  const loop = defineLoop({
    name: 'facts',
    run: async (loop) => {
      seen.push([await loop.now(), await loop.random(), await loop.elapsed()])
      await loop.ask('more', {})
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  k.clock.advance(5_000)
  await k.runs.answer(run.id, '0/:3', null)
  await k.drive(run.id)
  expect(seen).toHaveLength(2)
  expect(seen[1]).toEqual(seen[0])
})

test('an at-most-once step that was in flight when its driver died is not done again', async () => {
  let performed = 0
  const seen: string[] = []
  const loop = defineLoop({
    name: 'charge',
    run: async (loop) => {
      try {
        await loop.step(
          'charge the card',
          () => {
            performed++
            return new Promise<never>(() => {})
          },
          { once: true },
        )
      } catch (error) {
        seen.push(isLoopwrightError(error) ? error.code : 'other')
      }
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  void k.runs.drive(run.id).catch(() => {})
  await quiet()
  expect(performed).toBe(1)
  expect(await k.other().drive(run.id)).toMatchObject({ status: 'done' })
  expect(seen).toEqual(['step_unknown'])
  expect(performed).toBe(1)
})

test('a step in flight when its driver died is tried again, and told that it is', async () => {
  const attempts: number[] = []
  const gate = deferred<void>()
  const loop = defineLoop({
    name: 'again',
    run: (loop) =>
      loop.step(
        'work',
        async ({ attempt }) => {
          attempts.push(attempt)
          if (attempt === 1) await gate.promise
          return attempt
        },
        { effect: 'exec' },
      ),
  })
  const k = kernel(loop)
  const run = await k.start()
  const lost = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  expect(await k.other().drive(run.id)).toMatchObject({ status: 'done', result: 2 })
  expect(attempts).toEqual([1, 2])
  gate.resolve()
  expect(isLoopwrightError(await k.settle(lost), 'fenced')).toBe(true)
  expect(of(await k.journal(run.id), 'step_settled')).toHaveLength(1)
})
