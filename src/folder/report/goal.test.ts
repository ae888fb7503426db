import { expect, test } from 'vitest'
import { emptyFacts } from '../../../test/fixtures/report.ts'
import type { Json } from '../../core/json.ts'
import { renderReport } from '../report.ts'
import { goalMetric, goalRounds } from './goal.ts'

const item = (iteration: number, ok: boolean): Json => ({
  iteration,
  subgoals: [{ id: 's1', description: 'add the flag' }],
  results: [{ id: 's1', ok: true, error: null }],
  review: { gates_passed: true, goal_complete: ok, issues: ok ? [] : ['the help text is missing'] },
  verification: [
    { name: 'npm test', ok, exit_code: ok ? 0 : 1, stdout: 'out', stderr: 'err', error: null, duration: 1.5 },
    { name: 'lint', ok: true, exit_code: 0, stdout: '', stderr: '', error: null, duration: 0.5 },
  ],
})

test('a goal run is told iteration by iteration, and how many checks passed', () => {
  const { view, result, generatedAt } = emptyFacts()
  const done = { ...result, history: [item(1, false), item(2, true)] }
  const rounds = goalRounds({ ...view, iteration: 2 }, done)
  expect(rounds.map(({ number, verdict }) => [number, verdict])).toEqual([
    [1, 'not accepted'],
    [2, 'accepted'],
  ])
  expect(rounds[0]?.checks[0]).toEqual({
    name: 'npm test',
    ok: false,
    exitCode: 1,
    durationMs: 1500,
    log: { text: 'out\nerr' },
  })
  expect(goalMetric(rounds)).toMatchObject({ target: 2, points: [{ value: 1 }, { value: 2 }] })
  const metric = goalMetric(rounds)
  const page = renderReport({ view, result: done, rounds, generatedAt, ...(metric === undefined ? {} : { metric }) })
  for (const part of ['add the flag', 'the help text is missing', 'not accepted', 'Checks passed'])
    expect(page).toContain(part)
})

test('the iteration under way is told as the view knows it', () => {
  const { view, result } = emptyFacts()
  const check = { key: 'k', name: 'npm test', state: 'failed', exitCode: 1, duration: 2, error: 'exit code 1' } as const
  const rounds = goalRounds({ ...view, status: 'running', iteration: 1, checks: [check] }, result)
  expect(rounds).toMatchObject([
    { number: 1, state: 'running', checks: [{ name: 'npm test', ok: false, durationMs: 2000 }] },
  ])
  expect(goalMetric(rounds)).toBeUndefined()
})

test.each([
  [null],
  [7],
  ['text'],
  [[]],
  [{ iteration: 'x', subgoals: 3, results: {}, review: [], verification: [null] }],
])('history that is none is no reason to fail: %j', (found) => {
  const { view, result } = emptyFacts()
  const rounds = goalRounds(view, { ...result, history: [found as Json] })
  expect(renderReport({ view, result, rounds, generatedAt: 0 })).toContain('Iteration 1')
})
