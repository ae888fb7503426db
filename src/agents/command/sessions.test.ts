import { expect, test } from 'vitest'
import type { Usage } from '../../core/ports.ts'
import { usageOf } from './sessions.ts'

test('without totals the usage is that of the call', () => {
  expect(usageOf({ usage: { inputTokens: 3 } }, 'S', { inputTokens: 1 })).toEqual({ usage: { inputTokens: 3 } })
  expect(usageOf({}, undefined, undefined)).toEqual({})
})

test('totals of a resumed session count only what is new, and are handed on', () => {
  const call = (total: number, resumed?: string, before?: Usage) =>
    usageOf({ sessionTotals: { inputTokens: total, outputTokens: total / 2, model: 'm' } }, resumed, before)
  const first = call(100)
  expect(first).toEqual({
    usage: { inputTokens: 100, outputTokens: 50, model: 'm' },
    sessionTotals: { inputTokens: 100, outputTokens: 50, model: 'm' },
  })
  const second = call(160, 'S', first.sessionTotals)
  expect(second.usage).toEqual({ inputTokens: 60, outputTokens: 30, model: 'm' })
  expect(call(170, 'S', second.sessionTotals).usage).toEqual({ inputTokens: 10, outputTokens: 5, model: 'm' })
  // It started counting anew.
  expect(call(20, 'S', second.sessionTotals).usage).toEqual({ inputTokens: 20, outputTokens: 10, model: 'm' })
})

test('of a session whose totals are not known, a cost is left to be computed, tokens count in full', () => {
  const reading = { usage: { inputTokens: 5 }, sessionTotals: { costUsd: 9 } }
  expect(usageOf(reading, 'S', undefined)).toEqual({ usage: { inputTokens: 5 }, sessionTotals: { costUsd: 9 } })
  expect(usageOf(reading, 'S', { costUsd: 8 }).usage).toEqual({ inputTokens: 5, costUsd: 1 })
  expect(usageOf({ sessionTotals: { inputTokens: 800 } }, 'S', undefined).usage).toEqual({ inputTokens: 800 })
  // A new session has no earlier part, whatever one is told.
  expect(usageOf(reading, undefined, { costUsd: 8 }).usage).toEqual({ inputTokens: 5, costUsd: 9 })
})
