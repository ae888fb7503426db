import { expect, test } from 'vitest'
import { exampleRun } from '../../../test/fixtures/journals.ts'
import type { RunResult } from '../../core/result.ts'
import { emptyView } from '../../core/view.ts'
import { type ReportReaders, repairMetric, repairRounds } from './repair.ts'

const readers: ReportReaders = {
  log: (path) => (path === '/gone' ? undefined : { text: `end of ${path}`, path }),
  picture: ({ name, path }) => ({ name, path }),
}
const view = emptyView(exampleRun())
const resultOf = (...history: unknown[]) => ({ history }) as unknown as RunResult

const item = {
  iteration: 2,
  verdict: 'next',
  reasons: ['score 0.5 is not >= 0.9', 'play: console: boom'],
  metric: { name: 'score', value: 0.5 },
  lesson: 'round 2: tried fix',
  stages: [
    {
      stage: 'play',
      ok: false,
      duration: 1.5,
      failure: 'timeout',
      error: 'timed out after 1s',
      log: '/l/play',
      screenshots: ['/a/r2-end.png'],
    },
    { stage: 'verify', ok: true, duration: 0.2, failure: null, error: null, log: '/gone', output: 'all good' },
  ],
}

test('a round shows its stages with the ends of their logs, pictures, metric, why it goes on and what it taught', () => {
  const [round] = repairRounds(view, resultOf(item), readers)
  expect(round).toMatchObject({
    number: 2,
    state: 'failed',
    verdict: 'goes on',
    summary: 'score 0.5 is not >= 0.9; play: console: boom',
    metric: 0.5,
    lessons: ['round 2: tried fix'],
    screenshots: [{ name: 'r2-end.png', path: '/a/r2-end.png' }],
    stages: [
      {
        name: 'play',
        state: 'failed',
        durationMs: 1500,
        failure: 'timeout',
        error: 'timed out after 1s',
        log: { text: 'end of /l/play' },
      },
      { name: 'verify', state: 'ok', log: { text: 'all good' } },
    ],
  })
})

test('healthy, blocked and rolled back are told apart', () => {
  const rolled = { ...item, rolled_back: { to: 'abc', because: 'verify broke' } }
  const states = repairRounds(
    view,
    resultOf({ ...item, verdict: 'complete' }, { ...item, verdict: 'blocked' }, rolled),
    readers,
  )
  expect(states.map(({ state, verdict }) => [state, verdict])).toEqual([
    ['ok', 'healthy'],
    ['failed', 'blocked'],
    ['rolled_back', 'goes on'],
  ])
  expect(states[2]?.summary).toBe('rolled back: verify broke')
})

test('the metric has a point for each round that measured it', () => {
  const baseline = { metric: 'score', direction: 'greater_equal', value: 0.9 } as never
  const history = resultOf({ ...item, iteration: 1, metric: null }, item, {
    ...item,
    iteration: 3,
    rolled_back: { to: 'abc' },
  })
  expect(repairMetric({ baseline }, history)).toEqual({
    name: 'score',
    direction: 'greater_equal',
    target: 0.9,
    points: [
      { round: 2, value: 0.5, kept: true },
      { round: 3, value: 0.5, kept: false },
    ],
  })
  expect(repairMetric({ baseline: undefined }, history)).toBeUndefined()
})

test('nonsense in a history does not break a report', () => {
  const nonsense = [null, 7, 'text', [], { stages: 5 }, { stages: [null, { screenshots: [3] }], rolled_back: 'x' }]
  expect(repairRounds(view, resultOf(...nonsense), readers)).toHaveLength(nonsense.length)
})
