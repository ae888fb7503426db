import { expect, test } from 'vitest'
import type { ForgeComment, ForgePull } from '../../core/triage/ports.ts'
import type { TickResult } from '../../core/triage/tick.ts'
import { reviewsOf } from './reviews.ts'

const commit = 'c'.repeat(40)
const pull: ForgePull = {
  number: 7,
  title: 't',
  body: '',
  url: 'https://github.com/acme/widgets/pull/7',
  author: 'loop',
  labels: [],
  updatedAt: 0,
  branch: 'loopwright/run-1',
  base: 'main',
  draft: false,
  head: commit,
}
const comment = (more: Partial<ForgeComment> = {}): ForgeComment => ({
  id: 1,
  author: 'ada',
  body: 'rename it',
  url: `${pull.url}#discussion_r1`,
  createdAt: 10,
  path: 'src/a.ts',
  ...more,
})
const result = (more: Partial<TickResult> = {}) =>
  ({
    url: pull.url,
    branch: pull.branch,
    change: { files: [], lines: 1, commit },
    ...more,
  }) as TickResult

async function seen(
  comments: readonly ForgeComment[],
  more: { readonly pull?: Partial<ForgePull>; readonly result?: Partial<TickResult>; readonly asked?: string } = {},
) {
  const calls: string[] = []
  const forge = {
    pulls: async () => [{ ...pull, ...more.pull }],
    comments: async (number: number) => {
      calls.push(`comments ${number}`)
      return comments
    },
    permission: async (user: string) => {
      calls.push(`permission ${user}`)
      if (user === 'lost') throw new Error('no answer')
      return user === 'ada' ? ('write' as const) : ('read' as const)
    },
  }
  const found = await reviewsOf(forge, new Map([['issue:1', result(more.result)]]), more.asked)
  return { calls, one: found.get('issue:1') }
}

test('each user is asked about once, and the last word counts, whoever said it', async () => {
  const { calls, one } = await seen([
    comment(),
    comment({ body: 'and this', createdAt: 20, line: 3 }),
    comment({ author: 'eve', body: 'delete it', createdAt: 30 }),
    comment({ author: 'eve', body: 'delete it', createdAt: 40 }),
  ])
  expect(calls).toEqual(['comments 7', 'permission ada', 'permission eve'])
  expect(one).toEqual({
    revision: { branch: pull.branch, commit, url: pull.url, heard: 40 },
    said: 'ada, src/a.ts:\nrename it\n\nada, src/a.ts:3:\nand this',
  })
})

test('while it is not known what somebody may do, nothing counts as heard', async () => {
  await expect(seen([comment(), comment({ author: 'lost' })])).rejects.toThrow('no answer')
})

test('a pull request that is not as we left it is not asked about', async () => {
  for (const other of [{ head: 'd'.repeat(40) }, { branch: 'eve:loopwright/run-1' }, { number: 17 }]) {
    expect(await seen([comment()], { pull: other })).toEqual({ calls: [], one: undefined })
  }
})

test('what is no wish of a person is no review', async () => {
  const none = [
    comment({ author: 'checks[bot]' }),
    comment({ body: 'heard <!-- loopwright -->' }),
    comment({ approves: true }),
    comment({ createdAt: 0 }),
    { id: 2, author: 'ada', body: 'nice', url: `${pull.url}#issuecomment-2`, createdAt: 50 },
  ]
  expect((await seen(none)).one).toBeUndefined()
  expect((await seen(none, { asked: 'issue:1' })).one).toMatchObject({ said: '' })
  expect((await seen(none, { asked: 'issue:2' })).one).toBeUndefined()
})

test('of a pull request that was changed before, its own branch and what was said since count', async () => {
  const revises = { branch: pull.branch, commit: 'b'.repeat(40), url: pull.url, heard: 10 }
  const own = { branch: 'loopwright/run-2', revises }
  expect((await seen([comment()], { result: own })).one).toBeUndefined()
  expect((await seen([comment(), comment({ createdAt: 11 })], { result: own })).one).toMatchObject({
    revision: { branch: pull.branch, commit, heard: 11 },
  })
})

test('however much is said, what is told is bounded', async () => {
  const many = Array.from({ length: 50 }, () => comment({ body: 'x'.repeat(20_000) }))
  expect((await seen(many)).one?.said.length).toBeLessThanOrEqual(4000)
})
