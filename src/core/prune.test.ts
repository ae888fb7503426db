import { expect, test } from 'vitest'
import type { RunRecord, RunStatus } from './ports.ts'
import { toPrune } from './prune.ts'

function run(id: string, status: RunStatus, at: number, parent?: string): RunRecord {
  return {
    id,
    loop: 'goal',
    kind: 'goal',
    version: '1',
    spec: {},
    labels: {},
    project: '/p',
    scopes: [],
    createdAt: at,
    updatedAt: at,
    status,
    epoch: 1,
    segmentSeq: 0,
    lastSeq: 0,
    activeMs: 0,
    ...(parent === undefined ? {} : { parent: { run: parent, key: '0/:1' } }),
  }
}

const runs = [
  run('a', 'done', 100),
  run('b', 'failed', 200),
  run('c', 'running', 300),
  run('d', 'done', 400),
  run('e', 'killed', 900),
]
const ids = (rule: Parameters<typeof toPrune>[1]) => toPrune(runs, rule, 1_000).map((one) => one.id)

test('only what is over for good goes by default', () => {
  expect(ids({})).toEqual(['a', 'd', 'e'])
  expect(ids({ olderThanMs: 500 })).toEqual(['a', 'd'])
  expect(ids({ keep: 2 })).toEqual(['a'])
  expect(ids({ outcomes: ['failed'] })).toEqual(['b'])
})

test('a run under way never goes, nor does the parent of a run that stays', () => {
  expect(ids({ outcomes: ['running'] })).toEqual([])
  expect(toPrune([run('p', 'done', 1), run('k', 'failed', 2, 'p')], {}, 10)).toEqual([])
})
