import { expect, test } from 'vitest'
import { exampleBodies, exampleRun, historyItem, journal } from '../../test/fixtures/journals.ts'
import type { EventBody } from './event.ts'
import type { Json } from './json.ts'
import type { RunRecord } from './ports.ts'
import { exitCode, rehydrate, runResult, statusFacts } from './result.ts'
import { emptyView, fold } from './view.ts'

const report: Json = {
  completed: false,
  iterations: 1,
  stop_reason: '',
  final_output: 'half of it',
  summary: '',
  history: [historyItem(1, false)],
}
const see = (bodies: readonly EventBody[]) => fold(emptyView(exampleRun()), journal(bodies))
const unfinished = exampleBodies.slice(0, -1)
const row = (given: Partial<RunRecord>) => exampleRun({ lastSeq: 30, ...given })

test('a finished goal run has the shape that clients know, with spend and workspace', () => {
  const last = exampleBodies.at(-1)
  const value = last?.kind === 'run_finished' ? last.value : undefined
  const result = runResult(see(exampleBodies), row({ status: 'done', reason: 'done', result: value ?? null }))
  expect(result).toEqual({
    run_id: '20260101-120000-abc123',
    status: 'done',
    completed: true,
    iterations: 1,
    stop_reason: 'goal_complete',
    final_output: 'it works',
    summary: 'completed in 1 iteration(s) | reason: goal_complete | worktree loopwright/x (2 files changed)',
    history: [historyItem(1, true)],
    spend: { agent_calls: 4, tokens: 400, cost_usd: 0.01, iterations: 1, active_seconds: 2.5 },
    worktree: {
      path: '/trees/x',
      branch: 'loopwright/x',
      changed_files: ['a.ts', 'b.ts'],
      checkpoints: [{ iteration: 1, commit: 'c0ffee' }],
    },
    workspace: expect.objectContaining({ path: '/trees/x' }),
  })
})

test.each([
  [{ status: 'stopped', reason: 'max_iterations (4) reached' }, 'max_iterations (4) reached', 1, 'stopped after'],
  [{ status: 'paused', reason: 'interrupted' }, 'interrupted', 130, 'interrupted after'],
  [{ status: 'paused', reason: 'paused' }, 'interrupted', 1, 'interrupted after'],
  [{ status: 'killed', reason: 'killed' }, 'killed', 2, 'killed after'],
  [{ status: 'cancelled', reason: 'no' }, 'cancelled', 1, 'cancelled after'],
  [{ status: 'failed', reason: 'git said\nno' }, 'run_error', 2, 'failed after'],
  [{ status: 'waiting', reason: 'timer' }, 'waiting (timer)', 1, 'waiting after'],
] as const)('a run that is %j keeps what it reported: %s, exit %i', (given, reason, code, words) => {
  const result = runResult(see(unfinished), row({ ...given, result: report }))
  expect(result).toMatchObject({ completed: false, stop_reason: reason, final_output: 'half of it', iterations: 1 })
  expect(result.history).toHaveLength(1)
  expect(result.summary).toContain(words)
  expect(result.summary).not.toContain('\n')
  expect(exitCode(row({ ...given, result: report }))).toBe(code)
})

test('a run that waits for a person hands out its questions and the token', () => {
  const view = see([
    { kind: 'ask_opened', key: '0/:3', name: 'intake', ask: '0/:3', request: { questions: ['which?', 'when?'] } },
    { kind: 'run_suspended', reason: 'input', asks: ['0/:3'] },
  ])
  const waiting = row({ status: 'waiting', reason: 'input' })
  expect(runResult(view, waiting)).toMatchObject({
    stop_reason: 'needs_input',
    questions: ['which?', 'when?'],
    token: '0/:3',
    workspace: null,
    history: [],
  })
  expect(exitCode(waiting)).toBe(3)
})

test('a failed run says what went wrong', () => {
  const error = { code: 'workspace', message: 'git said no', hint: 'see git' } as const
  const result = runResult(see([{ kind: 'run_failed', error }]), row({ status: 'failed', reason: error.message }))
  expect(result).toMatchObject({ error, summary: 'failed after 0 iteration(s) | reason: run_error: git said no' })
})

test.each([
  ['hello', 'hello'],
  [{ answer: 42 }, '{"answer":42}'],
  [[1, 2], '[1,2]'],
  [{ completed: true, n: 1 }, '{"completed":true,"n":1}'],
  [null, ''],
  [undefined, ''],
] as const)('a loop of your own may return any JSON: %j', (value, text) => {
  const run = row({ status: 'done', reason: 'done', ...(value === undefined ? {} : { result: value }) })
  expect(runResult(see([]), run)).toMatchObject({ completed: true, final_output: text, stop_reason: 'done' })
  expect(exitCode(run)).toBe(0)
})

test('a loop that ended without reaching its goal exits 1, by an error of its agent 2, with questions 3', () => {
  const ended = (stop_reason: string) => row({ status: 'done', result: { completed: false, stop_reason } })
  expect(exitCode(ended('max_seconds (5s) reached'))).toBe(1)
  expect(exitCode(ended('intake_agent_error'))).toBe(2)
  expect(exitCode(ended('needs_input'))).toBe(3)
  expect(runResult(see([]), ended('loop_agent_error'))).toMatchObject({
    completed: false,
    stop_reason: 'loop_agent_error',
    summary: 'ended after 0 iteration(s) | reason: loop_agent_error',
  })
})

test('a result too large for the journal is in the row, where it was put with the end of the run', () => {
  const ref = { path: 'blobs/x.json', bytes: 9, hash: 'x' }
  const view = see([{ kind: 'run_finished', ref }])
  const done = row({ status: 'done', result: 'the whole of it' })
  expect(runResult(view, done).final_output).toBe('the whole of it')
  expect(runResult(view, done, 'all of it')).toMatchObject({ completed: true, final_output: 'all of it' })
  expect(exitCode(done, 'all of it')).toBe(0)
})

test('a run whose driver died is shown as interrupted and rehydrated, any other as it is', () => {
  const running = row({ status: 'running' })
  expect(rehydrate(running, false)).toBe(running)
  const found = rehydrate(running, true)
  const view = see(unfinished)
  expect(runResult(view, found)).toMatchObject({ stop_reason: 'interrupted', rehydrated: true, completed: false })
  expect(exitCode(found)).toBe(130)
  const folder = { path: '/runs/x', events: 3, seq: 9 }
  expect(statusFacts(view, found, folder)).toMatchObject({
    running: false,
    stop_reason: 'interrupted',
    rehydrated: true,
  })
  expect(statusFacts(view, running, folder)).toEqual({
    run_id: view.id,
    run_dir: '/runs/x',
    running: true,
    status: 'running',
    phase: 'decompose',
    iteration: 1,
    events: 3,
    seq: 9,
    started_at: 1000.2,
    updated_at: expect.any(Number),
    completed: false,
    stop_reason: null,
  })
})

test.each([
  ['intake', 'agent_auth', 'intake_agent_error'],
  ['execute', 'agent_auth', 'loop_agent_error'],
  ['decompose', 'missing_tool', 'loop_agent_error'],
  ['execute', 'workspace', 'run_error'],
] as const)('an agent that cannot work fails the run by its phase: in %s with %s it is %s', (phase, code, reason) => {
  const failed = row({ status: 'failed', reason: 'no' })
  const view = { ...emptyView(failed), phase, error: { code, message: 'no' } }
  expect(runResult(view, failed).stop_reason).toBe(reason)
})
