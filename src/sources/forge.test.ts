import { expect, test } from 'vitest'
import { seenBy } from '../../test/contract/source.ts'
import { FakeGithub, limited } from '../../test/fixtures/fake-github.ts'
import { githubRest } from '../forge/github-rest.ts'
import { FakeClock } from '../testing/clock.ts'
import { ciSource, issuesSource, pullsSource } from './forge.ts'

async function scene() {
  const github = await FakeGithub.start()
  const clock = new FakeClock({ start: Date.parse('2026-03-20T00:00:00Z') })
  const forge = githubRest({ repository: github.repository, apiUrl: github.url, token: github.token, clock })
  return { github, clock, place: { forge }, [Symbol.asyncDispose]: () => github[Symbol.asyncDispose]() }
}
const signal = new AbortController().signal
const now = { updatedAt: '2026-03-19T00:00:00Z' }

test('issues weigh what their labels say; without one they want a look', async () => {
  await using w = await scene()
  for (const labels of [['docs'], ['bug'], [], ['security', 'docs'], ['loop-pause-all']]) w.github.addIssue({ labels })
  expect((await seenBy(issuesSource(w.place))).map(({ id, title, weight }) => [id, title, weight])).toEqual([
    ['issue:5', '#5 Issue 5', 'high'],
    ['issue:4', '#4 Issue 4', 'high'],
    ['issue:3', '#3 Issue 3 (no label)', 'normal'],
    ['issue:2', '#2 Issue 2', 'normal'],
    ['issue:1', '#1 Issue 1', 'low'],
  ])
})

test('the label that pauses every loop is seen among a thousand issues', async () => {
  await using w = await scene()
  for (let i = 0; i < 400; i++) w.github.addIssue({ labels: ['docs'], updatedAt: '2026-03-02T00:00:00Z' })
  w.github.addIssue({ labels: ['loop-pause-all'], updatedAt: '2026-03-01T00:00:00Z' })
  expect((await seenBy(issuesSource(w.place)))[0]).toMatchObject({ labels: ['loop-pause-all'] })
})

test('a failing workflow of the default branch is high; others and earlier failures are not told', async () => {
  await using w = await scene()
  w.github.addRun({ name: 'test', conclusion: 'failure' })
  w.github.addRun({ name: 'lint', workflowId: 2, conclusion: 'failure' })
  w.github.addRun({ name: 'lint', workflowId: 2, conclusion: 'success' })
  w.github.addRun({ name: 'test', branch: 'topic', conclusion: 'failure' })
  expect(await seenBy(ciSource(w.place))).toEqual([
    {
      id: 'ci:main/test',
      source: 'ci',
      title: 'test fails on main at bbbbbbbbbb',
      url: 'https://github.com/acme/widgets/actions/runs/1001',
      at: Date.parse('2026-01-01T00:00:00Z'),
      weight: 'high',
    },
  ])
})

test('pull requests are told with what holds them up, and only those', async () => {
  await using w = await scene()
  w.github.addPull({}, { title: 'fine', ...now })
  const failing = w.github.addPull({ head: '1'.repeat(40) }, { title: 'failing', ...now })
  w.github.addRun({
    branch: failing.pull?.branch ?? '',
    head: '1'.repeat(40),
    conclusion: 'failure',
    event: 'pull_request',
  })
  const reviewed = w.github.addPull({}, { title: 'reviewed', author: 'bob', ...now })
  w.github.addComment(reviewed.number, { author: 'ada', body: 'Please test this.', path: 'src/a.ts', line: 3 })
  const answered = w.github.addPull({}, { title: 'answered', author: 'bob', ...now })
  w.github.addComment(answered.number, { author: 'ada', body: 'Why?', review: 'COMMENTED' })
  w.github.addComment(answered.number, { author: 'bob', body: 'Because.', createdAt: '2026-01-02T00:00:00Z' })
  w.github.addPull({}, { title: 'stale', updatedAt: '2026-03-10T00:00:00Z' })
  w.github.addPull({ draft: true }, { title: 'draft', updatedAt: '2026-01-01T00:00:00Z' })
  const findings = await seenBy(pullsSource(w.place, { clock: w.clock }))
  expect(findings.map(({ id, title, weight }) => [id, title, weight])).toEqual([
    ['pull:3', '#3 reviewed: a review by ada has no answer', 'normal'],
    ['pull:2', '#2 failing: failing: test', 'normal'],
    ['pull:5', '#5 stale: no news since 2026-03-10', 'low'],
  ])
  expect(findings[0]?.body).toBe('src/a.ts: Please test this.\n\n')
})

test('what keeps a forge from answering is said in one line', async () => {
  await using w = await scene()
  w.github.fail(/issues/, limited(60))
  expect(await issuesSource(w.place).look({ signal })).toEqual({
    why: 'GitHub takes no more requests until 2026-03-20T00:01:00Z: API rate limit exceeded',
  })
  const why = { why: 'the repository has no remote' }
  for (const source of [issuesSource(why), ciSource(why), pullsSource(why, { clock: w.clock })]) {
    expect(await source.look({ signal })).toEqual(why)
  }
})
