import { describe, expect, test } from 'vitest'
import { builtinPatterns } from '../../formats/triage/patterns.ts'
import { parseCadence } from './cadence.ts'
import { estimateCost, parseOrchestration, ticksPerDay } from './cost.ts'
import { levels } from './level.ts'
import type { Pattern } from './pattern.ts'

const patternOf = (id: string): Pattern => {
  const found = builtinPatterns.find((one) => one.id === id)
  if (found === undefined) throw new Error(id)
  return found
}
const daily = patternOf('daily-triage')
const ci = patternOf('ci-sweeper')

describe('ticks a day', () => {
  test.each([
    ['1d', false, 1],
    ['1d-2h', false, 24 / 13],
    ['1d-2h', true, 12],
    ['5m-15m', false, 144],
    ['5m-15m', true, 288],
    ['0 9 * * *', false, 1],
    ['0 9 * * 1-5', false, 5 / 7],
    ['*/15 * * * *', false, 96],
  ])('%s, conservative %s', (text, conservative, expected) => {
    expect(ticksPerDay(parseCadence(text), { conservative })).toBeCloseTo(expected, 2)
  })

  test('an expression for every second is counted soon', () => {
    expect(ticksPerDay(parseCadence('* * * * * *'))).toBeCloseTo(86_400, -2)
  })
})

test('a level has its mix, a milder one where finding nothing is free', () => {
  expect(estimateCost({ pattern: daily, level: 'L1' }).tokensPerTick).toBe(0.6 * 5000 + 0.4 * daily.cost.tokensReport)
  expect(estimateCost({ pattern: ci, level: 'L2', orchestration: { kind: 'single' } }).tokensPerTick).toBe(
    0.85 * 5000 + 0.1 * 50_000 + 0.05 * 200_000,
  )
  expect(estimateCost({ pattern: ci, level: 'L2', conservative: true }).mix).toEqual({
    noop: 0.5,
    report: 0.3,
    action: 0.2,
  })
  expect(estimateCost({ pattern: ci, level: 'L3' }).mix).toEqual({ noop: 0.4, report: 0.35, action: 0.25 })
})

test('a tick that acts takes as often as much as agents work on it', () => {
  const factor = (text: string) =>
    estimateCost({ pattern: ci, level: 'L2', orchestration: parseOrchestration(text) }).actionFactor
  expect(['single', 'maker-checker', 'parallel:3', 'debate:2'].map(factor)).toEqual([1, 2, 4, 3])
  expect(estimateCost({ pattern: ci, level: 'L2' }).orchestration).toBe('maker-checker')
})

test.each(['', 'parallel', 'parallel:0', 'debate:-1', 'debate:100', 'single:2', 'swarm'])(
  '%j is no orchestration',
  (text) => {
    expect(() => parseOrchestration(text)).toThrow('is no orchestration')
  },
)

test('the cap is compared, and passing it is said', () => {
  const calm = estimateCost({ pattern: daily, level: 'L1' })
  expect(calm).toMatchObject({ overCap: false, dailyCap: 100_000 })
  const busy = estimateCost({ pattern: daily, level: 'L1', conservative: true })
  expect(busy.overCap).toBe(true)
  expect(busy.shareOfCap).toBeGreaterThan(1)
  expect(busy.notes.join()).toContain('passes the daily cap of 100,000 tokens')
})

test('a cache makes tokens cheaper, not fewer', () => {
  const [plain, cached] = [false, true].map((caching) => estimateCost({ pattern: ci, caching }))
  expect(cached?.tokensPerDay).toBe(plain?.tokensPerDay)
  expect(cached?.billedTokensPerDay).toBe(Math.round((plain?.tokensPerDay ?? 0) * (1 - 0.9 * ci.cost.stableFraction)))
})

test('dollars come from the model’s price, one’s own first; an unknown model has none', () => {
  const prices = { mine: { input: 1, output: 10, cacheRead: 0.1 } }
  const plain = estimateCost({ pattern: ci, model: 'mine', prices })
  expect(plain.usdPerDay).toBeCloseTo((plain.tokensPerDay * (0.85 + 1.5)) / 1e6, 3)
  const cached = estimateCost({ pattern: ci, model: 'mine', prices, caching: true })
  expect(cached.usdPerDay).toBeLessThan(plain.usdPerDay ?? 0)
  expect(estimateCost({ pattern: ci, model: 'nobody' })).toMatchObject({ usdPerDay: null, usdPerMonth: null })
  expect(estimateCost({ pattern: ci }).notes.join()).toContain('--model')
})

test('more is never cheaper: level by level, and with more agents', () => {
  for (const pattern of builtinPatterns) {
    const all = levels.map((level) => estimateCost({ pattern, level }).tokensPerDay)
    expect([...all].sort((a, b) => a - b)).toEqual(all)
    for (const level of levels) {
      const sure = estimateCost({ pattern, level, conservative: true }).tokensPerDay
      expect(sure).toBeGreaterThanOrEqual(estimateCost({ pattern, level }).tokensPerDay)
    }
  }
})
