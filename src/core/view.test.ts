import fc from 'fast-check'
import { expect, test } from 'vitest'
import { everyKind, exampleBodies, exampleRun, journal, settled, started } from '../../test/fixtures/journals.ts'
import type { EventBody, EventKind, JournalEvent } from './event.ts'
import { eventLines } from './progress.ts'
import { emptyView, fold, reduce } from './view.ts'

const kinds: Record<EventKind, true> = {
  run_started: true,
  run_claimed: true,
  step_started: true,
  step_settled: true,
  timer_set: true,
  timer_fired: true,
  ask_opened: true,
  child_started: true,
  iteration_started: true,
  signal_received: true,
  cancel_requested: true,
  stop_requested: true,
  reopened: true,
  budget_warned: true,
  step_aborted: true,
  emitted: true,
  changed: true,
  continued: true,
  run_suspended: true,
  run_paused: true,
  run_stopped: true,
  run_error: true,
  run_finished: true,
  run_failed: true,
  run_cancelled: true,
  run_killed: true,
}

const see = (bodies: readonly EventBody[]) => fold(emptyView(exampleRun()), journal(bodies))

test('a finished run is seen with its iterations, agents, checks, spend, workspace and checkpoints', () => {
  const view = see(exampleBodies)
  expect(view).toMatchObject({
    goal: 'make the tests pass',
    status: 'done',
    phase: 'decompose',
    iteration: 1,
    startedAt: 1_000_200,
    spend: { iterations: 1, agentCalls: 4, agents: 4, tokens: 400, microUsd: 10_000 },
    workspace: { path: '/trees/x', branch: 'loopwright/x', isolated: true },
    checkpoints: [{ iteration: 1, commit: 'c0ffee', files: ['a.ts'] }],
    changedFiles: ['a.ts', 'b.ts'],
    history: [{ iteration: 1, subgoalsOk: 2, subgoalsTotal: 2, checksOk: 1, checksTotal: 1, goalComplete: true }],
    checks: [{ name: 'npm test', state: 'passed', exitCode: 0 }],
    review: { goal_complete: true },
    result: { completed: true },
    error: undefined,
  })
  expect(view.workers.map((one) => [one.role, one.subgoal?.id, one.state, one.call])).toEqual([
    ['decomposer', undefined, 'done', 1],
    ['worker', 's1', 'done', 1],
    ['worker', 's2', 'done', 2],
  ])
  expect(view.workers[1]?.preview).toHaveLength(600)
})

test('a worker that failed and will be tried again is waiting, and its retry takes the same row', () => {
  const at = exampleBodies.findIndex((body) => body.kind === 'timer_set')
  const waiting = see(exampleBodies.slice(0, at + 1)).workers.at(-1)
  expect(waiting).toMatchObject({ state: 'waiting', error: 'empty output', resumesAt: 1_009_000 })
  expect(see(exampleBodies.slice(0, at + 3)).workers).toHaveLength(3)
})

test('a call that a cap refused is a failed row although it never began', () => {
  const error = { code: 'budget_exceeded', message: 'max_agent_calls (1) reached' } as const
  const view = see([{ kind: 'step_settled', key: '0/1.0:0', name: 'worker s1', attempt: 1, effect: 'agent', error }])
  expect(view.workers).toMatchObject([
    { role: 'worker', subgoal: { id: 's1' }, state: 'failed', outcome: 'budget', error: error.message },
  ])
})

test('a rate-limited call is waiting until its limit resets', () => {
  const limited = settled('0/:0', 'worker', { outcome: 'rate_limited', resetAt: 5_000_000 })
  expect(see([started('0/:0', 'worker'), limited]).workers).toMatchObject([{ state: 'waiting', resumesAt: 5_000_000 }])
})

