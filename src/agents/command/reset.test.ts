import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resetIn } from './reset.ts'

const now = Date.parse('2026-11-21T08:00:00Z')
const at = (iso: string) => Date.parse(iso)

test.for([
  ['Claude AI usage limit reached|1795334897', 1_795_334_897_000],
  ['Claude AI usage limit reached|1795234897, which is past', undefined],
  ['"resets_at": 1795334897', 1_795_334_897_000],
  ['x-ratelimit-reset: 1795334897123', 1_795_334_897_123],
  ['try again in 5m30s', now + 330_000],
  ['Please try again in 1 day 2 hours 3 minutes.', now + 93_780_000],
  ['Retry-After: 12', now + 12_000],
  ['"retry_after": 30.5', now + 30_500],
  ['retry-after-ms: 1500', now + 1500],
  ['"retryDelay":"34.07s"', now + 34_070],
  ['Please retry in 34.074824224s.', now + 34_075],
  ['"resets_in_seconds":3600', now + 3_600_000],
  ['x-ratelimit-reset-requests: 1m30s', now + 90_000],
  ['try again after 500ms', now + 500],
  ['Retry-After: Sat, 21 Nov 2026 10:00:00 GMT', at('2026-11-21T10:00:00Z')],
  ['limit resets 2026-11-21T10:00:00Z', at('2026-11-21T10:00:00Z')],
  ['limit resets 2026-11-21 10:00 UTC', at('2026-11-21T10:00:00Z')],
  ['limit resets 2026-11-21T10:00:00.123+02:00 or so', at('2026-11-21T08:00:00.123Z')],
  // The time of the line itself is past.
  ['2026-11-21T07:59:59Z ERROR 429, try again in 10s', now + 10_000],
  ['resets at 3pm (Europe/Berlin)', at('2026-11-21T14:00:00Z')],
  ["You've hit your session limit · resets 3:30pm (America/New_York)", at('2026-11-21T20:30:00Z')],
  ['5-hour limit reached ∙ resets 9am (Europe/Berlin)', at('2026-11-22T08:00:00Z')],
  ['resets 12am (UTC)', at('2026-11-22T00:00:00Z')],
  ['resets 12:15pm (UTC)', at('2026-11-21T12:15:00Z')],
  ['resets at 15:00 UTC', at('2026-11-21T15:00:00Z')],
  ['weekly limit · resets Nov 24, 9am (Asia/Tokyo)', at('2026-11-24T00:00:00Z')],
  ['weekly limit · resets Nov 24 at 9am (UTC)', at('2026-11-24T09:00:00Z')],
  ['resets Jan 2, 9am (UTC)', at('2027-01-02T09:00:00Z')],
  ['resets Monday at 9am (UTC)', at('2026-11-23T09:00:00Z')],
  ['resets Sat 7am (UTC)', at('2026-11-28T07:00:00Z')],
  ["You've hit your usage limit. Try again at Dec 9th, 2026 10:32 PM.", at('2026-12-09T22:32:00Z')],
  ['try again at 10:32 PM.', at('2026-11-21T22:32:00Z')],
  ['try again tomorrow at 6am', at('2026-11-22T06:00:00Z')],
  ['resets 3pm (Nowhere/At_all)', expect.any(Number)],
  // What is no time, past, or not to be believed.
  ['resets Nov 1, 2020, 9am (UTC)', undefined],
  ['retry after 999999h', undefined],
  ['try again after 3 attempts', undefined],
  ['resets 25:00', undefined],
  ['resets 13pm', undefined],
  ['please try again', undefined],
  ['try again later', undefined],
  ['again 3', undefined],
  ['', undefined],
] as const)('%s ends at %s', ([message, expected]) => {
  expect(resetIn(message, now, 'UTC')).toEqual(expected)
})

test('a clock without a zone is the machine’s own, and summer time is minded', () => {
  const evening = at('2026-10-24T20:00:00Z')
  // Clocks go back in the night: 9 o'clock is later than one would add up.
  expect(resetIn('resets 9am', evening, 'Europe/Berlin')).toBe(at('2026-10-25T08:00:00Z'))
  expect(resetIn('resets 9am', at('2026-03-28T20:00:00Z'), 'Europe/Berlin')).toBe(at('2026-03-29T07:00:00Z'))
  expect(resetIn('resets 3pm', now)).toBeGreaterThan(now)
})

test('whatever is said, a reset lies ahead and within two months', () => {
  const words = fc.constantFrom(
    'resets',
    ' at ',
    'in ',
    'retry after ',
    'Oct ',
    '3pm',
    '99',
    ':',
    '(Europe/Berlin)',
    '|',
    '17952348970',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 5 }))), (parts) => {
      const found = resetIn(parts.join(''), now, 'UTC')
      if (found === undefined) return
      expect(found).toBeGreaterThan(now)
      expect(found).toBeLessThanOrEqual(now + 62 * 86_400_000)
    }),
  )
})
