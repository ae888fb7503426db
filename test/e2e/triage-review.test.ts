import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { Triggers } from '../../src/compose/trigger.ts'
import { ourMark } from '../../src/core/triage/trigger.ts'
import { FakeGithub } from '../fixtures/fake-github.ts'
import { git, scratch, write } from '../fixtures/repo.ts'
import { triageWorld } from '../fixtures/triage-app.ts'

/** A project whose loop has proposed a change for an issue, on a GitHub where ada may write and eve may read. */
async function proposed() {
  const place = scratch()
  const bare = join(place.path, 'remote.git')
  const github = await FakeGithub.start({ bare })
  github.permissions = { ada: 'write', eve: 'read', bot: 'write' }
  const told: string[] = []
  const triaged: string[] = []
  const own = await triageWorld(
    {
      triager: (request) => {
        triaged.push(request.prompt)
        return { decision: 'act', reason: 'it is small', items: [], act_on: 'issue:1', proposal: 'mend it' }
      },
      implementer: (request) => {
        told.push(request.prompt)
        return reply({ text: 'Done.', edits: [{ write: 'src/a.js', content: `export const a = ${told.length}\n` }] })
      },
    },
    {
      env: { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url },
      userConfig: 'triage: { level: L2 }\n',
    },
  )
  git(own.project, 'clone', '-q', '--bare', own.project, bare)
  git(own.project, 'remote', 'add', 'origin', github.gitUrl)
  github.addIssue({ title: 'The price is wrong' })
  const tick = async () => {
    const pattern = { ...(await own.app.triage.pattern('daily-triage')), sources: ['issues', 'pulls'] as const }
    return await own.app.triage.tick({ pattern, level: 'L2', settings: { agent: 'hand', deliver: 'pull_request' } })
  }
  const first = await tick()
  const pull = github.issues.find((one) => one.pull !== undefined)
  if (pull === undefined) throw new Error('no pull request')
  return {
    ...own,
    ...{ github, bare, told, triaged, tick, first, pull },
    pulls: () => github.issues.filter((one) => one.pull !== undefined),
    shown: (branch = '') => git(bare, 'show', `${branch}:src/a.js`),
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]()
      await github[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

const line = { path: 'src/a.js', line: 1 }

test('what those who may write say in a review is heard by the next tick, which changes the same pull request', async () => {
  await using w = await proposed()
  expect(w.first).toMatchObject({ outcome: 'proposed', item: { id: 'issue:1' } })
  expect(await w.tick()).toMatchObject({ outcome: 'reported', reason: 'issue:1 waits for a human' })

  const { number } = w.pull
  w.github.addComment(number, { ...line, body: 'call it price', createdAt: '2026-01-02T00:00:00Z' })
  w.github.addComment(number, { author: 'eve', ...line, body: 'delete all', createdAt: '2026-01-02T00:00:01Z' })
  w.github.addComment(number, { author: 'bot[bot]', ...line, body: 'coverage fell' })
  w.github.addComment(number, { body: `${ourMark} heard`, ...line, createdAt: '2026-01-02T00:00:02Z' })
  w.github.addComment(number, { body: 'looks good', review: 'APPROVED', createdAt: '2026-01-02T00:00:03Z' })
  w.github.addComment(number, { body: 'how nice', createdAt: '2026-01-02T00:00:04Z' })
  const second = await w.tick()
  expect(second).toMatchObject({ outcome: 'proposed', item: { id: 'issue:1' }, url: w.first.url })
  expect(second.revises).toMatchObject({ branch: w.first.branch, commit: w.first.change?.commit })
  expect(w.triaged.at(-1)).toContain('was reviewed')
  expect(w.triaged.at(-1)).not.toContain(`[pull:${number}]`)
  expect(w.told).toHaveLength(2)
  const said = w.told.at(-1) ?? ''
  for (const part of ['ada, src/a.js:1:', 'call it price', '+export const a = 1']) expect(said).toContain(part)
  for (const part of ['delete all', 'coverage', 'heard', 'looks good', 'how nice']) expect(said).not.toContain(part)
  expect(w.pulls()).toHaveLength(1)
  expect(w.shown(w.first.branch)).toBe('export const a = 2\n')
  expect(git(w.bare, 'branch', '--list', 'loopwright/*').trim().split('\n')).toHaveLength(1)
  const answer = w.github.comments.at(-1)
  expect([answer?.author, answer?.body]).toEqual(['loop', expect.stringContaining(second.run)])
})

test('what was heard is not heard again, and what is said after that is', async () => {
  await using w = await proposed()
  const { number } = w.pull
  w.github.addComment(number, { ...line, body: 'call it price', createdAt: '2026-01-02T00:00:00Z' })
  expect(await w.tick()).toMatchObject({ outcome: 'proposed', url: w.first.url })
  expect(await w.tick()).toMatchObject({ outcome: 'reported', reason: 'issue:1 waits for a human' })
  const again = { body: 'and document it', review: 'CHANGES_REQUESTED', createdAt: '2027-01-01T00:00:00Z' }
  w.github.addComment(number, again)
  expect(await w.tick()).toMatchObject({ outcome: 'proposed', url: w.first.url })
  expect(w.told.at(-1)).toContain('and document it')
  expect(w.told.at(-1)).not.toContain('call it price')
  expect(w.shown(w.first.branch)).toBe('export const a = 3\n')
  expect(w.pulls()).toHaveLength(1)
})

test('a pull request that is closed, or whose branch a person has gone on with, is left to people', async () => {
  await using w = await proposed()
  w.github.addComment(w.pull.number, { ...line, body: 'call it price', createdAt: '2026-01-02T00:00:00Z' })
  w.pull.state = 'closed'
  expect(await w.tick()).toMatchObject({ outcome: 'reported' })
  w.pull.state = 'open'
  const theirs = join(w.at, 'theirs')
  git(w.at, 'clone', '-q', '-b', w.first.branch ?? '', w.bare, theirs)
  write(theirs, { 'src/a.js': 'export const price = 1\n' })
  git(theirs, 'commit', '-q', '-a', '-m', 'by hand')
  git(theirs, 'push', '-q', 'origin', 'HEAD')
  expect(await w.tick()).toMatchObject({ outcome: 'reported' })
  expect(w.shown(w.first.branch)).toBe('export const price = 1\n')
  expect(w.told).toHaveLength(1)
})

test('once the pull request is merged, nothing of its earlier states keeps the finding waiting', async () => {
  await using w = await proposed()
  w.github.addComment(w.pull.number, { ...line, body: 'call it price', createdAt: '2026-01-02T00:00:00Z' })
  await w.tick()
  w.pull.state = 'closed'
  git(w.project, 'fetch', '-q', w.bare, w.first.branch ?? '')
  git(w.project, 'merge', '-q', '--no-edit', 'FETCH_HEAD')
  expect(await w.tick()).toMatchObject({ outcome: 'proposed', item: { id: 'issue:1' } })
  expect(w.pulls()).toHaveLength(2)
})

test('an event of a review does the same at once', async () => {
  await using w = await proposed()
  const triggers = new Triggers({
    app: w.app,
    env: w.env,
    level: 'L2',
    settings: { agent: 'hand', deliver: 'pull_request' },
  })
  const done = await triggers.handle('pull_request_review', {
    repository: { full_name: w.github.repository, default_branch: 'main' },
    sender: { login: 'ada', type: 'User' },
    action: 'submitted',
    review: { state: 'changes_requested', body: 'call it price' },
    pull_request: {
      number: w.pull.number,
      head: { ref: w.first.branch ?? '', repo: { full_name: w.github.repository } },
    },
  })
  expect(done).toMatchObject({ does: 'feedback', result: { outcome: 'proposed', url: w.first.url } })
  expect(w.told.at(-1)).toContain('call it price')
  expect(w.shown(w.first.branch)).toBe('export const a = 2\n')
  expect(w.pulls()).toHaveLength(1)
})
