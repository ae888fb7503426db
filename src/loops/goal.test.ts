import { expect, test } from 'vitest'
import { came, goalWorld, verdict } from '../../test/fixtures/goal.ts'
import { of, quiet } from '../../test/fixtures/kernel.ts'
import { reply } from '../agents/scripted/reply.ts'
import type { JsonObject } from '../core/json.ts'

/** True for a call about this subgoal. */
const isFor = (context: JsonObject | undefined, id: string) => JSON.stringify(context?.subgoal).includes(`"${id}"`)

// ── the loop ─────────────────────────────────────────────────────────────────

test('a goal goes through intake, plan, workers, checkpoint, checks and review to its end', async () => {
  const world = goalWorld({ agent: { subgoals: ['one', 'two'] } })
  const run = await world.win({ criteria: [], verify: ['npm test'] })
  expect(run).toMatchObject({ status: 'done', reason: 'done' })
  expect(came(run)).toMatchObject({ completed: true, iterations: 1, stop_reason: 'goal_complete' })
  expect(world.requests.map(({ role }) => role)).toEqual(['criteria', 'decomposer', 'worker', 'worker', 'reviewer'])
  expect(world.log).toEqual(['merge i1-1=s1 i1-2=s2', 'checkpoint loopwright: iteration 1', 'check npm test'])
})

test('an iteration that is not accepted is fed back to the next one', async () => {
  const world = goalWorld({ agent: { acceptOnIteration: 2 } })
  const run = await world.win()
  expect(came(run)).toMatchObject({ completed: true, iterations: 2 })
  const [first, second] = world.prompts('decomposer')
  expect(first).not.toContain('was not accepted')
  expect(second).toContain('The last iteration was not accepted. Its work is still there.')
  expect(second).toContain('## Reviewer issues\n- The first pass is too shallow: add specifics.')
  expect(second).toContain('## Gates not passed\n- quality_ok')
  expect(world.prompts('worker')[1]).toContain('What was wrong with the last iteration')
})

test('phases are said as they change; verify only where there is a check', async () => {
  const world = goalWorld()
  const phases = async (id: string) =>
    of(await world.journal(id), 'emitted')
      .filter(({ name }) => name === 'phase_changed')
      .map(({ data }) => (data as { to: string }).to)
  const plain = await world.win()
  expect(await phases(plain.id)).toEqual(['intake', 'decompose', 'execute', 'review', 'done'])
  const checked = await world.win({ verify: ['true'] })
  expect(await phases(checked.id)).toEqual(['intake', 'decompose', 'execute', 'verify', 'review', 'done'])
})

test('the history has the shape clients know', async () => {
  const world = goalWorld()
  const run = await world.win({ verify: ['npm test'] })
  expect(came(run).history).toEqual([
    {
      iteration: 1,
      subgoals: [{ id: 's1', description: 'the work' }],
      results: [{ id: 's1', ok: true, error: null }],
      review: { gates_passed: true, goal_complete: true, issues: [] },
      verification: [{ name: 'npm test', ok: true, exit_code: 0, stdout: '', stderr: '', error: null, duration: 1 }],
    },
  ])
  expect(came(run).final_output).toBe('### s1: the work\nCompleted s1: the work')
})

// ── what blocks acceptance ───────────────────────────────────────────────────

