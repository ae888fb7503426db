import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { FakeGithub } from '../fixtures/fake-github.ts'
import { git, scratch } from '../fixtures/repo.ts'
import { triageWorld } from '../fixtures/triage-app.ts'

const mend = reply({ text: 'Mended it.', edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }] })

/** A world whose project has its remote on a GitHub on loopback, that the environment holds a token for. */
async function world(replies: Parameters<typeof triageWorld>[0]) {
  const place = scratch()
  const bare = join(place.path, 'remote.git')
  const github = await FakeGithub.start({ bare })
  const own = await triageWorld(replies, { env: { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url } })
  git(own.project, 'clone', '-q', '--bare', own.project, bare)
  git(own.project, 'remote', 'add', 'origin', github.gitUrl)
  return {
    ...own,
    github,
    bare,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]()
      await github[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

test('an issue becomes a change, and the change a pull request that says what, why and how it was checked', async () => {
  let seen = ''
  await using w = await world({
    implementer: (request) => {
      seen = `${request.prompt} ${JSON.stringify(request.env)}`
      return mend
    },
  })
  w.github.addIssue({ title: 'The price is wrong', body: 'Since yesterday.', labels: ['bug'] })
  const pattern = { ...(await w.app.triage.pattern('daily-triage')), sources: ['issues'] as const }
  const result = await w.app.triage.tick({
    pattern,
    level: 'L2',
    settings: {
      agent: 'hand',
      deliver: 'pull_request',
      verify: [{ shell: 'test -z "$GITHUB_TOKEN" && grep -q a src/a.js' }],
    },
  })
  expect(result).toMatchObject({ outcome: 'proposed', item: { id: 'issue:1' }, checks: [{ ok: true }] })
  const opened = w.github.issues.find(({ pull }) => pull !== undefined)
  expect(result.url).toContain(`/pull/${opened?.number}`)
  expect(opened?.body).toContain('Closes #1')
  expect(opened?.body).toContain(result.run)
  expect(git(w.bare, 'show', `${result.branch}:src/a.js`)).toBe('export const a = 1\n')
  expect(seen).toContain('The price is wrong')
  expect(seen).not.toContain(w.github.token)
})

test('a label on any issue pauses every loop before an agent is called', async () => {
  await using w = await world({ implementer: mend })
  w.github.addIssue({ title: 'Stop, please', labels: ['loop-pause-all'] })
  expect(await w.tick()).toMatchObject({ outcome: 'halted', reason: 'the label loop-pause-all is set' })
  expect(w.calls).toEqual([])
})

test('a forge that refuses keeps nobody from the change: the branch is there, with the reason', async () => {
  await using w = await world({ implementer: mend })
  w.github.mayWrite = false
  const result = await w.tick('daily-triage', { settings: { deliver: 'pull_request' } })
  expect(result).toMatchObject({ outcome: 'committed', reason: expect.stringMatching(/^no pull request: /) })
  expect(w.branches()).toEqual([result.branch])
})
