import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

test.each([
  [90, 90],
  ['90', 90],
  ['90s', 90],
  ['30m', 1800],
  ['2h', 7200],
  ['1h30m', 5400],
  ['1h 30m', 5400],
  ['1.5h', 5400],
  ['250ms', 0.25],
  [' 5s ', 5],
])('%j is %d seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each([
  ['', '"" is not a duration'],
  ['soon', '"soon" is not a duration'],
  ['10 parsecs', '"10 parsecs" is not a duration'],
  ['1m1m', '"1m1m" is not a duration'],
  ['-5s', '"-5s" is not a duration'],
  ['1e3', '"1e3" is not a duration'],
  [0, '0 is not a positive duration'],
  [-1, '-1 is not a positive duration'],
  [Number.NaN, 'NaN is not a duration'],
  [Number.POSITIVE_INFINITY, 'Infinity is not a duration'],
  ['9999d', '"9999d" is longer than a year'],
])('%j is refused', (text, message) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'bad_input', message }))
})

test('durations are shown short, and what is shown reads back', () => {
  expect([0, 0.25, 1.5, 59, 60, 90, 3600, 5430].map(formatDuration)).toEqual([
    '0s',
    '250ms',
    '1.5s',
    '59s',
    '1m',
    '1m30s',
    '1h',
    '1h30m30s',
  ])
  for (const seconds of [1, 59, 61, 3599, 3601, 86_400]) expect(parseDuration(formatDuration(seconds))).toBe(seconds)
})
