import { expect, test } from 'vitest'
import { deferred, kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { isLoopwrightError } from '../core/errors.ts'
import type { LoopContext } from './context.ts'
import { defineLoop } from './define.ts'

const asks = defineLoop({
  name: 'asks',
  run: async (loop) => {
    const before = await loop.step('before', () => 'kept')
    const answer = await loop.ask<string>('which', { questions: ['which one?'] })
    return [before, answer]
  },
})

// ── waiting ──────────────────────────────────────────────────────────────────

test('a run that waits for a person is given up: no driver, no lease, and it says what it asks', async () => {
  const k = kernel(asks)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'waiting', reason: 'input' })
  expect(run).not.toHaveProperty('driver')
  expect(run).not.toHaveProperty('leaseUntil')
  expect(of(await k.journal(run.id), 'ask_opened')).toMatchObject([
    { name: 'which', request: { questions: ['which one?'] } },
  ])
  expect(of(await k.journal(run.id), 'run_suspended')).toMatchObject([{ reason: 'input', asks: ['0/:1'] }])
  expect(k.clock.next).toBeUndefined()
})

test('an answer wakes the run; the first answer counts, and an answer to something else is no answer', async () => {
  const k = kernel(asks)
  const run = await k.play()
  await k.runs.answer(run.id, '0/:9', 'to nobody')
  expect(await k.drive(run.id)).toMatchObject({ status: 'waiting' })
  await k.runs.answer(run.id, '0/:1', 'this')
  await k.runs.answer(run.id, '0/:1', 'that')
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: ['kept', 'this'] })
})

test('a short wait stays in memory, and an answer within it costs no new activation', async () => {
  const k = kernel(asks, { limits: { lingerMs: 10_000 } })
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'running' })
  await k.runs.answer(run.id, '0/:1', 'soon')
  expect(await k.settle(driving)).toMatchObject({ status: 'done' })
  expect(await k.kinds(run.id)).not.toContain('run_claimed')
})

test('a sleep keeps its time across restarts', async () => {
  const loop = defineLoop({
    name: 'sleeps',
    run: async (loop) => {
      await loop.sleep(60_000)
      return await loop.now()
    },
  })
  const k = kernel(loop)
  const begun = k.clock.now()
  const run = await k.start()
  const first = k.runs.drive(run.id, { signal: AbortSignal.abort() })
  expect(await k.settle(first)).toMatchObject({ status: 'queued' })
  const driving = k.runs.drive(run.id)
  await quiet()
  k.clock.advance(250)
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'waiting', reason: 'timer', wakeAt: begun + 60_000 })
  expect(await k.settle(driving)).toMatchObject({ status: 'done', result: begun + 60_000 })
  expect(of(await k.journal(run.id), 'timer_set')).toHaveLength(1)
})

test('a message sent before anyone asks is kept; one asked for wakes the run', async () => {
  const loop = defineLoop({
    name: 'mail',
    run: async (loop) => [await loop.receive('a'), await loop.receive('b'), await loop.receive('a')],
  })
  const k = kernel(loop)
  const run = await k.start()
  await k.runs.send(run.id, 'b', 'early b')
  await k.runs.send(run.id, 'a', 'first a')
  const driving = k.runs.drive(run.id)
  await quiet()
  k.clock.advance(250)
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'waiting', reason: 'message' })
  await k.runs.send(run.id, 'a', 'second a')
  expect(await k.settle(driving)).toMatchObject({ status: 'done', result: ['first a', 'early b', 'second a'] })
})

