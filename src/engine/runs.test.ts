import { expect, test } from 'vitest'
import { deferred, kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { JournalEvent } from '../core/event.ts'
import type { RunRecord } from '../core/ports.ts'
import { defineLoop } from './define.ts'
import type { Ending } from './ending.ts'

const counts = defineLoop({
  name: 'counts',
  parse: (input) => {
    const { until } = input as { until?: unknown }
    if (typeof until !== 'number') throw new LoopwrightError('bad_input', 'until must be a number')
    return { until }
  },
  run: async (loop, { until }) => {
    let sum = 0
    for (let i = 1; i <= until; i++) {
      const iteration = await loop.iteration()
      sum += await loop.step(`add ${i}`, () => iteration)
      await loop.step('checkpoint', () => ({ commit: `commit-${i}`, changedFiles: [] }), { effect: 'checkpoint' })
      loop.report(sum)
    }
    return sum
  },
})
const asks = defineLoop({ name: 'asks', run: (loop) => loop.ask('well', {}) })

test('a run id says when it was made, and the same id again is the same run', async () => {
  const k = kernel(counts)
  const run = await k.start({ spec: { until: 1 } })
  expect(run.id).toMatch(/^20260101-000000-[a-z0-9]{6}$/)
  const again = await k.start({ spec: { until: 5 }, id: run.id })
  expect(again.spec).toEqual({ until: 1 })
  expect(await k.runs.list()).toHaveLength(1)
})

test('a spec the loop refuses makes no run, and neither does a loop nobody registered', async () => {
  const k = kernel([counts, asks])
  await expect(k.start({ spec: {} })).rejects.toMatchObject({ code: 'bad_input' })
  await expect(k.start({ loop: 'other' })).rejects.toMatchObject({
    code: 'not_found',
    hint: 'known loops: counts, asks',
  })
  expect(await k.runs.list()).toEqual([])
})

test('runs are listed newest first, by label, status, project and loop', async () => {
  const k = kernel([counts, asks])
  const one = await k.start({ spec: { until: 1 }, labels: { team: 'a' } })
  const two = await k.start({ loop: 'asks', labels: { team: 'b' }, project: '/other' })
  await k.drive(two.id)
  const ids = async (filter: Parameters<typeof k.runs.list>[0]) => (await k.runs.list(filter)).map(({ id }) => id)
  expect(await ids({})).toEqual([two.id, one.id])
  expect(await ids({ labels: { team: 'a' } })).toEqual([one.id])
  expect(await ids({ status: ['waiting'] })).toEqual([two.id])
  expect(await ids({ project: '/other' })).toEqual([two.id])
  expect(await ids({ loop: 'counts', limit: 1 })).toEqual([one.id])
})

test('what is asked of a run that does not exist is not found', async () => {
  const k = kernel(counts)
  for (const ask of [
    () => k.runs.get('x'),
    () => k.runs.stop('x'),
    () => k.runs.answer('x', '0/:0', 1),
    () => k.runs.kill('x'),
    () => k.runs.fork('x', 1),
    () => k.runs.reopen('x'),
  ])
    await expect(ask()).rejects.toMatchObject({ code: 'not_found' })
})

test('driving a run that is over answers it as it is', async () => {
  const k = kernel(counts)
  const run = await k.play({ spec: { until: 2 } })
  expect(run).toMatchObject({ status: 'done', result: 3 })
  expect(await k.drive(run.id)).toEqual(run)
})

test('watch gives every event once and in order while the run is driven, and ends with it', async () => {
  const k = kernel(counts)
  const run = await k.start({ spec: { until: 3 } })
  const seen: JournalEvent[] = []
  const watching = (async () => {
    for await (const event of k.runs.watch(run.id)) seen.push(event)
  })()
  await k.drive(run.id)
  await k.settle(watching)
  expect(seen).toEqual(await k.journal(run.id))
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, at) => at + 1))
})

