import { expect, test } from 'vitest'
import { deferred, kernel, of, quiet } from '../../test/fixtures/kernel.ts'
import { isLoopwrightError } from '../core/errors.ts'
import type { DriverId } from '../core/ports.ts'
import { defineLoop } from './define.ts'

function working() {
  const gate = deferred<string>()
  const performed: number[] = []
  const loop = defineLoop({
    name: 'works',
    run: (loop) =>
      loop.step(
        'work',
        ({ attempt }) => {
          performed.push(attempt)
          return attempt === 1 ? gate.promise : 'by the second'
        },
        { effect: 'exec' },
      ),
  })
  return { loop, gate, performed }
}

const second = (change: { alive: boolean; ended?: DriverId[]; host?: string }) => ({
  drivers: {
    self: { id: 'driver-2', host: change.host ?? 'here', pid: 2, started: '2' },
    isAlive: () => change.alive,
    end: async (driver: DriverId) => {
      change.ended?.push(driver)
    },
  },
})

test('a run that a live driver holds is not taken from it; the refusal names the process', async () => {
  const { loop, gate } = working()
  const k = kernel(loop)
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  const other = k.other(loop, second({ alive: true }))
  await expect(other.runs.drive(run.id)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('process 1'),
    hint: expect.stringContaining('loopwright pause'),
  })
  gate.resolve('by the first')
  expect(await k.settle(driving)).toMatchObject({ status: 'done', result: 'by the first' })
})

test('a driver that is dead is replaced at once, after what it started was ended', async () => {
  const { loop, performed } = working()
  const k = kernel(loop)
  const run = await k.start()
  void k.runs.drive(run.id).catch(() => {})
  await quiet()
  const ended: DriverId[] = []
  const other = k.other(loop, second({ alive: false, ended }))
  expect(other.runs.interrupted(await k.runs.get(run.id))).toBe(true)
  expect(await other.drive(run.id)).toMatchObject({ status: 'done', result: 'by the second' })
  expect(ended).toEqual([k.self])
  expect(performed).toEqual([1, 2])
})

test('a driver that renews keeps its run however long a step takes', async () => {
  const { loop, gate } = working()
  const k = kernel(loop, { leaseMs: 30_000 })
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  for (let i = 0; i < 20; i++) {
    k.clock.advance(10_000)
    await quiet()
  }
  expect((await k.runs.get(run.id)).leaseUntil).toBeGreaterThan(k.clock.now())
  gate.resolve('late but ours')
  expect(await k.settle(driving)).toMatchObject({ status: 'done', result: 'late but ours' })
})

test('a live driver whose lease ran out is ended first, then replaced', async () => {
  const { loop } = working()
  const k = kernel(loop)
  const run = await k.start()
  const ended: DriverId[] = []
  await k.store.claim(run.id, k.self, { leaseUntil: k.clock.now() + 1_000 })
  k.clock.advance(2_000)
  const other = k.other(loop, second({ alive: true, ended }))
  void other.runs.drive(run.id).catch(() => {})
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'running', driver: { id: 'driver-2' } })
  expect(ended).toEqual([k.self])
})

test('a driver of another machine is left alone until its lease ran out', async () => {
  const { loop } = working()
  const k = kernel(loop)
  const run = await k.start()
  await k.store.claim(run.id, { ...k.self, host: 'elsewhere' }, { leaseUntil: k.clock.now() + 30_000 })
  const ended: DriverId[] = []
  const other = k.other(loop, second({ alive: false, ended }))
  expect(other.runs.interrupted(await k.runs.get(run.id))).toBe(false)
  await expect(other.runs.drive(run.id)).rejects.toMatchObject({ code: 'conflict' })
  k.clock.advance(31_000)
  expect(other.runs.interrupted(await k.runs.get(run.id))).toBe(true)
  const driving = other.runs.drive(run.id)
  await quiet()
  expect(await k.runs.get(run.id)).toMatchObject({ status: 'running', driver: { id: 'driver-2' } })
  expect(ended).toEqual([])
  void driving.catch(() => {})
})

test('a lease that cannot be renewed ends the work before it runs out', async () => {
  let endedAt: number | undefined
  const loop = defineLoop({
    name: 'cut off',
    run: (loop) =>
      loop.step('work', ({ signal }) => {
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            endedAt = k.clock.now()
            resolve()
          })
        })
      }),
  })
  const k = kernel(loop, { leaseMs: 30_000 })
  const run = await k.start()
  const begun = k.clock.now()
  const driving = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  k.store.renew = async () => {
    throw new Error('the store does not answer')
  }
  expect(await k.settle(driving)).toMatchObject({ message: 'the store does not answer' })
  expect(endedAt).toBeLessThan(begun + 30_000)
})

test('one renewal that fails is no reason to give a run up', async () => {
  const { loop, gate } = working()
  const k = kernel(loop, { leaseMs: 30_000 })
  const renew = k.store.renew
  let failures = 0
  k.store.renew = async (...args) => {
    if (failures++ === 0) throw new Error('locked for a moment')
    await renew(...args)
  }
  const run = await k.start()
  const driving = k.runs.drive(run.id)
  await quiet()
  k.clock.advance(10_000)
  await quiet()
  k.clock.advance(10_000)
  await quiet()
  gate.resolve('done')
  expect(await k.settle(driving)).toMatchObject({ status: 'done' })
  expect(failures).toBeGreaterThan(1)
})

test('who lost the fence writes nothing more, whatever it finishes', async () => {
  const { loop, gate } = working()
  const k = kernel(loop)
  const run = await k.start()
  const lost = k.runs.drive(run.id).catch((error: unknown) => error)
  await quiet()
  await k.store.claim(run.id, { ...k.self, id: 'driver-2' }, { leaseUntil: k.clock.now() + 60_000, force: true })
  gate.resolve('by the first')
  expect(isLoopwrightError(await k.settle(lost), 'fenced')).toBe(true)
  expect(of(await k.journal(run.id), 'step_settled')).toEqual([])
})

test('a run that does not exist is not found', async () => {
  const { loop } = working()
  await expect(kernel(loop).runs.drive('nope')).rejects.toMatchObject({ code: 'not_found' })
})