test('the same message posted twice arrives once', async () => {
  const loop = defineLoop({
    name: 'twice',
    run: async (loop) => {
      const first = await loop.receive('a')
      return [first, await loop.ask('another', {})]
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  await k.runs.send(run.id, 'a', 1, 'same')
  await k.runs.send(run.id, 'a', 1, 'same')
  expect(await k.drive(run.id)).toMatchObject({ status: 'waiting', reason: 'input' })
  expect(of(await k.journal(run.id), 'signal_received')).toHaveLength(1)
})

test('a run whose branches wait for different things says the one people should hear of', async () => {
  const loop = defineLoop({
    name: 'both',
    run: (loop) =>
      loop.parallel([0, 1], async (branch, at): Promise<unknown> => {
        if (at === 0) return await branch.sleep(3_600_000)
        return await branch.ask('well', {})
      }),
  })
  const k = kernel(loop)
  expect(await k.play()).toMatchObject({ status: 'waiting', reason: 'input', wakeAt: k.clock.now() - 250 + 3_600_000 })
})

// ── pause, interrupt, revoke ─────────────────────────────────────────────────

/** A loop with one step that ends when the test says so, or when it is told to. */
function worker() {
  const gate = deferred<string>()
  const signals: unknown[] = []
  let context: LoopContext | undefined
  let calls = 0
  const loop = defineLoop({
    name: 'worker',
    run: async (loop) => {
      context = loop
      const done = await loop.step(
        'work',
        ({ signal, attempt }) => {
          calls++
          signal.addEventListener('abort', () => signals.push(signal.reason))
          return attempt > 1 ? 'again' : gate.promise
        },
        { effect: 'exec' },
      )
      return [done, await loop.step('after', () => 'after')]
    },
  })
  return { loop, gate, signals, calls: () => calls, context: () => context }
}

test('a pause lets what is in flight finish, and begins nothing new', async () => {
  const { loop, gate, signals } = worker()
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  await k.runs.pause(run.id, 'for lunch')
  await quiet()
  gate.resolve('finished')
  expect(await k.settle(driving)).toMatchObject({ status: 'paused', reason: 'for lunch' })
  expect(signals).toEqual([])
  expect(of(await k.journal(run.id), 'step_settled').map((event) => event.name)).toEqual(['work'])
  await k.runs.reopen(run.id)
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: ['finished', 'after'] })
})

test('an interrupt ends what is in flight unrecorded; the resumed run does it again', async () => {
  const { loop, gate, signals } = worker()
  const k = kernel(loop)
  const run = await k.start()
  const stop = new AbortController()
  const driving = k.runs.drive(run.id, { signal: stop.signal })
  await quiet()
  stop.abort()
  await quiet()
  gate.resolve('too late')
  expect(await k.settle(driving)).toMatchObject({ status: 'paused', reason: 'interrupted' })
  expect(signals).toEqual(['release'])
  expect(of(await k.journal(run.id), 'step_settled')).toEqual([])
  expect(of(await k.journal(run.id), 'step_aborted')).toMatchObject([{ name: 'work', attempt: 1 }])
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: ['again', 'after'] })
})

test('an interrupt does not wait for ever for something that does not end', async () => {
  const { loop } = worker()
  const k = kernel(loop, { limits: { graceMs: 5_000 } })
  const run = await k.start()
  const stop = new AbortController()
  const driving = k.runs.drive(run.id, { signal: stop.signal })
  await quiet()
  stop.abort()
  expect(await k.settle(driving)).toMatchObject({ status: 'paused' })
})

test('a run that was taken away records no late result, and its context refuses every later call', async () => {
  const { loop, gate, signals, context } = worker()
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  const other = k.other()
  await k.store.claim(run.id, { ...k.self, id: 'driver-2' }, { leaseUntil: k.clock.now() + 60_000, force: true })
  k.clock.advance(10_000) // the next renewal is refused
  expect(isLoopwrightError(await k.settle(driving), 'fenced')).toBe(true)
  expect(signals).toEqual(['release'])
  gate.resolve('late')
  await quiet()
  expect(of(await k.journal(run.id), 'step_settled')).toEqual([])
  expect(() => context()?.step('more', () => 1)).toThrow(expect.objectContaining({ code: 'revoked' }))
  expect(() => context()?.emit('more')).toThrow(expect.objectContaining({ code: 'revoked' }))
  expect(await other.drive(run.id)).toMatchObject({ status: 'done', result: ['again', 'after'] })
})

test('a store that fails ends the activation; nothing is acknowledged that is not durable', async () => {
  let broken = false
  const { loop, gate } = worker()
  const k = kernel(loop)
  const append = k.store.append
  k.store.append = async (...args) => {
    if (broken) throw new Error('the disk is gone')
    return await append(...args)
  }
  const run = await k.start()
  const driving = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  broken = true
  gate.resolve('lost')
  expect(await k.settle(driving)).toMatchObject({ message: 'the disk is gone' })
  broken = false
  expect(await k.other().drive(run.id)).toMatchObject({ status: 'done', result: ['again', 'after'] })
})

// ── cancellation ─────────────────────────────────────────────────────────────