test('a failing check blocks acceptance whatever the reviewer says, and what it printed is fed back', async () => {
  const world = goalWorld({
    check: (_, calls) => (calls === 1 ? { ok: false, exit_code: 1, stdout: '1 of 9 tests failed' } : {}),
  })
  const run = await world.win({ verify: ['npm test'] })
  expect(came(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(came(run).history[0]).toMatchObject({ review: { gates_passed: true, goal_complete: true } })
  expect(world.prompts('reviewer')[0]).toContain('FAILED npm test: exit 1\n1 of 9 tests failed')
  expect(world.prompts('decomposer')[1]).toContain('## Verification failures\n- npm test: exit 1\n1 of 9 tests failed')
})

test('a check that passed without running a test is no pass', async () => {
  const world = goalWorld({ check: () => ({ ok: false, vacuous: true, error: 'no test ran' }) })
  const run = await world.win({ verify: ['npm test'], budget: { iterations: 1 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_iterations (1) reached' })
  expect(came(run)).toMatchObject({ completed: false, history: [{ verification: [{ ok: false, vacuous: true }] }] })
})

test('every check runs, also after one that failed', async () => {
  const world = goalWorld({ check: (check) => ({ ok: check.name !== 'one' }) })
  await world.win({ verify: ['one', 'two'], budget: { iterations: 1 } })
  expect(world.log.filter((line) => line.startsWith('check '))).toEqual(['check one', 'check two'])
})

test('a review that cannot be read is no pass', async () => {
  const world = goalWorld({ agent: { replies: { reviewer: () => 'looks good to me!' } } })
  const run = await world.win({ budget: { iterations: 2 } })
  expect(run).toMatchObject({ status: 'stopped' })
  expect(came(run).history[0]?.review).toEqual({
    gates_passed: false,
    goal_complete: false,
    issues: ['its answer holds no verdict'],
  })
  expect(world.prompts('decomposer')[1]).toContain('the review could not be used: its answer holds no verdict')
})

test('a worker that fails after its retries is a failed result that reviewer and feedback see', async () => {
  const world = goalWorld({
    agent: {
      subgoals: ['good', 'bad'],
      replies: {
        worker: ({ context }, { number }) => {
          return isFor(context, 's2') ? reply({ outcome: 'failed', message: `no luck ${number}` }) : 'did it'
        },
        reviewer: verdict(),
      },
    },
  })
  const run = await world.win({ budget: { iterations: 1 } })
  expect(run.status).toBe('stopped')
  expect(came(run).history[0]?.results).toEqual([
    { id: 's1', ok: true, error: null },
    { id: 's2', ok: false, error: 'no luck 2' },
  ])
  expect(came(run).final_output).toBe('### s1: good\ndid it\n\n### s2: bad\nno luck 2')
  expect(world.prompts('reviewer')[0]).toContain('### s2: bad\nno luck 2')
  const again = world.prompts('worker').filter((prompt) => prompt.includes('CONTINUE'))
  expect(again).toHaveLength(1)
  expect(again[0]).toMatch(/^A previous attempt .* Inspect the working directory first and CONTINUE/)
})

test('a worker that throws, or says nothing, has failed; the run goes on', async () => {
  const world = goalWorld({
    agent: {
      subgoals: ['throws', 'silent'],
      replies: { worker: ({ context }) => (isFor(context, 's1') ? reply({ throw: 'crashed' }) : ' ') },
    },
    retries: 0,
  })
  const run = await world.win({ budget: { iterations: 1 } })
  expect(came(run).history[0]?.results).toEqual([
    { id: 's1', ok: false, error: 'crashed' },
    { id: 's2', ok: false, error: 'empty output' },
  ])
})

// ── hooks ────────────────────────────────────────────────────────────────────

test('a hook that exits 2 before acceptance blocks it, and what it said is feedback', async () => {
  let calls = 0
  const world = goalWorld({
    hooks: { beforeAccept: [{ name: 'gate', argv: ['gate'] }] },
    hook: () => (++calls === 1 ? { exitCode: 2, stderr: 'the changelog is missing' } : { exitCode: 0 }),
  })
  const run = await world.win()
  expect(came(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(world.prompts('decomposer')[1]).toContain('## Blocked by a hook\n- the changelog is missing')
})

test('a hook that exits otherwise is reported and passed over', async () => {
  const world = goalWorld({
    hooks: { beforeIteration: [{ argv: ['hook'] }], afterAccept: [{ argv: ['hook'] }] },
    hook: () => ({ exitCode: 1, stderr: 'broken hook' }),
  })
  const run = await world.win()
  expect(run.status).toBe('done')
  const told = of(await world.journal(run.id), 'emitted').filter(({ name }) => name === 'hook_failed')
  expect(told.map(({ data }) => data)).toEqual([
    { hook: 'beforeIteration', error: 'broken hook' },
    { hook: 'afterAccept', error: 'broken hook' },
  ])
})

test.each(['beforeWorker', 'afterWorker'] as const)('a %s hook that exits 2 fails that worker', async (name) => {
  const world = goalWorld({
    hooks: { [name]: [{ argv: ['hook'] }] },
    hook: () => ({ exitCode: 2, stderr: 'not now' }),
  })
  const run = await world.win({ budget: { iterations: 1 } })
  expect(came(run).history[0]?.results).toEqual([{ id: 's1', ok: false, error: 'blocked by a hook: not now' }])
  expect(world.prompts('worker')).toHaveLength(name === 'beforeWorker' ? 0 : 1)
})

// ── plans ────────────────────────────────────────────────────────────────────

test('a plan that cannot be read becomes one subgoal: the goal', async () => {
  const world = goalWorld({ agent: { replies: { decomposer: () => 'I would rather talk about it.' } } })
  const run = await world.win()
  expect(came(run).history[0]?.subgoals).toEqual([{ id: 'goal', description: 'win the game' }])
  const [decomposed] = of(await world.journal(run.id), 'emitted').filter(({ name }) => name === 'decomposed')
  expect(decomposed?.data).toMatchObject({ degraded: 'the plan could not be read' })
})

test('a plan that is too long is cut, and that is said', async () => {
  const world = goalWorld({ agent: { subgoals: ['a', 'b', 'c'] } })
  const run = await world.win({ maxSubgoals: 2 })
  expect(came(run).history[0]?.subgoals).toHaveLength(2)
  const [decomposed] = of(await world.journal(run.id), 'emitted').filter(({ name }) => name === 'decomposed')
  expect(decomposed?.data).toMatchObject({ left_out: 1 })
})

test('prompts hold what their readers need: goal, criteria, plan rules, checks, changed files', async () => {
  const world = goalWorld({ agent: { subgoals: ['one', 'two'] } })
  await world.win({ criteria: ['every test passes'], verify: ['npm test'], maxSubgoals: 7 })
  const [plan] = world.prompts('decomposer')
  expect(plan).toContain('Goal:\nwin the game')
  expect(plan).toContain('Success criteria:\n- every test passes')
  expect(plan).toContain('At most 7 subgoals.')
  expect(plan).toContain('separate copies of the repository')
  const [work] = world.prompts('worker')
  expect(work).toContain('Your subgoal (s1):\none')
  expect(work).toContain('- every test passes')
  expect(work).toContain('The work will be checked with these commands:\n- npm test')
  const [review] = world.prompts('reviewer')
  expect(review).toContain('### s1: one\nCompleted s1: one\n\n### s2: two\nCompleted s2: two')
  expect(review).toContain('Files changed so far:\n- a.txt')
  expect(review).toContain('Checks:\n- npm test: passed')
  const system = world.requests.find(({ role }) => role === 'worker')?.system
  expect(system).toContain('First inspect what is there')
  expect(system).toContain('Do not commit')
})

test('every agent is told in its environment where it stands', async () => {
  const world = goalWorld()
  const run = await world.win()
  const worker = world.requests.find(({ role }) => role === 'worker')
  expect(worker?.env).toEqual({
    LOOPWRIGHT_RUN: run.id,
    LOOPWRIGHT_ROLE: 'worker',
    LOOPWRIGHT_ITERATION: '1',
    LOOPWRIGHT_SUBGOAL: 's1',
  })
  expect(worker?.context).toMatchObject({ iteration: 1, goal: 'win the game', criteria: ['it is won'] })
})

test('with playwright the browser tests are a check once, and the agents are told', async () => {
  const world = goalWorld()
  await world.win({ playwright: true, verify: ['npm test'] })
  await world.win({ playwright: true, verify: ['npx playwright test --reporter=line'] })
  expect(world.log.filter((line) => line.startsWith('check '))).toEqual([
    'check npm test',
    'check npx playwright test',
    'check npx playwright test --reporter=line',
  ])
  for (const role of ['worker', 'reviewer']) expect(world.prompts(role)[0]).toContain('in a real browser')
})

// ── stops ────────────────────────────────────────────────────────────────────

test('at the cap on iterations the run stops with what it has, and goes on with a larger one', async () => {
  const world = goalWorld({ agent: { acceptOnIteration: 3 } })
  const run = await world.win({ budget: { iterations: 2 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_iterations (2) reached' })
  expect(came(run)).toMatchObject({ completed: false, iterations: 2 })
  await world.runs.reopen(run.id, { iterations: 4 })
  const done = await world.drive(run.id)
  expect(came(done)).toMatchObject({ completed: true, iterations: 3, stop_reason: 'goal_complete' })
  expect(world.prompts('decomposer')).toHaveLength(3)
})

test('every call counts against the cap on agent calls, intake too', async () => {
  const world = goalWorld({ agent: { acceptOnIteration: 9 } })
  const run = await world.win({ criteria: [], budget: { agentCalls: 3 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_agent_calls (3) reached' })
  expect(world.requests.map(({ role }) => role)).toEqual(['criteria', 'decomposer', 'worker'])
  expect(world.log).toEqual(['checkpoint loopwright: iteration 1'])
  expect(came(run).history[0]?.review?.issues).toEqual(['max_agent_calls (3) reached'])
})

test('a stop in the middle ends the workers, commits what they did, and runs no check or review', async () => {
  const world = goalWorld({
    agent: {
      replies: {
        worker: (_, { signal }) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve('half of it'))),
      },
    },
  })
  const run = await world.begin({ verify: ['npm test'] })
  const driving = world.runs.drive(run.id)
  await quiet()
  await world.runs.stop(run.id, 'enough for today')
  const stopped = await world.settle(driving)
  expect(stopped).toMatchObject({ status: 'stopped', reason: 'enough for today' })
  expect(world.log).toEqual(['checkpoint loopwright: iteration 1'])
  expect(world.prompts('reviewer')).toEqual([])
  expect(came(stopped).history[0]?.results).toEqual([{ id: 's1', ok: false, error: 'stopped by a signal' }])
})

// ── wall clock ───────────────────────────────────────────────────────────────

/** A goal whose workers take ten minutes of a clock that nobody else moves. */
function slowWorkers(change: { acceptOnIteration?: number } = {}) {
  const world = goalWorld({
    agent: {
      acceptOnIteration: 2,
      ...change,
      replies: {
        worker: () => {
          world.clock.advance(600_000)
          return 'after ten minutes'
        },
      },
    },
    kernel: { leaseMs: 3_600_000_000 },
  })
  return world
}

test('the cap on seconds is looked at between phases: the worker finishes, its work is kept, the run stops', async () => {
  const world = slowWorkers()
  const run = await world.win({ budget: { seconds: 300 }, verify: ['npm test'] })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_seconds (300s) reached' })
  expect(came(run)).toMatchObject({ completed: false, iterations: 1, history: [{ results: [{ ok: true }] }] })
  expect(world.log).toEqual(['checkpoint loopwright: iteration 1'])
  expect(world.prompts('reviewer')).toEqual([])
})

test('after a resume the seconds count anew, however long nobody resumed it', async () => {
  const world = slowWorkers()
  const run = await world.win({ budget: { seconds: 1_000 } })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_seconds (1000s) reached' })
  world.clock.advance(86_400_000)
  await world.runs.reopen(run.id)
  const done = await world.drive(run.id)
  expect(done.reason).toBe('done')
  expect(came(done)).toMatchObject({ completed: true, stop_reason: 'goal_complete' })
})

test('a run within its seconds is not stopped by them', async () => {
  const world = slowWorkers({ acceptOnIteration: 1 })
  expect(await world.win({ budget: { seconds: 3_600 } })).toMatchObject({ status: 'done' })
})

test('the time a person takes to answer does not count', async () => {
  const world = goalWorld({ agent: { questions: ['which?'] } })
  const run = await world.win({ ask: true, budget: { seconds: 60 } })
  world.clock.advance(86_400_000)
  const [ask] = of(await world.journal(run.id), 'ask_opened')
  await world.runs.answer(run.id, ask?.ask ?? '', ['this'])
  expect(await world.drive(run.id)).toMatchObject({ status: 'done' })
})