test('watch begins where it is told to, and ends when nobody listens any more', async () => {
  const done = kernel(counts)
  const over = await done.play({ spec: { until: 1 } })
  const seqs: number[] = []
  for await (const event of done.runs.watch(over.id, { from: 2 })) seqs.push(event.seq)
  expect(seqs).toEqual((await done.journal(over.id)).map(({ seq }) => seq).slice(1))

  const k = kernel(asks)
  const run = await k.play()
  const listening = new AbortController()
  const more: string[] = []
  const watching = (async () => {
    for await (const event of k.runs.watch(run.id, { signal: listening.signal })) more.push(event.kind)
  })()
  await quiet()
  expect(more).toContain('run_suspended')
  listening.abort()
  await k.settle(watching)
})

test('watch until the end goes on through waiting', async () => {
  const k = kernel(asks)
  const run = await k.play()
  const seen: string[] = []
  const watching = (async () => {
    for await (const event of k.runs.watch(run.id, { untilFinal: true })) seen.push(event.kind)
  })()
  await quiet()
  await k.runs.answer(run.id, '0/:0', 'yes')
  await k.drive(run.id)
  await k.settle(watching)
  expect(seen.at(-1)).toBe('run_finished')
})

test('serve drives what is queued, what becomes due, and what is answered, until it is told to end', async () => {
  const sleeps = defineLoop({
    name: 'sleeps',
    run: async (loop) => {
      await loop.sleep(60_000)
      return 'awake'
    },
  })
  const k = kernel([counts, asks, sleeps], { limits: { lingerMs: 0 } })
  const queued = await k.start({ spec: { until: 1 } })
  const sleeping = await k.start({ loop: 'sleeps' })
  const asking = await k.start({ loop: 'asks' })
  const left = await k.start({ spec: { until: 1 }, labels: { leave: 'yes' } })
  const end = new AbortController()
  const serving = k.runs.serve(end.signal, { filter: (run) => run.labels.leave === undefined })
  const until = async (id: string, status: RunRecord['status']) => {
    for (let i = 0; i < 1_000 && (await k.runs.get(id)).status !== status; i++) {
      k.clock.advance(100)
      await quiet()
    }
    return (await k.runs.get(id)).status
  }
  expect(await until(queued.id, 'done')).toBe('done')
  expect(await until(asking.id, 'waiting')).toBe('waiting')
  await k.runs.answer(asking.id, '0/:0', 'here')
  expect(await until(asking.id, 'done')).toBe('done')
  expect(await until(sleeping.id, 'done')).toBe('done')
  expect((await k.runs.get(left.id)).status).toBe('queued')
  end.abort()
  await serving
})

test('close pauses what this process drives, and another can go on with it', async () => {
  const gate = deferred<void>()
  const loop = defineLoop({
    name: 'long',
    run: (loop) =>
      loop.step(
        'work',
        async ({ attempt }) => {
          if (attempt === 1) await gate.promise
          return 'done'
        },
        { effect: 'exec' },
      ),
  })
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  const closing = k.runs.close()
  await quiet()
  gate.resolve()
  await k.settle(closing)
  expect(await k.settle(driving)).toMatchObject({ status: 'paused', reason: 'interrupted' })
  expect(await k.other().drive(run.id)).toMatchObject({ status: 'done', result: 'done' })
})

test('interrupting a run that waits for a timer pauses it', async () => {
  const loop = defineLoop({ name: 'sleeps', run: (loop) => loop.sleep(60_000) })
  const k = kernel(loop, { limits: { lingerMs: 0 } })
  const run = await k.start()
  const stop = new AbortController()
  const driving = k.runs.drive(run.id, { signal: stop.signal })
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'waiting' })
  stop.abort()
  expect(await k.settle(driving)).toMatchObject({ status: 'paused', reason: 'interrupted' })
})

