import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'

const day = 86_400_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a wait of 60 days, longer than a timer of Node can be, ends after 60 days and not before', () => {
  const calls: number[] = []
  systemClock.after(60 * day, () => calls.push(Date.now()))
  const due = Date.now() + 60 * day
  vi.advanceTimersByTime(60 * day - 1)
  expect(calls).toEqual([])
  vi.advanceTimersByTime(60 * day)
  expect(calls).toEqual([due])
})

test('a long wait can be called off in any of its pieces', () => {
  let calls = 0
  const callOff = systemClock.after(60 * day, () => {
    calls += 1
  })
  vi.advanceTimersByTime(30 * day)
  callOff()
  vi.advanceTimersByTime(60 * day)
  expect(calls).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})
