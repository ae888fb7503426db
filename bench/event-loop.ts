import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { EventBody } from '../src/core/event.ts'
import type { Json } from '../src/core/json.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { inChild } from './child.ts'
import type { Benchmark } from './figure.ts'
import { scratch } from './place.ts'

/** How many processes write to one store at once. */
const processes = 8

interface Work {
  readonly path: string
  readonly id: string
  readonly ms: number
}

export interface Delay {
  readonly appends: number
  /** Milliseconds by which timers came late. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Appends to its own run as fast as it can for a while, and tells how late its own timers came. */
export async function appendLoop(input: Json): Promise<Delay> {
  const { path, id, ms } = input as unknown as Work
  const store = await openSqliteStore({ path })
  await store.createRun({ id, loop: 'l', kind: 'k', version: '1', spec: {}, project: '/', scopes: [`run:${id}`] })
  const driver = { id, host: 'bench', pid: process.pid, started: '' }
  const { epoch } = await store.claim(id, driver, { leaseUntil: Date.now() + 3_600_000 })
  const event: EventBody = { kind: 'step_settled', key: '0/:1', name: 'work', attempt: 1, value: 'x'.repeat(1000) }
  const resolution = 1
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  const until = performance.now() + ms
  let appends = 0
  for (; performance.now() < until; appends++) await store.append(id, epoch, [{ event }])
  delay.disable()
  await store.close()
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
  return { appends, p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) }
}

/** Does a process stay awake for its timers and sockets while seven others fight for the same database? */
export const eventLoop: Benchmark = {
  name: 'event-loop',
  about: `delay of the event loop while ${processes} processes append to one store without pause`,
  async run({ quick }) {
    using place = scratch()
    const ms = quick ? 1_000 : 5_000
    const work = (id: string, file: string): Json => ({ path: join(place.path, file), id, ms })
    const alone = await inChild<Delay>('append-loop', work('alone', 'alone.db'))
    const many = await Promise.all(
      Array.from({ length: processes }, (_, i) => inChild<Delay>('append-loop', work(`r${i}`, 'shared.db'))),
    )
    const worst = (of: 'p99' | 'max') => Math.max(...many.map((one) => one[of]))
    const appends = many.reduce((sum, one) => sum + one.appends, 0)
    const fewest = Math.min(...many.map((one) => one.appends))
    const against = 'one process alone on its store'
    return [
      {
        name: 'event_loop_p99',
        value: worst('p99'),
        unit: 'ms',
        floor: alone.p99,
        against,
        note: `the worst of ${processes}; 8 busy processes on the cores there are`,
      },
      { name: 'event_loop_max', value: worst('max'), unit: 'ms', floor: alone.max, against },
      {
        name: 'appends_together',
        value: (appends / ms) * 1000,
        unit: '/s',
        floor: (alone.appends / ms) * 1000,
        against: `${against}; the slowest got ${((fewest / ms) * 1000).toFixed(0)}/s`,
      },
    ]
  },
}