test('when its driver dies a call waits for the next one, which takes it up in the same row', () => {
  const claimed: EventBody = { kind: 'run_claimed', driver: 'd2', version: '1' }
  expect(see([started('0/:0', 'worker'), claimed]).workers).toMatchObject([{ state: 'waiting' }])
  const view = see([started('0/:0', 'worker'), claimed, started('0/:0', 'worker', undefined, 1, 2)])
  expect(view.workers).toMatchObject([{ state: 'running', attempt: 2 }])
})

test('no call is left running in a run that is over', () => {
  const view = see([started('0/:0', 'worker'), { kind: 'run_killed', reason: 'killed' }])
  expect(view).toMatchObject({ status: 'killed', workers: [{ state: 'failed', outcome: 'aborted' }] })
})

test('a question is open until it is answered, and no more once its branch is gone', () => {
  const ask = (key: string): EventBody => ({ kind: 'ask_opened', key, name: 'q', ask: key, request: 'why?' })
  const asked = [ask('0/:0'), ask('0/1.0:0')]
  expect(see(asked).asks.map((one) => one.id)).toEqual(['0/:0', '0/1.0:0'])
  expect(see([...asked, { kind: 'run_suspended', reason: 'input', asks: ['0/:0'] }]).asks).toHaveLength(1)
  const answer: EventBody = { kind: 'signal_received', signal: { id: 'a', kind: 'answer', target: '0/:0', payload: 1 } }
  expect(see([...asked, answer]).asks.map((one) => one.id)).toEqual(['0/1.0:0'])
})

test('a fork keeps where it stands of what it copied, not what that cost or when it ran', () => {
  const run = exampleRun({ meta: { forkedFrom: 'other' }, status: 'queued' })
  const copied = journal(exampleBodies.slice(0, -2), { epoch: 0 })
  const before = fold(emptyView(run), copied)
  expect(before).toMatchObject({ status: 'queued', iteration: 1, startedAt: undefined, forkedFrom: 'other' })
  expect(before.checkpoints).toHaveLength(1)
  const next: readonly EventBody[] = [
    { kind: 'run_claimed', driver: 'd', version: '1' },
    { kind: 'iteration_started', key: '0/:9', name: 'iteration', iteration: 2 },
  ]
  const view = fold(before, journal(next, { from: copied.length + 1 }))
  expect(view).toMatchObject({ status: 'running', iteration: 2, spend: { iterations: 1, agentCalls: 0 } })
})

test('a new segment ends what the one before left open', () => {
  const view = see([
    { kind: 'ask_opened', key: '0/:0', name: 'q', ask: '0/:0', request: 'why?' },
    started('0/1.0:0', 'worker'),
    { kind: 'continued', version: '1', segment: 1, state: { n: 1 }, mailbox: [], iteration: 7 },
  ])
  expect(view).toMatchObject({ segment: 1, iteration: 7, asks: [], workers: [] })
})

test('a larger budget shows in the caps, a stop in status and reason', () => {
  const stopped = see([{ kind: 'run_stopped', reason: 'max_iterations (4) reached' }])
  expect(stopped).toMatchObject({ status: 'stopped', reason: 'max_iterations (4) reached' })
  const view = see([{ kind: 'reopened', caps: { iterations: 9 } }])
  expect(view.caps).toEqual({ iterations: 9 })
})

test('every kind of event is accepted, and one that nobody knows yet only counts', () => {
  const seen = new Set(everyKind.map((body) => body.kind))
  expect([...seen].sort()).toEqual(Object.keys(kinds).sort())
  expect(see(everyKind).seq).toBe(everyKind.length)
  const unknown = { kind: 'from_the_future', seq: 1, epoch: 1, ts: 5 } as unknown as JournalEvent
  expect(reduce(emptyView(exampleRun()), unknown)).toMatchObject({ seq: 1, updatedAt: 5, status: 'queued' })
})

