import { expect, test } from 'vitest'
import { Sessions } from './sessions.ts'

const reading = { text: '', chars: 0, complete: true, sessionId: 'S' }

test('without totals the usage is that of the call', () => {
  expect(new Sessions().usageOf({ ...reading, usage: { inputTokens: 3 } }, 'S')).toEqual({ inputTokens: 3 })
  expect(new Sessions().usageOf(reading, undefined)).toBeUndefined()
})

test('totals of a resumed session count only what is new', () => {
  const sessions = new Sessions()
  const call = (total: number, resumed?: string) =>
    sessions.usageOf(
      { ...reading, sessionTotals: { inputTokens: total, outputTokens: total / 2, model: 'm' } },
      resumed,
    )
  expect(call(100)).toEqual({ inputTokens: 100, outputTokens: 50, model: 'm' })
  expect(call(160, 'S')).toEqual({ inputTokens: 60, outputTokens: 30, model: 'm' })
  expect(call(170, 'S')).toEqual({ inputTokens: 10, outputTokens: 5, model: 'm' })
  // It started counting anew.
  expect(call(20, 'S')).toEqual({ inputTokens: 20, outputTokens: 10, model: 'm' })
})

test('of a session another process ran, a cost is left to be computed, tokens count in full', () => {
  const sessions = new Sessions()
  expect(sessions.usageOf({ ...reading, usage: { inputTokens: 5 }, sessionTotals: { costUsd: 9 } }, 'S')).toEqual({
    inputTokens: 5,
  })
  expect(sessions.usageOf({ ...reading, usage: { inputTokens: 5 }, sessionTotals: { costUsd: 10 } }, 'S')).toEqual({
    inputTokens: 5,
    costUsd: 1,
  })
  expect(new Sessions().usageOf({ ...reading, sessionTotals: { inputTokens: 800 } }, 'S')).toEqual({ inputTokens: 800 })
})
