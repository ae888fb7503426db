import fc from 'fast-check'
import { expect, test } from 'vitest'
import { patternOf } from '../../test/fixtures/schedule.ts'
import type { Clock } from '../core/ports.ts'
import { parseCadence } from '../core/triage/cadence.ts'
import type { TickNote } from '../core/triage/pulse.ts'
import type { Pulse } from '../core/triage/schedule.ts'
import { isPaused, noControl, type ScheduleState, steer } from '../core/triage/schedule-state.ts'
import { FakeClock, seededRandom } from '../testing/clock.ts'
import type { ScheduledTick } from './schedule-ports.ts'
import { Scheduler } from './scheduler.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const pollMs = 10 * minute

/** Every time at which a cron of fixed hours is due, found by looking at the clock on the wall minute by minute. */
function wallTimes(timeZone: string, fits: (wall: Date) => boolean, from: number, to: number): number[] {
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  const found: number[] = []
  let highest = Number.NEGATIVE_INFINITY
  for (let at = from; at < to; at += minute) {
    const wall = Date.parse(`${format.format(at).replace(' ', 'T')}Z`)
    // What the clock jumps over is due where it lands; what it shows again was due the first time.
    const passed = highest === Number.NEGATIVE_INFINITY ? wall : highest + minute
    let due = false
    for (let shown = passed; shown <= wall; shown += minute) due ||= fits(new Date(shown))
    if (due) found.push(at)
    highest = Math.max(highest, wall)
  }
  return found
}

const start = Date.UTC(2026, 9, 12) // both zones set their clocks in the 30 days after
const end = start + 30 * day
const workdays = (wall: Date) => wall.getUTCDay() % 6 !== 0
const zones = {
  berlin: {
    timeZone: 'Europe/Berlin',
    cron: '30 2 * * *',
    fits: (wall: Date) => wall.getUTCHours() === 2 && wall.getUTCMinutes() === 30,
  },
  newYork: {
    timeZone: 'America/New_York',
    cron: '15,45 1,9 * * 1-5',
    fits: (wall: Date) =>
      workdays(wall) && [1, 9].includes(wall.getUTCHours()) && [15, 45].includes(wall.getUTCMinutes()),
  },
}

interface Begun {
  readonly due: number
  readonly began: number
  readonly real: number
}

/** What a pattern should do, told from what it did, without a line of the scheduler's. */
class Oracle {
  readonly range: { readonly minMs: number; readonly maxMs: number } | undefined
  readonly times: readonly number[]
  interval: number
  last: Begun | undefined
  /** The clock was set back, or the schedule was asked to run now: the next due time follows other rules. */
  loose = false
  constructor(range: Oracle['range'], times: readonly number[]) {
    this.range = range
    this.times = times
    this.interval = range === undefined ? 0 : Math.max(range.minMs, range.maxMs / 2)
  }

  /** The earliest and the latest time at which the next tick may be due. */
  window(): readonly [number, number] {
    if (this.range === undefined) {
      const after = this.last === undefined ? start - 1 : Math.max(this.last.due, this.last.began)
      const next = this.times.find((time) => time > after) ?? Number.POSITIVE_INFINITY
      return [next, next]
    }
    if (this.last === undefined) return [start, start]
    const { due, began } = this.last
    const beat = began >= due && began - due <= this.interval / 10 ? due : began
    const { minMs, maxMs } = this.range
    return [beat + Math.max(minMs, this.interval * 0.9) - 1, beat + Math.min(maxMs, this.interval * 1.1) + 1]
  }

  ended(pulse: Pulse): void {
    if (this.range === undefined) return
    const wanted = {
      busy: this.interval / 2,
      quiet: this.interval * 2,
      halted: this.interval * 2,
      failed: Number.POSITIVE_INFINITY,
    }[pulse]
    this.interval = Math.max(this.range.minMs, Math.min(this.range.maxMs, wanted))
  }
}

