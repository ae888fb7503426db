import { expect, test } from 'vitest'
import { patternOf } from '../../test/fixtures/schedule.ts'
import { parseCadence } from '../core/triage/cadence.ts'
import type { Pattern } from '../core/triage/pattern.ts'
import type { TickNote } from '../core/triage/pulse.ts'
import { noControl, type ScheduleState, steer } from '../core/triage/schedule-state.ts'
import { FakeClock } from '../testing/clock.ts'
import type { ScheduledTick, ScheduleEvent, SchedulerOptions } from './schedule-ports.ts'
import { Scheduler } from './scheduler.ts'

const m = 60_000
const start = Date.UTC(2026, 5, 1, 12)
const pattern = (id: string, cadence: string, priority = 1) =>
  patternOf({ id, cadence: parseCadence(cadence), priority })
const noop: TickNote = { outcome: 'noop', items: [] }

/** A scheduler whose world is at hand; `go` lets so many minutes pass. */
function scene(patterns: readonly Pattern[], more: Partial<SchedulerOptions> = {}) {
  const clock = new FakeClock({ start })
  const events: ScheduleEvent[] = []
  const begun: string[] = []
  const world = {
    clock,
    events,
    begun,
    patterns,
    control: noControl,
    disk: { patterns: [] } as ScheduleState,
    answer: (_: ScheduledTick): Promise<TickNote> => Promise.resolve(noop),
    problems: () => events.flatMap((event) => (event.type === 'problem' ? [event.message] : [])),
    async go(minutes: number) {
      const until = clock.now() + minutes * m
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        if ((clock.next ?? Number.POSITIVE_INFINITY) > until) break
        clock.step()
      }
      clock.advance(until - clock.now())
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  let runs = 0
  const scheduler = new Scheduler({
    clock,
    place: { project: '/p', timeZone: 'UTC' },
    patterns: async () => world.patterns,
    load: async () => world.disk,
    save: async (state) => {
      world.disk = state
    },
    control: async () => world.control,
    newRun: () => `run-${++runs}`,
    onEvent: (event) => events.push(event),
    tick: (one, tick) => {
      begun.push(`${one.id} ${(clock.now() - start) / m}`)
      return world.answer(tick)
    },
    ...more,
  })
  return { ...world, world, scheduler }
}

test('of several patterns that are due the lowest priority goes first, then what is due longest, one after the other', async () => {
  const { scheduler, begun } = scene([pattern('c', '1h', 5), pattern('b', '1h', 2), pattern('a', '1h', 2)])
  await scheduler.once(new AbortController().signal)
  expect(begun).toEqual(['a 0', 'b 0', 'c 0'])
})

test('what is due now runs once each, also while it becomes due again; what is not due does not', async () => {
  const it = scene([pattern('fast', '1m'), pattern('cron', '0 13 * * *')])
  it.world.answer = async () => {
    it.clock.advance(5 * m)
    return noop
  }
  await it.scheduler.once(new AbortController().signal)
  expect(it.begun).toEqual(['fast 0'])
  expect(it.world.disk.patterns.map(({ id, ticks }) => [id, ticks])).toEqual([
    ['fast', 1],
    ['cron', 0],
  ])
})

test('a registry that becomes invalid leaves the patterns as they were, and is spoken of once', async () => {
  let broken = false
  const it = scene([pattern('a', '30m')], {
    patterns: async () => {
      if (broken) throw new Error('registry.yaml:3: a tab')
      return it.world.patterns
    },
  })
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(1)
  broken = true
  await it.go(120)
  expect(it.begun).toEqual(['a 0', 'a 30', 'a 60', 'a 90', 'a 120'])
  expect(it.problems()).toEqual(['the patterns cannot be read, and stay as they were: registry.yaml:3: a tab'])
  broken = false
  await it.go(1)
  broken = true
  await it.go(1)
  expect(it.problems()).toHaveLength(2)
  stop.abort()
  await running
})

test('a registry that changes is read anew: a new pattern, a new cadence, one that is gone', async () => {
  const it = scene([pattern('a', '1h'), pattern('b', '1h')])
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(10)
  it.world.patterns = [pattern('a', '20m'), pattern('c', '1h')]
  await it.go(51)
  expect(it.begun).toEqual(['a 0', 'b 0', expect.stringMatching(/^c 10/), 'a 20', 'a 40', 'a 60'])
  it.world.patterns = [pattern('a', '30 13 * * *')]
  await it.go(60)
  expect(it.begun.slice(6)).toEqual(['a 90'])
  stop.abort()
  await running
})

test('a cron expression that does not exist keeps its pattern from running, and no other', async () => {
  const it = scene([pattern('bad', '99 * * * *'), pattern('good', '30m')])
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(31)
  expect(it.begun).toEqual(['good 0', 'good 30'])
  expect(it.problems()).toEqual([expect.stringMatching(/^bad is not run: "99 \* \* \* \*" is no cron expression/)])
  stop.abort()
  await running
})

test('a tick whose beginning cannot be kept does not begin, and nothing is told of it twice', async () => {
  let full = true
  const it = scene([pattern('a', '1h')], {
    save: async (state) => {
      if (full) throw new Error('no space left')
      it.world.disk = state
    },
  })
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(30)
  expect(it.begun).toEqual([])
  expect(it.problems()).toEqual(['the schedule cannot be kept, so no tick begins: no space left'])
  full = false
  await it.go(1)
  expect(it.begun).toHaveLength(1)
  stop.abort()
  await running

  full = true
  await expect(
    scene([pattern('a', '1h')], { save: () => Promise.reject(new Error('full')) }).scheduler.once(stop.signal),
  ).resolves.toBeUndefined()
  await expect(
    scene([pattern('a', '1h')], { save: () => Promise.reject(new Error('full')) }).scheduler.once(
      new AbortController().signal,
    ),
  ).rejects.toThrow('full')
})

test('the end waits for the tick under way, which is gone on with by the next scheduler', async () => {
  const it = scene([pattern('a', '1h')])
  it.world.answer = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('paused'))))
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(5)
  stop.abort()
  await running
  expect(it.events.at(-1)).toMatchObject({ type: 'tick_paused', tick: { run: 'run-1', number: 1 } })
  expect(it.world.disk.patterns[0]?.underWay).toMatchObject({ run: 'run-1' })

  const next = scene([pattern('a', '1h')])
  next.world.disk = it.world.disk
  const ticks: ScheduledTick[] = []
  next.world.answer = async (tick) => {
    ticks.push(tick)
    return noop
  }
  await next.scheduler.once(new AbortController().signal)
  expect(ticks).toMatchObject([{ run: 'run-1', number: 1, resumed: true }])
  expect(next.world.disk.patterns[0]).toMatchObject({ ticks: 1, last: { run: 'run-1' } })
  expect(next.world.disk.patterns[0]).not.toHaveProperty('underWay')
})

