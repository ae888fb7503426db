import { expect, test } from 'vitest'
import { add, fits } from './budget.ts'

test('amounts are added dimension by dimension, and what neither names stays out', () => {
  expect(add({ tokens: 1, agentCalls: 2 }, { tokens: 3, microUsd: 4 })).toEqual({
    tokens: 4,
    agentCalls: 2,
    microUsd: 4,
  })
  expect(add({}, {})).toEqual({})
})

test('a reservation fits up to the cap', () => {
  expect(fits(3, 1, 4)).toBe(true)
  expect(fits(3, 2, 4)).toBe(false)
  expect(fits(1_000_000, 1_000_000, undefined)).toBe(true)
})

test('once the cap is reached nothing begins, not even what needs nothing', () => {
  expect(fits(4, 0, 4)).toBe(false)
  expect(fits(0, 0, 0)).toBe(false)
  expect(fits(3, 0, 4)).toBe(true)
})
