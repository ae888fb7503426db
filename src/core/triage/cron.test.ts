import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nextCron } from './cron.ts'

const minuteMs = 60_000
const at = (iso: string) => Date.parse(iso)

/** The next so many times, in UTC. */
function times(text: string, zone: string, from: string, count: number): string[] {
  const found: string[] = []
  let after = at(from)
  for (let i = 0; i < count; i++) {
    const next = nextCron(text, after, zone)
    if (next === undefined) break
    found.push(new Date(next).toISOString().slice(0, 16))
    after = next
  }
  return found
}

describe('when clocks are set', () => {
  test('a time that does not exist is due once, at the end of the hour that is left out', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
    expect(times('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00Z', 2)).toEqual([
      '2018-11-04T03:00',
      '2018-11-05T02:00',
    ])
    expect(times('30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:30',
      '2026-03-30T00:30',
    ])
  })

  test('several times in an hour that is left out are due once, together', () => {
    expect(times('*/20 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
    ])
  })

  test('a time that comes twice is due the first time only', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ])
    expect(times('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 3)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-26T01:00',
    ])
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45Z', 1)).toEqual(['2026-10-26T01:30'])
    expect(times('30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', 2)).toEqual([
      '2026-11-01T05:30',
      '2026-11-02T06:30',
    ])
  })

  test('a change of half an hour is one too', () => {
    expect(times('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', 2)).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ])
    expect(times('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', 2)).toEqual([
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ])
  })

  test('a day that a zone leaves out is due once, at its end', () => {
    expect(times('0 9 * * *', 'Pacific/Apia', '2011-12-29T12:00Z', 3)).toEqual([
      '2011-12-29T19:00',
      '2011-12-30T10:00',
      '2011-12-30T19:00',
    ])
  })

  test('what is due every hour goes by real time', () => {
    expect(times('30 * * * *', 'Europe/Berlin', '2026-10-24T23:40Z', 3)).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T01:30',
      '2026-10-25T02:30',
    ])
  })
})

test('days, weekdays, seconds and the last day are understood', () => {
  expect(times('0 9 * * 1-5', 'Europe/Berlin', '2026-11-20T09:00Z', 1)).toEqual(['2026-11-23T08:00'])
  expect(times('0 0 L * *', 'UTC', '2026-02-01T00:00Z', 1)).toEqual(['2026-02-28T00:00'])
  expect(nextCron('30 0 9 * * *', at('2026-01-01T00:00Z'), 'UTC')).toBe(at('2026-01-01T09:00:30Z'))
})

test('what never is due has no next time, and what does not exist is said', () => {
  expect(nextCron('0 0 30 2 *', 0, 'UTC')).toBeUndefined()
  expect(() => nextCron('61 * * * *', 0, 'UTC')).toThrow('"61 * * * *" is no cron expression: Invalid value for minute')
  expect(() => nextCron('0 9 * * *', 0, 'Mars/Base')).toThrow('there is no time zone "Mars/Base"')
})

test('every time of the clock on the wall is due exactly once in a year, whatever the zone', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Santiago', 'UTC']
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      (zone, hour, minute) => {
        const wall = new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
        let after = at('2026-01-03T00:00Z')
        let day = ''
        let moved = 0
        for (let i = 0; i < 364; i++) {
          const next = nextCron(`${minute} ${hour} * * *`, after, zone) ?? Number.NaN
          const [date = '', time = ''] = wall.format(next).split(' ')
          expect(date > day).toBe(true)
          if (day !== '') expect((next - after) / minuteMs).toBeGreaterThanOrEqual(22 * 60)
          if (day !== '') expect((next - after) / minuteMs).toBeLessThanOrEqual(26 * 60)
          const asked = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
          // Only where the time is left out does the clock show another.
          if (time !== asked) moved++
          else expect(wall.format(next - 3_600_000)).not.toBe(`${date} ${asked}`)
          day = date
          after = next
        }
        expect(moved).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 12 },
  )
})