test('to run now needs no due time and no resume, and happens once', async () => {
  const it = scene([pattern('a', '0 0 1 1 *'), pattern('b', '1d')])
  it.world.control = steer(noControl, 'pause', [], [], 0)
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(10)
  expect(it.begun).toEqual([])
  it.world.control = steer(it.world.control, 'now', ['a'], [], start)
  await it.go(60)
  expect(it.begun).toEqual([expect.stringMatching(/^a 10/)])
  it.world.control = steer(it.world.control, 'resume', ['b'], [], start)
  await it.go(60)
  expect(it.begun).toHaveLength(2)
  stop.abort()
  await running
})

test('the same report again is quiet, new items are busy: the time between ticks follows', async () => {
  const it = scene([pattern('a', '10m-80m')])
  const reports = [['x'], ['x'], ['x', 'y'], []]
  it.world.answer = async () => ({ outcome: 'report', items: reports.shift() ?? [] })
  const stop = new AbortController()
  const running = it.scheduler.run(stop.signal)
  await it.go(200)
  const told = it.events.flatMap((event) =>
    event.type === 'tick_ended' ? [[event.entry.last?.pulse, event.entry.intervalMs / m]] : [],
  )
  expect(told.slice(0, 4)).toEqual([
    ['busy', 20],
    ['quiet', 40],
    ['busy', 20],
    ['quiet', 40],
  ])
  stop.abort()
  await running
})