test('a cancelled run ends its steps, runs its final steps, and is over', async () => {
  const log: string[] = []
  const loop = defineLoop({
    name: 'cleans up',
    run: async (loop) => {
      try {
        await loop.step('long', ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)))
      } catch (error) {
        log.push(isLoopwrightError(error) ? `${error.code}: ${error.message}` : 'other')
        try {
          await loop.step('ordinary', () => log.push('never'))
        } catch {
          log.push('refused')
        }
      } finally {
        await loop.step('tidy', () => log.push('tidied'), { final: true })
      }
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  await k.runs.cancel(run.id, 'not wanted')
  expect(await k.settle(driving)).toMatchObject({ status: 'cancelled', reason: 'not wanted' })
  expect(log).toEqual(['cancelled: cancelled: not wanted', 'refused', 'tidied'])
  expect(of(await k.journal(run.id), 'step_aborted')).toMatchObject([{ name: 'long', reason: 'cancel' }])
  await expect(k.runs.reopen(run.id)).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining('fork') })
})

test('final steps have a grace, and are ended after it', async () => {
  const reasons: unknown[] = []
  const loop = defineLoop({
    name: 'slow to tidy',
    run: async (loop) => {
      try {
        await loop.ask('wait', {})
      } finally {
        await loop.step(
          'tidy',
          ({ signal }) =>
            new Promise((resolve) => {
              signal.addEventListener('abort', () => {
                reasons.push(signal.reason)
                resolve(null)
              })
            }),
          { final: true },
        )
      }
    },
  })
  const k = kernel(loop, { limits: { graceMs: 2_000 } })
  const run = await k.play()
  const at = k.clock.now()
  await k.runs.cancel(run.id)
  expect(await k.drive(run.id)).toMatchObject({ status: 'cancelled' })
  expect(reasons).toEqual(['cancel'])
  expect(k.clock.now() - at).toBeGreaterThanOrEqual(2_000)
})

test('a run that only waits is cancelled without anyone driving it', async () => {
  const k = kernel(asks)
  const run = await k.play()
  await k.runs.cancel(run.id)
  await quiet()
  await k.settle(k.runs.close())
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'cancelled', reason: 'cancelled' })
})

// ── children ─────────────────────────────────────────────────────────────────

const child = defineLoop({
  name: 'child',
  run: async (loop, spec: { word: string; turns?: number }) => {
    for (let i = 0; i < (spec.turns ?? 1); i++) await loop.iteration()
    if (spec.word === 'wait') await loop.ask('well', {})
    return `child says ${spec.word}`
  },
})

const parent = defineLoop({
  name: 'parent',
  run: async (loop, spec: { word: string; turns?: number; caps?: { iterations: number } }) => {
    const { caps, ...rest } = spec
    return await loop.child('child', rest, caps ? { caps } : {})
  },
})

test('a child is a run of its own, started once however often its parent is resumed', async () => {
  const k = kernel([parent, child])
  const run = await k.start({ spec: { word: 'hello' } })
  const done = await k.drive(run.id)
  const [kid] = await k.runs.list({ parent: run.id })
  expect(done).toMatchObject({
    status: 'done',
    result: { run: kid?.id, status: 'done', reason: 'done', value: 'child says hello' },
  })
  expect(kid).toMatchObject({ loop: 'child', parent: { run: run.id, key: '0/:0' }, project: '/project' })
  expect(kid?.id.startsWith(`${run.id}-`)).toBe(true)
  expect(await k.runs.list({ parent: run.id })).toHaveLength(1)
})

test('a driver that dies after the child began finds the same child', async () => {
  const k = kernel([parent, child])
  const run = await k.start({ spec: { word: 'wait' } })
  void k.runs.drive(run.id).catch(() => {})
  await quiet()
  const other = k.other()
  const driving = other.runs.drive(run.id)
  await quiet()
  const kids = await k.runs.list({ parent: run.id })
  expect(kids).toHaveLength(1)
  await k.runs.answer(kids[0]?.id ?? '', '0/:1', 'well')
  expect(await other.settle(driving)).toMatchObject({ status: 'done', result: { value: 'child says wait' } })
})

