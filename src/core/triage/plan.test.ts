import { expect, test } from 'vitest'
import { patternOf } from '../../../test/fixtures/triage.ts'
import { type Level, levels, permissions } from './level.ts'
import { buildPlan } from './plan.ts'

test('a plan is made for the pattern’s own week-one level where nobody says another', () => {
  expect(buildPlan(patternOf('daily-triage'))).toMatchObject({
    level: 'L1',
    permissions: permissions.L1,
    cadence: { kind: 'range', text: '1d-2h' },
    dailyTokenCap: 100_000,
    stages: ['discover', 'triage', 'record'],
    notes: [],
  })
  expect(buildPlan(patternOf('ci-sweeper')).level).toBe('L2')
})

test.each<[Level, readonly string[]]>([
  ['L0', ['discover', 'triage']],
  ['L1', ['discover', 'triage', 'record']],
  ['L2', ['discover', 'triage', 'implement', 'verify', 'gate', 'propose or escalate', 'record']],
  ['L3', ['discover', 'triage', 'implement', 'verify', 'gate', 'merge, propose or escalate', 'record']],
])('at %s it does what the level may', (level, stages) => {
  expect(buildPlan(patternOf(), { level })).toMatchObject({ level, stages, permissions: permissions[level] })
})

test('people are told of a level above the first week’s, and of risk without anybody beside it', () => {
  expect(buildPlan(patternOf('daily-triage'), { level: 'L3' }).notes).toHaveLength(1)
  expect(buildPlan(patternOf('ci-sweeper'), { level: 'L3' }).notes).toEqual([
    'the registry starts this pattern at L2, and L3 goes further',
    'risk medium: watch it at L2 first',
  ])
})

test('a plan is plain JSON', () => {
  for (const level of levels) {
    const plan = buildPlan(patternOf(), { level })
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  }
})

test.each(['L4', '', 'l2', 'constructor', '__proto__'])('there is no level %j', (level) => {
  expect(() => buildPlan(patternOf(), { level: level as Level })).toThrow(
    expect.objectContaining({ code: 'bad_input', hint: 'L0, L1, L2 or L3' }),
  )
})
