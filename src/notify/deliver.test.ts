import { expect, test } from 'vitest'
import { quiet } from '../../test/fixtures/kernel.ts'
import type { Notice, Notifier } from '../core/triage/ports.ts'
import { FakeClock } from '../testing/clock.ts'
import { Deliveries, type DeliveryLimits } from './deliver.ts'
import { DeliveryFailure } from './failure.ts'

const notice: Notice = { kind: 'escalation', title: 'may this change?', text: 'the key is sekret-0001' }
const busy = (afterMs?: number) => new DeliveryFailure('is out of order (503)', { again: true, afterMs })

/** A notifier that does what it is told, time after time; after that it takes everything. */
function stub(name: string, ...ends: (Error | 'hang')[]) {
  const seen: Notice[] = []
  const notifier: Notifier = {
    name,
    async notify(one) {
      seen.push(one)
      const end = ends.shift()
      if (end === 'hang') await new Promise(() => {})
      if (end instanceof Error) throw end
    },
  }
  return { notifier, seen }
}

function setup(stubs: readonly ReturnType<typeof stub>[], limits: Partial<DeliveryLimits> = {}, on = ['escalation']) {
  const clock = new FakeClock()
  const warned: string[] = []
  const deliveries = new Deliveries({
    channels: stubs.map(({ notifier }) => ({ notifier, on: on as Notice['kind'][] })),
    clock,
    redact: (text) => text.replaceAll('sekret-0001', '[redacted]'),
    warn: (message) => warned.push(message),
    limits,
  })
  /** Lets everything happen that time allows; answers when each timer rang, in milliseconds from the start. */
  const run = async () => {
    const start = clock.now()
    const rang: number[] = []
    for (await quiet(); clock.step(); await quiet()) rang.push(clock.now() - start)
    return rang
  }
  return { clock, deliveries, warned, run }
}

test('telling returns at once, whatever the notifiers do, and each goes its own way', async () => {
  const [hangs, fails, works] = [stub('a', 'hang'), stub('b', new Error('no sekret-0001 here')), stub('c')]
  const { clock, deliveries, warned, run } = setup([hangs, fails, works], { tries: 1 })
  expect(deliveries.tell(notice)).toBeUndefined()
  const settled = deliveries.settle(5)
  await quiet()
  clock.advance(5)
  expect(await settled).toBe(false)
  expect(works.seen).toHaveLength(1)
  await run()
  expect(await deliveries.settle(0)).toBe(true)
  expect(warned).toEqual([
    'b was not told of "may this change?": no [redacted] here',
    'a was not told of "may this change?": no answer in time',
  ])
})

test('secrets are taken out of every text before anybody sees it', async () => {
  const one = stub('a')
  const { deliveries } = setup([one])
  const secret = 'x sekret-0001'
  await deliveries.tellNow({ ...notice, title: secret, pattern: secret, run: secret, url: secret, commands: [secret] })
  expect(JSON.stringify(one.seen)).not.toContain('sekret')
  expect(Object.keys(one.seen[0] ?? {})).toEqual(['kind', 'title', 'text', 'pattern', 'run', 'url', 'commands'])
})

test('what is out of order is tried again, later each time, and given up after the last try', async () => {
  const one = stub('a', busy(), busy(), busy(), busy(), busy())
  const { deliveries, run } = setup([one], { timeoutMs: 1_000_000 })
  const told = deliveries.tellNow(notice)
  const [first = 0, second = 0, third = 0, ...rest] = await run()
  expect(rest).toEqual([])
  expect(await told).toEqual([{ notifier: 'a', ok: false, tries: 4, error: 'is out of order (503)' }])
  for (const [wait, most] of [
    [first, 1000],
    [second - first, 2000],
    [third - second, 4000],
  ] as const) {
    expect(wait).toBeGreaterThanOrEqual(most / 2)
    expect(wait).toBeLessThanOrEqual(most)
  }
})

test('a wait that is asked for is kept, and one that is too long is not waited for', async () => {
  const kept = stub('a', busy(7_000))
  const first = setup([kept])
  const told = first.deliveries.tellNow(notice)
  expect(await first.run()).toEqual([7_000])
  expect(await told).toEqual([{ notifier: 'a', ok: true, tries: 2 }])
  const second = setup([stub('a', busy(3_600_000))])
  expect(await second.deliveries.tellNow(notice)).toEqual([
    { notifier: 'a', ok: false, tries: 1, error: 'is out of order (503)' },
  ])
})

test('what is refused is not tried again', async () => {
  const one = stub('a', new DeliveryFailure('refused the notice (404)', { again: false }))
  const { deliveries } = setup([one])
  expect(await deliveries.tellNow(notice)).toEqual([
    { notifier: 'a', ok: false, tries: 1, error: 'refused the notice (404)' },
  ])
  expect(one.seen).toHaveLength(1)
})

test('notices of a kind nobody asked for are not sent; a test goes to all', async () => {
  const one = stub('a')
  const { deliveries } = setup([one], {}, ['failed'])
  expect(await deliveries.tellNow(notice)).toEqual([])
  expect(await deliveries.tellNow({ ...notice, kind: 'test' })).toMatchObject([{ ok: true }])
  expect(one.seen.map(({ kind }) => kind)).toEqual(['test'])
})

test('notices of one notifier keep their order, and of too many that wait the oldest is left out', async () => {
  const one = stub('a', 'hang')
  const { deliveries, warned, run } = setup([one], { queue: 2, tries: 1 })
  for (const title of ['1', '2', '3', '4']) deliveries.tell({ ...notice, title })
  await run()
  expect(one.seen.map(({ title }) => title)).toEqual(['1', '3', '4'])
  expect(warned).toEqual([
    'a was not told of "2": too many notices wait: the oldest was left out',
    'a was not told of "1": no answer in time',
  ])
})

test('closing ends what waits and what is under way', async () => {
  const one = stub('a', busy())
  const { deliveries, clock } = setup([one, stub('b', 'hang')])
  const told = deliveries.tellNow(notice)
  await quiet()
  deliveries.close()
  expect(await told).toEqual([
    { notifier: 'a', ok: false, tries: 1, error: 'given up' },
    { notifier: 'b', ok: false, tries: 1, error: 'given up' },
  ])
  expect(clock.next).toBeUndefined()
})