/** A month of a schedule; everything that happens follows from the seed. Answers how often what happened. */
async function month(seed: number, zone: keyof typeof zones): Promise<Readonly<Record<string, number>>> {
  const random = seededRandom(seed)
  const concurrency = 1 + (seed % 2)
  const chance = (share: number) => random() < share
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low))
  const { timeZone, cron, fits } = zones[zone]
  const patterns = [
    patternOf({ id: 'sweeper', cadence: parseCadence('30m-2h'), priority: 1 }),
    patternOf({ id: 'nightly', cadence: parseCadence(cron), priority: 2 }),
    patternOf({ id: 'cleanup', cadence: parseCadence('1d-6h'), priority: 3 }),
    patternOf({ id: 'daily', cadence: parseCadence('1d'), priority: 4 }),
  ]
  const real = new FakeClock({ start, seed })
  let offset = 0
  const wall = () => real.now() + offset
  const oracles = new Map(
    patterns.map(({ id, cadence }) => [
      id,
      cadence.kind === 'range'
        ? new Oracle(cadence, [])
        : new Oracle(undefined, wallTimes(timeZone, fits, start - day, end + 3 * day)),
    ]),
  )
  const counts: Record<string, number> = {}
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }

  // ── what outlives a scheduler: the disk, the ledger, and what people ask ──
  let disk = '{"patterns":[]}'
  let control = noControl
  const asked = new Map<string, number>()
  const runs = new Map<string, { readonly pattern: string; spent: number; over: boolean }>()
  const spentOn = new Map<number, number>()
  const dailyCap = 40
  const running = new Map<string, Begun>()
  /** Since when nothing but its due time kept a pattern from beginning, in real time. */
  const free = new Map<string, number>()
  let process: { alive: boolean; readonly stop: AbortController; done: Promise<void> } | undefined
  const block = () => {
    for (const { id } of patterns) free.set(id, real.now())
  }
  let broken = false
  let diskFull = false
  let problems: string[] = []
  let wrong: unknown
  let setBack = 0

  function check(id: string, tick: ScheduledTick): void {
    const oracle = oracles.get(id)
    if (!oracle) throw new Error(id)
    expect(running.has(id), `two ticks of ${id} at once`).toBe(false)
    expect(running.size, 'ticks at once').toBeLessThan(concurrency)
    const wasAsked = asked.has(id)
    expect(isPaused(control, id) && !wasAsked, `${id} is paused`).toBe(false)
    expect(tick.began).toBe(wall())
    if (tick.resumed) {
      count('resumed')
      expect(runs.get(tick.run)?.pattern).toBe(id)
    } else {
      expect(runs.has(tick.run), 'a run of its own').toBe(false)
      expect(tick.due, `${id} is not early`).toBeLessThanOrEqual(wall())
      const [low, high] = oracle.window()
      if (wasAsked) count('asked')
      else if (oracle.loose && oracle.range) {
        count('after a clock was set back')
        expect(wall() - tick.due).toBeGreaterThanOrEqual(0)
      } else {
        expect(tick.due, `${id} is due when its cadence says`).toBeGreaterThanOrEqual(low)
        expect(tick.due, `${id} is due when its cadence says`).toBeLessThanOrEqual(high)
        const since = Math.max(free.get(id) ?? 0, real.now() - (wall() - tick.due))
        expect(real.now() - since, `${id} begins as soon as it can`).toBeLessThanOrEqual(pollMs)
        count(wall() - tick.due > pollMs ? 'late' : 'on time')
      }
      const first = patterns.find((one) => {
        const next = (JSON.parse(disk) as ScheduleState).patterns.find((entry) => entry.id === one.id)
        if (!next || next.underWay || one.id === id || isPaused(control, one.id)) return false
        return next.next !== null && next.next < wall()
      })
      const mine = patterns.find((one) => one.id === id)
      expect(first && mine && first.priority < mine.priority, `${first?.id} goes before ${id}`).not.toBe(true)
    }
    asked.delete(id)
    const begun = { due: tick.due, began: tick.began, real: real.now() }
    running.set(id, begun)
    oracle.last = begun
    oracle.loose = false
  }

  function spend(run: string, id: string): boolean {
    const today = Math.floor(real.now() / day)
    const used = spentOn.get(today) ?? 0
    const known = runs.get(run)
    if (known) return known.spent > 0
    const cost = between(1, 6)
    const fitting = used + cost <= dailyCap
    runs.set(run, { pattern: id, spent: fitting ? cost : 0, over: false })
    if (fitting) spentOn.set(today, used + cost)
    return fitting
  }

  function open(): void {
    broken = false // nobody starts with a registry that cannot be read
    const stop = new AbortController()
    const self = { alive: true, stop, done: Promise.resolve() }
    const clock: Clock = {
      now: wall,
      random,
      after: (ms, call) => real.after(ms, () => self.alive && call()),
    }
    let heard = 0
    const scheduler = new Scheduler({
      clock,
      place: { project: `p${seed}`, timeZone },
      pollMs,
      concurrency,
      newRun: () => `run-${runs.size}-${heard++}-${real.now()}`,
      patterns: async () => {
        if (broken) throw new Error('registry.yaml:3: tabs')
        return patterns
      },
      load: async () => JSON.parse(disk),
      save: async (state) => {
        if (!self.alive) return await new Promise(() => {})
        if (diskFull) throw new Error('no space left')
        disk = JSON.stringify(state)
      },
      control: async () => control,
      onEvent: (event) => {
        if (event.type === 'problem') problems.push(event.message)
      },
      tick: (pattern, tick) => {
        try {
          check(pattern.id, tick)
        } catch (error) {
          // The scheduler takes what a tick throws for a tick that failed.
          wrong ??= error
        }
        const may = spend(tick.run, pattern.id)
        return new Promise<TickNote>((resolve, reject) => {
          const paused = () => {
            callOff()
            finish(() => reject(new Error('paused')))
          }
          const finish = (how: () => void) => {
            if (!self.alive) return
            running.delete(pattern.id)
            tick.signal.removeEventListener('abort', paused)
            block()
            how()
          }
          // Some take longer than the time between two ticks.
          const callOff = real.after(between(0, chance(0.05) ? 3 * hour : 20 * minute), () =>
            finish(() => {
              const run = runs.get(tick.run)
              expect(run?.over, 'a run ends once').toBe(false)
              if (run) run.over = true
              const pulse: Pulse = may
                ? ((['busy', 'quiet', 'quiet', 'failed'] as const)[between(0, 4)] ?? 'quiet')
                : 'halted'
              oracles.get(pattern.id)?.ended(pulse)
              count(pulse)
              if (pulse === 'failed') reject(new Error('no luck'))
              else resolve({ outcome: ({ busy: 'act', quiet: 'noop', halted: 'halt' } as const)[pulse], items: [] })
            }),
          )
          tick.signal.addEventListener('abort', paused, { once: true })
        })
      },
    })
    self.done = scheduler.run(stop.signal)
    self.done.catch((error: unknown) => problems.push(String(error)))
    process = self
    block()
  }

  function chaos(): void {
    real.after(between(10 * minute, 20 * hour), chaos)
    const any = patterns[between(0, patterns.length)]?.id ?? ''
    const before = control
    const what = between(0, 12)
    if (what <= 1) {
      if (process === undefined || broken || diskFull) return
      const { stop } = process
      count('kill')
      // A clean end, and kill -9: what it did not keep is lost.
      if (what === 0) stop.abort()
      else process.alive = false
      running.clear()
      process = undefined
      real.after(chance(0.3) ? between(0, 2 * day) : between(0, hour), open)
    } else if (what === 2) {
      control = steer(control, 'pause', chance(0.3) ? [] : [any], [], wall())
      count('pause')
    } else if (what <= 5) control = steer(control, 'resume', chance(0.5) ? [] : [any], [], wall())
    else if (what === 6) {
      control = steer(control, 'now', [any], [], real.now())
      asked.set(any, real.now())
    } else if (what === 7) {
      offset += between(minute, 9 * hour)
      count('forwards')
    } else if (what === 8) {
      // Not further than the ledger's day and the two days that cron believes.
      offset -= between(minute, 9 * hour)
      for (const oracle of oracles.values()) oracle.loose = true
      setBack = real.now()
      count('back')
    } else if (what === 9) {
      broken = !broken
      problems = []
      if (broken)
        real.after(between(0, 5 * hour), () => {
          expect(problems.filter((one) => one.includes('registry')).length, 'said once').toBeLessThanOrEqual(1)
          broken = false
        })
    } else if (what === 10) {
      diskFull = true
      real.after(between(0, 3 * hour), () => {
        diskFull = false
        block()
      })
    }
    if (control !== before || what >= 6) block()
  }

  open()
  await new Promise((resolve) => setImmediate(resolve))
  real.after(hour, chaos)
  while ((real.next ?? end) < end) {
    real.step()
    await new Promise((resolve) => setImmediate(resolve))
    if (wrong !== undefined) throw wrong
    for (const [id, oracle] of oracles) {
      const full = running.size >= concurrency || running.has(id)
      if (!process || full || diskFull || isPaused(control, id)) {
        free.set(id, real.now())
        continue
      }
      const since = free.get(id) ?? 0
      if (oracle.loose && oracle.range) {
        const waited = real.now() - Math.max(since, setBack)
        expect(waited, `${id} waits no longer than its longest`).toBeLessThanOrEqual(oracle.range.maxMs + pollMs)
      }
      if (oracle.loose || asked.has(id)) continue
      const [, latest] = oracle.window()
      const overdue = real.now() - Math.max(since, real.now() - (wall() - latest))
      expect(overdue, `${id} is not forgotten`).toBeLessThanOrEqual(pollMs)
    }
  }
  expect(Math.max(0, ...spentOn.values())).toBeLessThanOrEqual(dailyCap)
  if (process) {
    process.stop.abort()
    await process.done
  }
  return counts
}

test('through a month of restarts, pauses, failures and clocks that are set, ticks begin where the cadence says', {
  timeout: 300_000,
}, async () => {
  const totals: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.constantFrom('berlin' as const, 'newYork' as const), async (seed, zone) => {
      for (const [what, times] of Object.entries(await month(seed, zone))) totals[what] = (totals[what] ?? 0) + times
    }),
    { numRuns: 16 },
  )
  for (const what of ['on time', 'late', 'resumed', 'asked', 'halted', 'failed', 'back', 'forwards', 'kill', 'pause']) {
    expect(totals[what] ?? 0, what).toBeGreaterThan(5)
  }
})
