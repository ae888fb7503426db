import { expect, test } from 'vitest'
import { priceOf, usageAmounts } from './price.ts'
import { priceSnapshot } from './prices.snapshot.ts'

const mega = { inputTokens: 1_000_000, outputTokens: 1_000_000 }

test('tokens are priced per kind, in millionths of a dollar', () => {
  const usage = {
    inputTokens: 246,
    outputTokens: 90,
    cacheReadTokens: 22,
    cacheWriteTokens: 14,
    model: 'claude-sonnet-4-5',
  }
  // The same call as Claude Code priced it: 0.0021471 dollars.
  expect(priceOf(usage)).toEqual({ microUsd: 2147, known: true })
  expect(usageAmounts(usage)).toEqual({ tokens: 372, microUsd: 2147 })
})

test('a cost the agent reports wins over the table', () => {
  expect(priceOf({ ...mega, model: 'claude-sonnet-4-5', costUsd: 0.0021471 })).toEqual({ microUsd: 2147, known: true })
  expect(priceOf({ costUsd: 0 })).toEqual({ microUsd: 0, known: true })
  expect(priceOf({ costUsd: Number.NaN })).toEqual({ microUsd: 0, known: false })
})

test('the longest name that the model begins with decides', () => {
  expect(priceOf({ ...mega, model: 'gpt-5' }).microUsd).toBe(11_250_000)
  expect(priceOf({ ...mega, model: 'gpt-5-mini-2025-08-07' }).microUsd).toBe(2_250_000)
  expect(priceOf({ ...mega, model: 'claude-opus-4-20250514' }).microUsd).toBe(90_000_000)
  expect(priceOf({ ...mega, model: 'claude-opus-4-5-20251101' }).microUsd).toBe(30_000_000)
  expect(priceOf({ ...mega, model: 'claude-sonnet-4-5[1m]' }).microUsd).toBe(18_000_000)
})

test('vendor prefixes and dotted spellings are understood', () => {
  const models = [
    'anthropic/claude-opus-4.5',
    'us.anthropic.claude-opus-4-5-20251101-v1:0',
    'CLAUDE-OPUS-4-5',
    'claude-opus-4-5@20251101',
  ]
  for (const model of models) expect(priceOf({ ...mega, model })).toEqual({ microUsd: 30_000_000, known: true })
  expect(priceOf({ ...mega, model: 'models/gemini-2.5-pro' }).microUsd).toBe(11_250_000)
})

test('an unknown model and an unlisted version have no price', () => {
  for (const model of ['test-model', 'gpt-5.9', 'claude-opus-4-9', 'o30', 'gpt', '']) {
    expect(priceOf({ ...mega, model })).toEqual({ microUsd: 0, known: false })
  }
  expect(priceOf(mega)).toEqual({ microUsd: 0, known: false })
  expect(usageAmounts({ ...mega, model: 'test-model' })).toEqual({ tokens: 2_000_000, microUsd: 0 })
})

test('overrides add models and beat the snapshot under the same name', () => {
  const overrides = {
    'my-model': { input: 1, output: 2 },
    'gpt-5': { input: 0, output: 0 },
    'local/': { input: 0, output: 0 },
  }
  expect(priceOf({ ...mega, model: 'my-model-2' }, overrides)).toEqual({ microUsd: 0, known: false })
  expect(priceOf({ ...mega, model: 'my-model-large' }, overrides)).toEqual({ microUsd: 3_000_000, known: true })
  expect(priceOf({ ...mega, model: 'gpt-5' }, overrides)).toEqual({ microUsd: 0, known: true })
  expect(priceOf({ ...mega, model: 'local/anything-7b' }, overrides)).toEqual({ microUsd: 0, known: true })
})

test('counts that are no counts are taken as none', () => {
  expect(usageAmounts({ inputTokens: -5, outputTokens: Number.NaN, cacheReadTokens: 3, model: 'gpt-5' })).toEqual({
    tokens: 3,
    microUsd: 0,
  })
})

test('every price of the snapshot is in order', () => {
  for (const [name, price] of Object.entries(priceSnapshot)) {
    expect(name).toBe(name.toLowerCase())
    expect(price.output).toBeGreaterThan(price.input)
    expect(price.cacheRead ?? 0).toBeLessThan(price.input)
  }
})
