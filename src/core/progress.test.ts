import { expect, test } from 'vitest'
import {
  emitted,
  everyKind,
  exampleBodies,
  exampleRun,
  historyItem,
  journal,
  started,
} from '../../test/fixtures/journals.ts'
import type { EventBody, JournalEvent } from './event.ts'
import type { Json } from './json.ts'
import { type EventLine, eventLines, progressLine, progressMessage } from './progress.ts'
import { emptyView, type RunView, reduce } from './view.ts'

function each<T>(bodies: readonly EventBody[], look: (view: RunView, event: JournalEvent) => T): T[] {
  let view = emptyView(exampleRun())
  return journal(bodies).map((event) => {
    view = reduce(view, event)
    return look(view, event)
  })
}
const lines = (bodies: readonly EventBody[]): EventLine[] => each(bodies, eventLines).flat()

test('a goal run is told in the kinds that clients know', () => {
  expect(lines(exampleBodies).map((line) => line.kind)).toEqual([
    'run_started',
    'phase_changed',
    'intake_started',
    'intake_finished',
    'worktree_ready',
    'iteration_started',
    'phase_changed',
    'agent_started',
    'agent_finished',
    'decomposed',
    'subagent_started',
    'subagent_started',
    'subagent_finished',
    'subagent_failed',
    'retry_scheduled',
    'subagent_started',
    'subagent_finished',
    'aggregated',
    'check_started',
    'check_finished',
    'verification',
    'review',
    'checkpoint',
    'iteration_finished',
    'run_finished',
  ])
})

test('a line has seq, seconds, kind, iteration and data, and seqs rise strictly', () => {
  const all = lines(everyKind)
  expect(all[0]).toEqual({
    seq: 1,
    ts: 1000.2,
    kind: 'run_started',
    iteration: 0,
    data: expect.objectContaining({ goal: 'make the tests pass' }),
  })
  expect(all.find((line) => line.kind === 'decomposed')?.iteration).toBe(1)
  for (const [at, line] of all.entries()) expect(line.seq).toBeGreaterThan(all[at - 1]?.seq ?? 0)
  for (const line of all) expect(JSON.parse(JSON.stringify(line))).toMatchObject({ seq: line.seq, kind: line.kind })
})

test('a finished worker shows 600 characters, how many there were, and where the rest is', () => {
  const finished = lines(exampleBodies).find((line) => line.kind === 'subagent_finished')
  expect(finished?.data).toMatchObject({
    subgoal: 's1',
    description: 'do s1',
    agent: 'scripted',
    preview: 'x'.repeat(600),
    chars: 700,
    output_path: '/runs/x/workers/iter1_s1.out',
    duration: 0.2,
  })
  const failed = lines(exampleBodies).find((line) => line.kind === 'subagent_failed')
  expect(failed?.data).toMatchObject({ subgoal: 's2', outcome: 'failed', error: 'empty output' })
})

test('a worker that a cap refused, or whose result does not count, is shown as failed', () => {
  const error = { code: 'budget_exceeded', message: 'max_agent_calls (1) reached' } as const
  const refused: EventBody = {
    kind: 'step_settled',
    key: '0/:0',
    name: 'worker s1',
    attempt: 1,
    effect: 'agent',
    error,
  }
  expect(lines([refused])).toMatchObject([
    { kind: 'subagent_failed', data: { outcome: 'budget', error: error.message } },
  ])
  const aborted: EventBody = { kind: 'step_aborted', key: '0/:1', name: 'worker s2', attempt: 1, reason: 'cancel' }
  expect(lines([started('0/:1', 'worker', 's2'), aborted])[1]).toMatchObject({
    kind: 'subagent_failed',
    data: { subgoal: 's2', outcome: 'aborted', error: 'cancel' },
  })
})

test.each([
  [{ questions: ['a?', 'b?'] }, ['a?', 'b?']],
  [['a?'], ['a?']],
  ['a?', ['a?']],
  [{ question: 'a?' }, ['a?']],
])('a question of any shape (%j) is shown as a list with the token that answers it', (request, questions) => {
  const [line] = lines([{ kind: 'ask_opened', key: '0/:3', name: 'intake', ask: '0/:3', request }])
  expect(line).toMatchObject({ kind: 'needs_input', data: { questions, token: '0/:3' } })
})