test('a child spends from its parent too, and a child that was stopped is told to its parent', async () => {
  const k = kernel([parent, child])
  const run = await k.play({ spec: { word: 'x', turns: 5, caps: { iterations: 2 } } })
  expect(run).toMatchObject({
    status: 'done',
    result: { status: 'stopped', reason: 'max_iterations (2) reached' },
  })
  expect(await k.store.spend(`run:${run.id}`)).toMatchObject({ spent: { iterations: 2 } })

  const bounded = await k.play({ spec: { word: 'x', turns: 5 }, caps: { iterations: 3 } })
  expect(bounded).toMatchObject({ status: 'done', result: { status: 'stopped', reason: 'max_iterations (3) reached' } })
})

test('cancelling a parent cancels its child', async () => {
  const k = kernel([parent, child])
  const run = await k.start({ spec: { word: 'wait' } })
  const driving = k.runs.drive(run.id)
  await quiet()
  const [kid] = await k.runs.list({ parent: run.id })
  await k.runs.cancel(run.id, 'enough')
  expect(await k.settle(driving)).toMatchObject({ status: 'cancelled', reason: 'enough' })
  await k.settle(k.runs.close())
  expect(await k.runs.get(kid?.id ?? '')).toMatchObject({ status: 'cancelled', reason: 'enough' })
})

test('a child of a loop nobody registered is an error of its step', async () => {
  const k = kernel([parent])
  expect(await k.play({ spec: { word: 'x' } })).toMatchObject({
    status: 'failed',
    reason: "no loop named 'child' is registered",
  })
})

// ── segments, changes, what people see ───────────────────────────────────────

test('continueAs begins a fresh segment with a state, and replay starts there', async () => {
  let performed = 0
  const loop = defineLoop({
    name: 'chapters',
    run: async (loop) => {
      const { chapter } = (loop.state ?? { chapter: 1 }) as { chapter: number }
      await loop.step(`write ${chapter}`, () => ++performed)
      if (chapter < 3) return loop.continueAs({ chapter: chapter + 1 })
      await loop.ask('publish', {})
      return chapter
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  const journal = await k.journal(run.id)
  expect(of(journal, 'continued').map(({ segment, state }) => [segment, state])).toEqual([
    [1, { chapter: 2 }],
    [2, { chapter: 3 }],
  ])
  expect(run.segmentSeq).toBe(of(journal, 'continued').at(-1)?.seq)
  await k.runs.answer(run.id, '2/:1', null)
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 3 })
  expect(performed).toBe(3)
})

test('a message that waits in the mailbox goes along into the next segment', async () => {
  const loop = defineLoop({
    name: 'mail in segments',
    run: async (loop) => {
      if (loop.state === undefined) {
        await loop.receive('first')
        return loop.continueAs({})
      }
      return await loop.receive('second')
    },
  })
  const k = kernel(loop)
  const run = await k.start()
  await k.runs.send(run.id, 'second', 'kept')
  await k.runs.send(run.id, 'first', 'now')
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 'kept' })
})

test('a change guarded by an id runs in new runs, and not in one that had come further', async () => {
  const make = (changed: boolean) =>
    defineLoop({
      name: 'evolving',
      version: changed ? '2' : '1',
      run: async (loop) => {
        if (changed && loop.changed('warm up')) await loop.step('warm up', () => 1)
        await loop.step('work', () => 2)
        await loop.ask('more', {})
        return changed && loop.changed('polish') ? await loop.step('polish', () => 'polished') : 'rough'
      },
    })
  const old = kernel(make(false))
  const run = await old.play()
  const now = old.other(make(true))
  await old.runs.answer(run.id, '0/:1', null)
  const end = await now.drive(run.id)
  expect(end).toMatchObject({ status: 'done', result: 'polished' })
  expect(of(await old.journal(run.id), 'changed').map((event) => event.id)).toEqual(['polish'])

  const fresh = await now.play()
  expect(of(await now.journal(fresh.id), 'step_settled').map((event) => event.name)).toEqual(['warm up', 'work'])
})

