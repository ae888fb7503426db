import { describe, expect, test } from 'vitest'
import type { Level } from './level.ts'
import { type PromotionFacts, weighPromotion } from './promotion.ts'
import type { TickResult } from './tick.ts'

const facts: PromotionFacts = { gateFile: true, constraints: true, checks: true, sandbox: true }
const tick = (day: number, more: Partial<TickResult> = {}): TickResult => ({
  ...{ run: `run-${day}`, pattern: 'p', name: 'P', tick: 1, level: 'L1', dryRun: false, agent: 'scripted' },
  ...{ decision: 'report', outcome: 'reported', reason: '', items: [], skipped: [], checks: [] },
  ...{ tokens: 0, costUsd: 0, spent: 0, cap: null, duration: 1 },
  startedAt: new Date(Date.UTC(2026, 0, 1 + day, 9)).toISOString(),
  ...more,
})
const days = (count: number, more: Partial<TickResult> = {}) => Array.from({ length: count }, (_, at) => tick(at, more))
const acted: Partial<TickResult> = { level: 'L2', decision: 'act', outcome: 'proposed', verdict: 'accept' }
const weigh = (from: Level, to: Level, ticks: readonly TickResult[], of = facts) =>
  weighPromotion({ pattern: 'p', from, to, ticks, facts: of })
const against = (promotion: ReturnType<typeof weigh>) =>
  promotion.evidence.filter((one) => !one.ok).map((one) => one.text)

describe('from L1 to L2', () => {
  test('five ticks on three days, a gate file and constraints earn it', () => {
    expect(weigh('L1', 'L2', days(5)).earned).toBe(true)
  })
  test.each<[string, readonly TickResult[], Partial<PromotionFacts>, string[]]>([
    ['four ticks', days(4), {}, ['ticks at L1 without a failure: 4, needs 5']],
    ['one day', Array.from({ length: 9 }, () => tick(0)), {}, ['days with such a tick: 1, needs 3']],
    [
      'dry runs',
      days(9, { dryRun: true }),
      {},
      ['ticks at L1 without a failure: 0, needs 5', 'days with such a tick: 0, needs 3'],
    ],
    [
      'halted ticks',
      days(9, { decision: 'halt' }),
      {},
      ['ticks at L1 without a failure: 0, needs 5', 'days with such a tick: 0, needs 3'],
    ],
    [
      'ticks at L0',
      days(9, { level: 'L0' }),
      {},
      ['ticks at L1 without a failure: 0, needs 5', 'days with such a tick: 0, needs 3'],
    ],
    [
      'ticks of another',
      days(9, { pattern: 'q' }),
      {},
      ['ticks at L1 without a failure: 0, needs 5', 'days with such a tick: 0, needs 3'],
    ],
    ['no gate file', days(9), { gateFile: false }, ['no gate.yaml']],
    ['no constraints', days(9), { constraints: false }, ['no loop-constraints.md']],
  ])('%s: not yet', (_, ticks, more, expected) => {
    expect(against(weigh('L1', 'L2', ticks, { ...facts, ...more }))).toEqual(expected)
  })
  test('a failure makes the count begin anew, in whatever order the ticks come', () => {
    const ticks = [...days(9), tick(9, { outcome: 'failed' }), tick(10)].reverse()
    expect(against(weigh('L1', 'L2', ticks))[0]).toBe(
      'ticks at L1 without a failure since the failure of 2026-01-10: 1, needs 5',
    )
    expect(weigh('L1', 'L2', [...ticks, ...[11, 12, 13, 14].map((day) => tick(day))]).earned).toBe(true)
  })
})

describe('from L2 to L3', () => {
  test('twenty accepted ticks earn it', () => {
    expect(weigh('L2', 'L3', days(20, acted)).earned).toBe(true)
  })
  test('nine of ten accepted are enough, fewer are not', () => {
    const mixed = (bad: number, how: Partial<TickResult>) => [
      ...days(20 - bad, acted),
      ...days(bad, { ...acted, ...how }),
    ]
    expect(weigh('L2', 'L3', mixed(2, { verdict: 'reject', outcome: 'rejected' })).earned).toBe(true)
    expect(weigh('L2', 'L3', mixed(3, { verdict: 'reject', outcome: 'rejected' })).earned).toBe(false)
    const no = { decided: { approved: false, by: 'somebody', note: '' } }
    expect(against(weigh('L2', 'L3', mixed(3, no)))).toEqual([
      '85 % of them accepted (3 turned down by a person), needs 90 %',
    ])
  })
  test('one refused change is one too many, until it is long past', () => {
    const gate = { ...({ decision: 'deny', trigger: 'protected', reason: '' } as const), matchedPaths: [], risks: [] }
    const ticks = [tick(0, { ...acted, gate }), ...days(30, acted).slice(1)]
    expect(against(weigh('L2', 'L3', ticks))).toEqual(['changes refused by a gate: 1'])
    expect(weigh('L2', 'L3', [...ticks, ...days(60, acted).slice(30)]).earned).toBe(true)
  })
  test('reports count for nothing, and checks and a sandbox are needed', () => {
    expect(weigh('L2', 'L3', days(50, { level: 'L2' })).earned).toBe(false)
    expect(against(weigh('L2', 'L3', days(20, acted), { ...facts, checks: false, sandbox: false }))).toEqual([
      'no checks',
      'no sandbox that works',
    ])
  })
})

test('levels are not skipped; going down is always allowed', () => {
  expect(against(weigh('L1', 'L3', days(50)))).toEqual(['one level at a time: L1 → L2 first'])
  expect(weigh('L3', 'L1', []).earned).toBe(true)
  expect(weigh('L0', 'L1', [tick(0, { level: 'L0' })]).earned).toBe(true)
  expect(weigh('L0', 'L1', []).earned).toBe(false)
})
