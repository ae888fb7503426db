import { expect, test } from 'vitest'
import { type InboxEntry, inboxItems } from './inbox.ts'
import type { Json } from './json.ts'
import type { RunRecord } from './ports.ts'
import { emptyView } from './view.ts'

function entry(id: string, updatedAt: number, requests: readonly Json[], more: Partial<InboxEntry> = {}): InboxEntry {
  const run: RunRecord = {
    id,
    loop: 'triage',
    kind: 'triage',
    version: '1',
    spec: {},
    project: '/shop',
    scopes: [],
    labels: {},
    createdAt: 0,
    updatedAt,
    status: 'waiting',
    epoch: 1,
    segmentSeq: 0,
    lastSeq: 0,
    activeMs: 0,
  }
  const asks = requests.map((request, i) => ({ id: `0/:${i}`, name: 'ask', request }))
  return { run, view: { ...emptyView(run), asks, updatedAt }, answered: [], ...more }
}

const escalation = {
  kind: 'escalation',
  pattern: 'ci-sweeper',
  item: 'ci:main/test',
  title: 'Mend \u001B[31mthe tests',
  reason: 'denylist',
  files: ['src/pay.ts'],
  branch: 'loopwright/x',
}

test('what waits longest comes first, with all that a person needs to decide', () => {
  const items = inboxItems([entry('b', 5000, ['Which port?']), entry('a', 2000, [escalation])], 12_000)
  expect(items).toEqual([
    {
      run_id: 'a',
      token: 'a~0._0',
      kind: 'escalation',
      status: 'waiting',
      loop: 'triage',
      project: '/shop',
      title: 'Mend the tests',
      reason: 'denylist',
      pattern: 'ci-sweeper',
      item: 'ci:main/test',
      files: ['src/pay.ts'],
      branch: 'loopwright/x',
      questions: ['Approve “Mend the tests”? denylist (yes or no)'],
      waiting_since: 2,
      age: 10,
      answered: false,
      commands: ['loopwright diff a', 'loopwright approve a', 'loopwright deny a --note "…"'],
    },
    expect.objectContaining({
      run_id: 'b',
      kind: 'question',
      title: 'Which port?',
      branch: null,
      age: 7,
      commands: ['loopwright answer b "…"'],
    }),
  ])
})

test('of several questions of a run each has its own token to type', () => {
  const items = inboxItems([entry('a', 0, [escalation, { questions: ['Which?', 'Where?'] }])], 0)
  expect(items.map(({ commands }) => commands.at(-1))).toEqual([
    'loopwright deny a~0._0 --note "…"',
    'loopwright answer a~0._1 "…" "…"',
  ])
})

test('what is answered says how the run goes on', () => {
  const [item] = inboxItems([entry('a', 0, [escalation], { answered: ['0/:0'] })], -5)
  expect(item).toMatchObject({ answered: true, age: 0, commands: ['loopwright resume a'] })
})