test('what a loop tells people is written once, before the step that follows it', async () => {
  const loop = defineLoop({
    name: 'talks',
    run: async (loop) => {
      loop.emit('hello', { at: 1, secret: 'hunter2' })
      await loop.step('work', () => 1)
      await loop.ask('more', {})
      loop.emit('bye')
    },
  })
  const k = kernel(loop, { redact: (text) => text.replaceAll('hunter2', '[redacted]') })
  const run = await k.play()
  await k.runs.answer(run.id, '0/:1', null)
  await k.drive(run.id)
  const journal = await k.journal(run.id)
  const told = of(journal, 'emitted')
  expect(told.map(({ name, data }) => [name, data])).toEqual([
    ['hello', { at: 1, secret: '[redacted]' }],
    ['bye', {}],
  ])
  expect(told[0]?.seq).toBeLessThan(of(journal, 'step_settled')[0]?.seq ?? 0)
})

test('what was reported is the result of a run that a guard stops; what was returned, of one that is over', async () => {
  const loop = defineLoop({
    name: 'reports',
    run: async (loop, spec: { until: number }) => {
      for (let i = 1; i <= spec.until; i++) {
        await loop.iteration()
        loop.report({ so: 'far', i })
      }
    },
  })
  const k = kernel(loop)
  const run = await k.play({ spec: { until: 3 }, caps: { iterations: 2 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_iterations (2) reached', result: { so: 'far', i: 2 } })
  await k.runs.reopen(run.id, { iterations: 5 })
  const done = await k.drive(run.id)
  expect(done.status).toBe('done')
  // It returned nothing: what it had reported on the way is not what it came to.
  expect(done.result ?? undefined).toBeUndefined()
})

test('a loop that throws fails; resumed, it goes on from where it was', async () => {
  let broken = true
  const loop = defineLoop({
    name: 'mended',
    run: async (loop) => {
      await loop.step('first', () => 1)
      if (broken) throw new TypeError('a slip')
      return await loop.step('second', () => 2)
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'failed', reason: 'a slip' })
  expect(of(await k.journal(run.id), 'run_failed')[0]?.error).toMatchObject({ code: 'step_failed' })
  broken = false
  await k.runs.reopen(run.id)
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 2 })
})

test('a place that refuses the work fails the run, not the step: a resume tries it again', async () => {
  let missing = true
  const { LoopwrightError } = await import('../core/errors.ts')
  const loop = defineLoop({
    name: 'placed',
    run: (loop) =>
      loop.step('use git', () => {
        if (missing) throw new LoopwrightError('missing_tool', 'git is not installed')
        return 'used'
      }),
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'failed', reason: 'git is not installed' })
  expect(of(await k.journal(run.id), 'step_settled')).toEqual([])
  missing = false
  expect(await k.drive(run.id)).toMatchObject({ status: 'done', result: 'used' })
})

test('what a loop leaves behind is told to end, and the run is over when it has', async () => {
  const ended: unknown[] = []
  const loop = defineLoop({
    name: 'leaves',
    run: async (loop) => {
      await loop.step('first', () => 1)
      void loop.step('left behind', ({ signal }) => {
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            ended.push(signal.reason)
            resolve(null)
          })
        })
      })
      return 'gone'
    },
  })
  const k = kernel(loop)
  const run = await k.play()
  expect(run).toMatchObject({ status: 'done', result: 'gone' })
  expect(ended).toEqual(['cancel'])
  expect((await k.kinds(run.id)).slice(-2)).toEqual(['step_aborted', 'run_finished'])
})

test('elapsed counts from the last time somebody set the run off, and through waits it chose itself', async () => {
  const seen: number[] = []
  const loop = defineLoop({
    name: 'elapses',
    run: async (loop) => {
      await loop.sleep(60_000)
      seen.push(await loop.elapsed())
      await loop.ask('more', {})
      seen.push(await loop.elapsed())
      await loop.sleep(5_000)
      seen.push(await loop.elapsed())
      await loop.iteration()
      seen.push(await loop.elapsed())
    },
  })
  const k = kernel(loop, { limits: { lingerMs: 0 } })
  const run = await k.play({ caps: { iterations: 0 } })
  expect(seen.splice(0)).toEqual([60_000])
  k.clock.advance(3_600_000)
  await k.runs.answer(run.id, '0/:2', null)
  expect(await k.drive(run.id)).toMatchObject({ status: 'stopped' })
  expect([...new Set(seen.splice(0))]).toEqual([60_000, 0, 5_000])
  k.clock.advance(3_600_000)
  await k.runs.reopen(run.id, { iterations: 1 })
  expect(await k.drive(run.id)).toMatchObject({ status: 'done' })
  expect(seen.at(-1)).toBe(0)
})