test('a run that fails is a run_error; a stop, a pause and a suspension have kinds of their own', () => {
  const error = { code: 'workspace', message: 'git said no', hint: 'see git' } as const
  expect(lines([{ kind: 'run_failed', error }])).toMatchObject([
    { kind: 'run_error', data: { error: 'git said no', code: 'workspace', hint: 'see git' } },
  ])
  const others = lines([
    { kind: 'run_stopped', reason: 'max_iterations (4) reached' },
    { kind: 'run_paused', reason: 'interrupted' },
    { kind: 'run_suspended', reason: 'timer', wakeAt: 2_000_000 },
  ])
  expect(others.map((line) => line.kind)).toEqual(['run_stopped', 'run_paused', 'run_suspended'])
  expect(others[2]?.data).toMatchObject({ reason: 'timer', wake_at: 2000 })
})

test('a loop says what it likes, but cannot speak in the name of the engine', () => {
  expect(lines([emitted('tested', { n: 1 })])).toMatchObject([{ kind: 'tested', data: { n: 1 } }])
  expect(lines([emitted('run_finished', { completed: true })])).toMatchObject([{ kind: 'custom_run_finished' }])
})

test('a preview never cuts a character in half', () => {
  const value = { text: `${'x'.repeat(599)}😀`, outcome: 'done' }
  const bodies: EventBody[] = [
    started('0/:0', 'worker'),
    { kind: 'step_settled', key: '0/:0', name: 'worker', attempt: 1, effect: 'agent', value },
  ]
  expect(lines(bodies)[1]?.data.preview).toBe('x'.repeat(599))
})

test('progress is one line and one sentence per iteration', () => {
  const bodies = [
    exampleBodies[0] as EventBody,
    emitted('iteration_finished', { item: historyItem(1, false) }, 'a'),
    emitted('iteration_finished', { item: historyItem(2, true) }, 'b'),
    emitted('iteration_finished', { item: { ...historyItem(3, true), verification: [] } }, 'c'),
  ]
  expect(each(bodies, progressLine)).toEqual([
    undefined,
    {
      iteration: 1,
      subgoals_ok: 1,
      subgoals_total: 2,
      verification_ok: 0,
      verification_total: 1,
      goal_complete: false,
    },
    { iteration: 2, subgoals_ok: 2, subgoals_total: 2, verification_ok: 1, verification_total: 1, goal_complete: true },
    { iteration: 3, subgoals_ok: 2, subgoals_total: 2, verification_ok: 0, verification_total: 0, goal_complete: true },
  ])
  expect(each(bodies, progressMessage)).toEqual([
    'run 20260101-120000-abc123 started, at most 4 iterations',
    'iteration 1/4: 1/2 subgoals ok, gates fail, goal incomplete, verification fail',
    'iteration 2/4: 2/2 subgoals ok, gates pass, goal complete, verification pass',
    'iteration 3/4: 2/2 subgoals ok, gates pass, goal complete',
  ])
})

test('a finished round is a sentence and a line too, and nonsense under its name is none that throws', () => {
  const view = { ...emptyView(exampleRun({ kind: 'repair' })), iteration: 2 }
  const finished = (item: Json): JournalEvent => ({
    ...{ kind: 'emitted', key: '0/:1', name: 'round_finished', seq: 1, epoch: 1, ts: 1 },
    data: { item },
  })
  const item = {
    iteration: 2,
    stages: [
      { stage: 'play', ok: true, error: null, duration: 1 },
      { stage: 'verify', ok: false, error: 'exit 1', duration: 3.2 },
    ],
    results: [
      { id: 'play', ok: true },
      { id: 'verify', ok: false },
    ],
    verification: [{ name: 'verify', ok: false }],
    metric: { name: 'score', value: 0.82, wanted: '>= 0.9', ok: false },
    rolled_back: { to: 'c1', because: 'verify fails now' },
    verdict: 'next',
  }
  expect(progressMessage(view, finished(item))).toBe(
    'round 2/4: play ok, verify FAILED (exit 1, 3.2s), score 0.82, wanted >= 0.9, rolled back',
  )
  expect(progressLine(view, finished(item))).toMatchObject({
    ...{ iteration: 2, subgoals_ok: 1, subgoals_total: 2, verification_ok: 0, verification_total: 1 },
    goal_complete: false,
  })
  expect(progressLine(view, finished({ ...item, verdict: 'complete' }))).toMatchObject({ goal_complete: true })
  for (const odd of [null, 7, [], { stages: [null, 7, {}], metric: 3 }])
    expect(() => [progressMessage(view, finished(odd)), progressLine(view, finished(odd))]).not.toThrow()
})