test('folding in pieces, from any view, in any order of kinds, is folding in one go, and changes no view', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...everyKind), { maxLength: 60 }), fc.nat(60), (bodies, cut) => {
      const events = journal(bodies)
      const start = emptyView(exampleRun())
      const whole = fold(start, events)
      const first = fold(start, events.slice(0, cut))
      const frozen = JSON.stringify(first)
      const again = fold(fold(first, events.slice(cut)), events)
      expect(again).toEqual(whole)
      expect(JSON.stringify(first)).toBe(frozen)
      expect(start).toEqual(emptyView(exampleRun()))
    }),
  )
})

test('facts of a shape nobody expected do not break the fold', () => {
  const values = [null, 'text', 7, [], [null], { path: 3 }, { text: 4, outcome: {} }]
  for (const effect of ['agent', 'check', 'workspace', 'checkpoint', 'merge']) {
    for (const value of values) see([{ kind: 'step_settled', key: 'odd', name: 'odd', attempt: 1, effect, value }])
  }
  for (const name of ['decomposed', 'phase_changed', 'iteration_finished']) {
    for (const data of values) see([{ kind: 'emitted', key: 'e', name, data }])
  }
})

test('rows of calls that are over are bounded; one that just ended is always there', () => {
  const ids = Array.from({ length: 500 }, (_, n) => n)
  const begin = ids.map((n) => started(`0/1.${n}:0`, 'worker', `s${n}`))
  const end = ids.map((n) => settled(`0/1.${n}:0`, `worker s${n}`, { text: 'ok' }))
  let view = emptyView(exampleRun())
  for (const event of journal([started('0/:0', 'watcher'), ...begin, ...end])) {
    view = reduce(view, event)
    if (event.kind === 'step_settled') expect(view.workers.find((one) => one.key === event.key)?.state).toBe('done')
  }
  expect(view.workers).toHaveLength(201)
  expect(view.workers[0]).toMatchObject({ role: 'watcher', state: 'running' })
  expect(view.workers.at(-1)?.subgoal?.id).toBe('s499')
  expect(view.spend.agentCalls).toBe(500)
})

test('what the supervisor noticed and who took over are warnings, and stand in the event lines', () => {
  const events = journal([
    started('0/:0', 'worker', 's1'),
    settled('0/:0', 'worker s1', { text: '', outcome: 'rate_limited', notices: ['did the same 3 times'] }),
    {
      kind: 'emitted',
      key: 'e',
      name: 'agent_fallback',
      data: { role: 'worker', from: 'claude-code', to: 'codex', because: 'rate_limited' },
    },
  ])
  let view = emptyView(exampleRun())
  const lines = events.flatMap((event) => {
    view = reduce(view, event)
    return eventLines(view, event)
  })
  expect(view.warnings.map((one) => one.text)).toEqual([
    'did the same 3 times',
    'claude-code is at its limit: codex takes over as worker',
  ])
  expect(lines.find((line) => line.kind === 'subagent_failed')?.data).toMatchObject({
    notices: ['did the same 3 times'],
  })
  expect(lines.at(-1)).toMatchObject({ kind: 'agent_fallback', data: { to: 'codex' } })
})

test('a checkpoint of more files than the journal holds still tells how many', () => {
  const digest = { commit: 'c1', changedFiles: ['a'], changed: 20_000, totalChangedFiles: ['a'], totalChanged: 30_000 }
  const settledEvent: EventBody = {
    kind: 'step_settled',
    key: 'k',
    name: 'checkpoint',
    attempt: 1,
    effect: 'checkpoint',
    ref: { path: 'p', hash: 'h', bytes: 1 },
    detail: digest,
  }
  const [event] = journal([settledEvent])
  if (event === undefined) throw new Error('no event')
  const view = reduce(emptyView(exampleRun()), event)
  expect(view).toMatchObject({ changedFiles: ['a'], changedCount: 30_000, checkpoints: [{ commit: 'c1' }] })
  expect(eventLines(view, event)[0]?.data).toMatchObject({ changed: 20_000 })
})
