import { expect, test } from 'vitest'
import { capsText, formatAgo, formatClock, formatCount, formatMoney } from './human.ts'

test('numbers are short and never rounded up past a cap', () => {
  expect([0, 999, 1_000, 1_250, 34_999, 999_999, 1_250_000].map(formatCount)).toEqual([
    '0',
    '999',
    '1k',
    '1.2k',
    '34k',
    '999k',
    '1.2M',
  ])
  expect([0, 5_000, 420_000, 5_000_000, 123_400_000].map(formatMoney)).toEqual([
    '$0',
    '<$0.01',
    '$0.42',
    '$5.00',
    '$123',
  ])
})

test('times are short', () => {
  expect([900, 61_000, 7_200_000, 172_800_000].map(formatAgo)).toEqual(['0s ago', '1m ago', '2h ago', '2d ago'])
  expect([7_000, 750_000, 3_723_000, -5].map(formatClock)).toEqual(['0:07', '12:30', '1:02:03', '0:00'])
})

test('caps read as a sentence would', () => {
  expect(capsText({ iterations: 1, activeMs: 1_800_000, microUsd: 5_000_000 })).toBe('1 iteration · 30m · $5.00')
  expect(capsText({})).toBe('no limits')
})
