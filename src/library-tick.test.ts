import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import type { Agent, AgentRequest } from './core/ports.ts'
import { buildPlan, type Finding, memoryState, memoryWorkspaces, patterns, reply, scripted, tick } from './index.ts'
import { FakeClock, memoryStore } from './testing.ts'

function patternOf(id: string) {
  const found = patterns.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no pattern ${id}`)
  return found
}
const finding = (id: string, more: Partial<Finding> = {}): Finding => ({
  ...{ id, source: 'todo', title: `the title of ${id}`, weight: 'normal' },
  ...more,
})
const findings = [finding('todo:1')]
const plan = buildPlan(patternOf('daily-triage'), { level: 'L2' })
const rejects = (text = 'it is wrong') =>
  scripted({ replies: { verifier: () => `Evidence: ${text}\n\n## Verdict: REJECT` } })
const edits = (path: string, content = 'x\n') =>
  scripted({ replies: { implementer: () => reply({ text: 'done', edits: [{ write: path, content }] }) } })

/** An agent that notes what it is asked. */
function noting(inner: Agent) {
  const requests: AgentRequest[] = []
  const agent: Agent = {
    name: inner.name,
    run: async (request, call) => {
      requests.push(request)
      return await inner.run(request, call)
    },
  }
  return { agent, requests }
}

test('a tick goes from finding to commit with an agent and nothing else, on no disk', async () => {
  const { agent, requests } = noting(scripted())
  const result = await tick(plan, { agent, findings, clock: new FakeClock() })
  expect(result).toMatchObject({
    pattern: 'daily-triage',
    level: 'L2',
    agent: 'scripted',
    decision: 'act',
    outcome: 'committed',
    verdict: 'accept',
    item: { id: 'todo:1', attempt: 1 },
    change: { files: ['src/example.ts'] },
    gate: { decision: 'allow' },
    tokens: 5000,
    spent: 5000,
    cap: 100_000,
    startedAt: '2026-01-01T00:00:00.000Z',
  })
  expect(requests.map(({ role }) => role)).toEqual(['triager', 'implementer', 'verifier'])
  expect(requests.filter(({ cwd }) => existsSync(cwd))).toEqual([])
  expect(JSON.parse(JSON.stringify(result))).toEqual(result)
})

test('it needs no time, no network and no process of this machine', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'Date'] })
  try {
    const result = await tick(plan, { agent: scripted(), findings, clock: new FakeClock() })
    expect(result.outcome).toBe('committed')
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('where nothing is found no agent is called and no token spent', async () => {
  const { agent, requests } = noting(scripted())
  const result = await tick(plan, { agent })
  expect(result).toMatchObject({ decision: 'noop', outcome: 'noop', tokens: 0 })
  expect(requests).toEqual([])
})

test.each(['L0', 'L1', 'L2', 'L3'] as const)('at %s it does what the plan permits', async (level) => {
  const its = buildPlan(plan.pattern, { level })
  const { outcome } = await tick(its, { agent: scripted(), findings })
  expect(outcome).toBe({ L0: 'drafted', L1: 'reported', L2: 'committed', L3: 'escalated' }[level])
  const checked = await tick(its, { agent: scripted(), findings, checks: { test: () => true } })
  expect(checked.outcome).toBe({ L0: 'drafted', L1: 'reported', L2: 'committed', L3: 'committed' }[level])
})

test('checks see the change in a fresh copy, and say no by an answer or an error', async () => {
  const seen: (readonly string[])[] = []
  const options = { agent: edits('a.txt', 'new\n'), findings, files: { 'a.txt': 'old\n', 'b.txt': 'b\n' } }
  const good = await tick(plan, {
    ...options,
    checks: {
      reads: ({ files }) => {
        seen.push([...(files?.list() ?? []), files?.read('a.txt') ?? ''])
        files?.write('a.txt', 'of the check\n')
        return true
      },
    },
  })
  expect(good).toMatchObject({ outcome: 'committed', checks: [{ name: 'reads', ok: true }] })
  expect(seen).toEqual([['a.txt', 'b.txt', 'new\n']])
  const bad = await tick(plan, {
    ...options,
    checks: {
      says: () => 'too loud',
      no: () => false,
      throws: () => {
        throw new Error('broken')
      },
    },
  })
  expect(bad).toMatchObject({ outcome: 'rejected', reason: 'failed: says, no, throws' })
  expect(bad.checks.map(({ error }) => error)).toEqual(['too loud', 'it said no', 'broken'])
})

test('workspaces that are given hold the branch of what was let through, and nothing of what was not', async () => {
  const workspaces = memoryWorkspaces()
  workspaces.lay('/mine', { 'a.txt': 'old\n' })
  const options = { findings, workspaces, project: '/mine' }
  const { branch = '' } = await tick(plan, { ...options, agent: edits('a.txt', 'new\n') })
  expect(workspaces.show('/mine', branch, 'a.txt')).toBe('new\n')
  const rejected = await tick(plan, { ...options, agent: rejects() })
  expect(workspaces.show('/mine', `loopwright/${rejected.run}`, 'src/example.ts')).toBeUndefined()
})

test('with the same store a tick knows how often an item was tried, and what the day has spent', async () => {
  const store = memoryStore()
  const outcomes: string[] = []
  for (let n = 1; n <= 4; n++) {
    const result = await tick(plan, { agent: rejects(), findings, store })
    outcomes.push(`${result.outcome} ${result.item?.attempt ?? '-'} ${result.spent > result.tokens}`)
  }
  expect(outcomes).toEqual(['rejected 1 false', 'rejected 2 true', 'rejected 3 true', 'reported - true'])
  const named = await tick(plan, { agent: scripted(), findings, store, item: 'todo:1' })
  expect(named).toMatchObject({ outcome: 'committed', item: { attempt: 4 } })
  const fresh = await tick(plan, { agent: scripted(), findings })
  expect(fresh).toMatchObject({ outcome: 'committed', item: { attempt: 1 }, spent: 5000 })
})

test('with the same state a triager reads what earlier ticks did, and what is committed is not done again', async () => {
  const [store, state] = [memoryStore(), memoryState()]
  const first = await tick(plan, { agent: scripted(), findings, store, state })
  expect(state.results).toEqual([first])
  const { agent, requests } = noting(scripted())
  const second = await tick(plan, { agent, findings, store, state })
  expect(second).toMatchObject({ decision: 'report', outcome: 'reported' })
  expect(requests[0]?.prompt).toContain('tick 1: act (accept)')
  state.note = '- loop-pause-all\n'
  const third = await tick(plan, { agent, findings, store, state })
  expect(third).toMatchObject({ outcome: 'halted', decision: 'halt' })
  expect(requests).toHaveLength(1)
})

test('the budget is of the UTC day: from 80 % it only reports, at the cap it does nothing, tomorrow it goes on', async () => {
  const clock = new FakeClock()
  const store = memoryStore({ now: () => clock.now() })
  const next = (id: string, tokens = 24_000) =>
    tick(plan, { agent: scripted(), findings: [finding(id)], store, clock, budget: { tokens } })
  for (const id of ['a', 'b', 'c', 'd']) expect(await next(id)).toMatchObject({ outcome: 'committed', cap: 24_000 })
  expect(await next('e')).toMatchObject({ outcome: 'reported', level: 'L1', lowered: expect.stringContaining('80 %') })
  expect(await next('e', 20_000)).toMatchObject({ outcome: 'halted', tokens: 0, cap: 20_000 })
  clock.advance(24 * 60 * 60 * 1000)
  expect(await next('e')).toMatchObject({ outcome: 'committed', spent: 5000 })
})

test('no tick starts while the kill switch of the store is on', async () => {
  const store = memoryStore()
  await store.killSwitch(true)
  const { agent, requests } = noting(scripted())
  await expect(tick(plan, { agent, findings, store })).rejects.toMatchObject({ code: 'killed' })
  expect(requests).toEqual([])
})

test('what is risky is escalated; whoever is given decides', async () => {
  const risky = { agent: edits('.env'), findings }
  const store = memoryStore()
  expect(await tick(plan, { ...risky, store })).toMatchObject({ outcome: 'escalated', gate: { trigger: 'denylist' } })
  expect(await tick(plan, { ...risky, store })).toMatchObject({
    outcome: 'reported',
    items: [{ why: 'waits for a human' }],
  })
  const asked: unknown[] = []
  const yes = await tick(plan, {
    ...risky,
    ask: async (request) => {
      asked.push(request)
      return { approved: true, by: 'ada' }
    },
  })
  expect(asked).toMatchObject([{ item: 'todo:1', files: ['.env'] }])
  expect(yes).toMatchObject({ outcome: 'committed', decided: { approved: true, by: 'ada', note: '' } })
  const no = await tick(plan, { ...risky, ask: async () => ({ approved: false, note: 'never' }) })
  expect(no).toMatchObject({ outcome: 'rejected', decided: { approved: false, note: 'never' } })
})

test('a gate of one’s own, an agent that edits the state file, and a pull request', async () => {
  const gate = { denylist: ['docs/**'] }
  expect(await tick(plan, { agent: edits('docs/a.md'), findings, gate })).toMatchObject({ outcome: 'escalated' })
  expect(await tick(plan, { agent: edits('STATE.md'), findings })).toMatchObject({ outcome: 'denied' })
  const url = 'http://127.0.0.1/pull/1'
  const proposed = await tick(plan, { agent: scripted(), findings, propose: async () => ({ url }) })
  expect(proposed).toMatchObject({ outcome: 'proposed', url })
})

test('a dry run says what would be, and leaves nothing in store and state', async () => {
  const [store, state] = [memoryStore(), memoryState()]
  const result = await tick(plan, { agent: scripted(), findings, store, state, dryRun: true })
  expect(result).toMatchObject({ outcome: 'would_commit', dryRun: true, tokens: 5000 })
  expect(state.results).toEqual([])
  expect(await tick(plan, { agent: scripted(), findings, store })).toMatchObject({ item: { attempt: 1 } })
})

test('two ticks of one pattern at once on one store are refused, of two stores not', async () => {
  const store = memoryStore()
  const both = await Promise.allSettled([1, 2].map(() => tick(plan, { agent: scripted(), findings, store })))
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(both[1]).toMatchObject({ reason: { code: 'conflict' } })
  const apart = await Promise.all([1, 2].map(() => tick(plan, { agent: scripted(), findings })))
  expect(apart.map(({ outcome }) => outcome)).toEqual(['committed', 'committed'])
})

test('an agent that throws makes a failed tick, one that is stopped a conflict', async () => {
  const throws: Agent = {
    name: 'throws',
    run: async () => {
      throw new Error('no model')
    },
  }
  const clock = new FakeClock()
  const failing = tick(plan, { agent: throws, findings, clock })
  let over = false
  void failing.finally(() => {
    over = true
  })
  for (let turns = 0; turns < 1000 && !over; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.step()
  }
  expect(await failing).toMatchObject({ outcome: 'failed', reason: 'the triager failed: no model' })
  const stop = new AbortController()
  stop.abort()
  await expect(tick(plan, { agent: scripted(), findings, signal: stop.signal })).rejects.toMatchObject({
    code: 'conflict',
  })
})