test('kill ends a run for good, wherever it is driven, and its children with it', async () => {
  const child = defineLoop({ name: 'child', run: (loop) => loop.ask('well', {}) })
  const parent = defineLoop({ name: 'parent', run: (loop) => loop.child('child', {}) })
  const endings: Ending[] = []
  const k = kernel([parent, child], {
    onEnding: async (_, ending) => {
      endings.push(ending)
    },
  })
  const run = await k.start()
  const driving = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  const killing = k.runs.kill(run.id, 'no more')
  await k.settle(killing)
  expect(await k.settle(driving)).toMatchObject({ code: 'killed' })
  const [kid] = await k.runs.list({ parent: run.id })
  for (const id of [run.id, kid?.id ?? ''])
    expect(await k.runs.get(id)).toMatchObject({ status: 'killed', reason: 'no more' })
  expect((await k.kinds(run.id)).at(-1)).toBe('run_killed')
  expect(endings).toContainEqual({ type: 'cancelled', reason: 'no more' })
  await k.settle(k.runs.kill(run.id))
  await expect(k.runs.reopen(run.id)).rejects.toMatchObject({ code: 'conflict' })
  await k.settle(k.runs.close())
})

test('kill ends the process that drives the run elsewhere on this machine', async () => {
  const k = kernel(asks)
  const run = await k.start()
  await k.store.claim(run.id, { ...k.self, id: 'driver-9', pid: 9 }, { leaseUntil: k.clock.now() + 60_000 })
  const ended: number[] = []
  const other = k.other(asks, {
    drivers: {
      self: { id: 'driver-2', host: 'here', pid: 2, started: '2' },
      isAlive: () => true,
      end: async ({ pid }) => {
        ended.push(pid)
      },
    },
  })
  await other.runs.kill(run.id)
  expect(ended).toEqual([9])
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'killed' })
})

test('a fork begins where the iteration began, with its own budget, and leaves the first run as it was', async () => {
  const k = kernel(counts)
  const run = await k.play({ spec: { until: 3 }, labels: { team: 'a' }, scopes: ['all'], caps: { iterations: 9 } })
  const before = await k.journal(run.id)
  const fork = await k.runs.fork(run.id, 3, { caps: { iterations: 5 }, meta: { why: 'try again' } })
  expect(fork).toMatchObject({
    status: 'queued',
    labels: { team: 'a', 'forked-from': run.id },
    meta: { forkedFrom: run.id, base: 'commit-2', basedOn: run.id, why: 'try again' },
    scopes: [`run:${fork.id}`, 'all'],
  })
  expect(await k.drive(fork.id)).toMatchObject({ status: 'done', result: 6 })
  const own = (await k.journal(fork.id)).filter((event) => event.epoch > 0)
  expect(of(own, 'step_settled').map(({ name }) => name)).toEqual(['add 3', 'checkpoint'])
  expect(await k.store.spend(`run:${fork.id}`)).toMatchObject({ spent: { iterations: 1 } })
  expect(await k.journal(run.id)).toEqual(before)
})

test('a fork at an iteration that never was says which there are', async () => {
  const k = kernel(counts)
  const run = await k.play({ spec: { until: 2 } })
  await expect(k.runs.fork(run.id, 7)).rejects.toMatchObject({ code: 'bad_input', hint: '--at takes 1 to 2' })
  const never = await k.start({ spec: { until: 1 } })
  await expect(k.runs.fork(never.id, 1)).rejects.toMatchObject({ hint: 'it never began one' })
})

test('onEnding hears how each activation ended, and the row as it is then', async () => {
  const heard: string[] = []
  const k = kernel(asks, {
    onEnding: async (run, ending) => {
      heard.push(`${run.status} ${ending.type}`)
    },
  })
  const run = await k.play()
  await k.runs.answer(run.id, '0/:0', 1)
  await k.drive(run.id)
  expect(heard).toEqual(['waiting suspended', 'done finished'])
})

test('an iteration number is known to the loop everywhere', async () => {
  const loop = defineLoop({
    name: 'numbers',
    run: async (loop) => {
      const before = loop.iterationNumber
      await loop.iteration()
      const [inside] = await loop.parallel([0], async (branch) => branch.iterationNumber)
      return [before, loop.iterationNumber, inside]
    },
  })
  expect(await kernel(loop).play()).toMatchObject({ result: [0, 1, 1] })
})
