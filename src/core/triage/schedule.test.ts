import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCadence } from './cadence.ts'
import { type DueQuestion, firstInterval, mendDue, nextDue, nextInterval } from './schedule.ts'

const m = 60_000
const h = 60 * m
const noon = Date.UTC(2026, 5, 1, 12)
const question = (cadence: string, more: Partial<DueQuestion> = {}): DueQuestion => ({
  cadence: parseCadence(cadence),
  intervalMs: firstInterval(parseCadence(cadence)),
  due: noon,
  began: noon,
  seed: 'project\npattern',
  timeZone: 'UTC',
  ...more,
})

describe('the time between ticks', () => {
  test('begins at half of the longest, within the range', () => {
    expect(firstInterval(parseCadence('1d-2h'))).toBe(12 * h)
    expect(firstInterval(parseCadence('5m-6m'))).toBe(5 * m)
    expect(firstInterval(parseCadence('1d'))).toBe(24 * h)
  })

  test('halves with work, doubles without, within the range', () => {
    const cadence = parseCadence('5m-1h')
    const interval = (...said: ('busy' | 'quiet' | 'failed' | 'halted')[]) =>
      said.reduce((ms, pulse) => nextInterval(cadence, ms, pulse), firstInterval(cadence)) / m
    expect([interval('busy'), interval('busy', 'busy'), interval('busy', 'busy', 'busy', 'busy')]).toEqual([15, 7.5, 5])
    expect([interval('busy', 'busy', 'quiet'), interval('quiet'), interval('quiet', 'quiet')]).toEqual([15, 60, 60])
    expect(interval('busy', 'busy', 'failed')).toBe(60)
    expect(interval('busy', 'busy', 'halted')).toBe(15)
  })
})

describe('the next due time', () => {
  test('keeps the beat when a tick began a little late, and starts a new one when it began much later', () => {
    expect(nextDue(question('1h', { began: noon + 6 * m }))).toBe(noon + h)
    expect(nextDue(question('1h', { began: noon + 7 * m }))).toBe(noon + 7 * m + h)
    expect(nextDue(question('1h', { began: noon + 50 * h }))).toBe(noon + 51 * h)
    expect(nextDue(question('1h', { began: noon - 3 * h }))).toBe(noon - 2 * h)
  })

  test('of cron is the first after the tick was due and began', () => {
    const at = (began: number, due = noon) => nextDue(question('0 * * * *', { due, began }))
    expect(at(noon)).toBe(noon + h)
    expect(at(noon + 5 * h + 1)).toBe(noon + 6 * h)
    expect(at(noon - 5 * h)).toBe(noon + h)
  })

  test('is moved by at most a tenth, never out of the range, and the same for the same tick', () => {
    const ranges = fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 3000 }))
    fc.assert(
      fc.property(ranges, fc.nat(1e9), fc.string(), fc.array(fc.boolean()), ([a, b], offset, seed, work) => {
        const cadence = parseCadence(`${a}m-${b}m`)
        if (cadence.kind !== 'range') throw new Error('not a range')
        const intervalMs = work.reduce(
          (ms, busy) => nextInterval(cadence, ms, busy ? 'busy' : 'quiet'),
          firstInterval(cadence),
        )
        const due = noon + offset
        const asked = { cadence, intervalMs, due, began: due, seed, timeZone: 'UTC' }
        const gap = (nextDue(asked) ?? Number.NaN) - due
        expect(gap).toBeGreaterThanOrEqual(Math.floor(Math.max(cadence.minMs, intervalMs * 0.9)))
        expect(gap).toBeLessThanOrEqual(Math.ceil(Math.min(cadence.maxMs, intervalMs * 1.1)))
        expect(nextDue({ ...asked })).toBe(due + gap)
      }),
    )
  })

  test('differs between projects, patterns and ticks', () => {
    const gaps = (seed: string) =>
      Array.from(
        { length: 50 },
        (_, i) => (nextDue(question('1d-2h', { seed, due: noon + i, began: noon + i })) ?? 0) - noon - i,
      )
    const all = ['a\nx', 'a\ny', 'b\nx'].flatMap(gaps)
    expect(new Set(all).size).toBeGreaterThan(145)
    expect(Math.min(...all)).toBeLessThan(12 * h * 0.93)
    expect(Math.max(...all)).toBeGreaterThan(12 * h * 1.07)
  })
})

describe('a clock that was set', () => {
  test('back makes nobody wait longer than the longest time between ticks', () => {
    const asked = question('5m-15m')
    expect(mendDue(noon + 15 * m, noon, asked)).toBe(noon + 15 * m)
    const mended = mendDue(noon + 15 * m, noon - 3 * h, asked) ?? Number.NaN
    expect(mended - (noon - 3 * h)).toBeGreaterThan(6 * m)
    expect(mended - (noon - 3 * h)).toBeLessThanOrEqual(15 * m)
  })

  test('back lets no time of cron come twice, but for a clock that was days ahead', () => {
    const asked = question('0 * * * *')
    expect(mendDue(noon + h, noon - 3 * h, asked)).toBe(noon + h)
    expect(mendDue(noon + h, noon - 500 * h + 1, asked)).toBe(noon - 499 * h)
  })

  test('forwards leaves what is due, due', () => {
    expect(mendDue(noon, noon + 100 * h, question('1h'))).toBe(noon)
  })
})
