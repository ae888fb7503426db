import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { FakeGithub } from '../fixtures/fake-github.ts'
import { git, scratch, write } from '../fixtures/repo.ts'
import { triageWorld } from '../fixtures/triage-app.ts'

const mend = reply({ text: 'Mended it.', edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }] })

/** A world whose project has its remote on a GitHub on loopback, that the environment holds a token for. */
async function world(replies: Parameters<typeof triageWorld>[0], env: Readonly<Record<string, string>> = {}) {
  const place = scratch()
  const bare = join(place.path, 'remote.git')
  const github = await FakeGithub.start({ bare })
  const own = await triageWorld(replies, { env: { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url, ...env } })
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

test.each([
  ['an issue', ['todo']],
  ['a pull request', ['todo']],
  ['a pull request', ['issues', 'checks']],
  ['an issue', ['pulls', 'ci']],
] as const)(
  'a label on %s pauses every loop, whatever it looks at (%s), before anything is run',
  async (on, sources) => {
    await using w = await world({ implementer: mend })
    const marked = { title: 'Stop, please', labels: ['loop-pause-all'] }
    if (on === 'an issue') w.github.addIssue(marked)
    else w.github.addPull({}, marked)
    const pattern = { ...(await w.app.triage.pattern('daily-triage')), sources }
    const ran = join(w.at, 'ran')
    const settings = { agent: 'hand', verify: [{ shell: `touch '${ran}'` }] }
    expect(await w.app.triage.tick({ pattern, level: 'L2', settings })).toMatchObject({
      outcome: 'halted',
      reason: 'the label loop-pause-all is set',
    })
    expect([w.calls, w.github.requests.length, existsSync(ran)]).toEqual([[], 1, false])
  },
)

test('that the label cannot be looked for is said, and the work of this machine goes on', async () => {
  await using w = await world({ implementer: mend })
  w.github.fail(/labels=/, { status: 403, body: { message: 'no' } }, { times: 9 })
  const result = await w.tick()
  expect(result.outcome).toBe('committed')
  expect(result.skipped).toContainEqual({ source: 'issues', why: 'GitHub does not allow this: no' })
})

test('a forge that refuses keeps nobody from the change: the branch is there, with the reason', async () => {
  await using w = await world({ implementer: mend })
  w.github.mayWrite = false
  const result = await w.tick('daily-triage', { settings: { deliver: 'pull_request' } })
  expect(result).toMatchObject({ outcome: 'committed', reason: expect.stringMatching(/^no pull request: /) })
  expect(w.branches()).toEqual([result.branch])
})

/** A change for the note in the code, to be proposed. */
const proposing = { settings: { deliver: 'pull_request' as const } }

test('a remote is found as the user’s own configuration of git writes it', async () => {
  await using w = await world({ implementer: mend })
  write(w.env.HOME, { '.gitconfig': `[url "${w.github.url}/"]\n\tinsteadOf = our:\n` })
  git(w.project, 'config', 'remote.origin.url', 'our:acme/widgets.git')
  expect(await w.tick('daily-triage', proposing)).toMatchObject({ outcome: 'proposed' })
})

test('what would be pushed to another repository than the pull request is for stays here, and that is said', async () => {
  await using w = await world({ implementer: mend })
  git(w.project, 'config', 'remote.origin.pushurl', w.github.gitUrl.replace('acme', 'ada'))
  expect(await w.tick('daily-triage', proposing)).toMatchObject({
    outcome: 'committed',
    reason: 'no pull request: origin is pushed to ada/widgets, and not to acme/widgets',
  })
  expect(w.github.requests.filter(({ path }) => path.includes('receive-pack'))).toEqual([])
})

test.each(['core.sshCommand', 'GIT_SSH_COMMAND'])(
  'over ssh a branch goes out as the user’s own git would send it (%s), with keys that no agent sees',
  async (by) => {
    using place = scratch()
    const [trace, evil, ssh] = ['trace', 'evil', 'bin/ssh'].map((name) => join(place.path, name)) as [
      string,
      string,
      string,
    ]
    const env = { SSH_AUTH_SOCK: '/run/agent.sock', ...(by === 'GIT_SSH_COMMAND' ? { [by]: ssh } : {}) }
    let seen: Readonly<Record<string, string>> | undefined
    await using w = await world(
      {
        implementer: (request) => {
          seen = request.env
          return mend
        },
      },
      env,
    )
    const far = 'while [ "$1" = -o ]; do shift 2; done; shift'
    write(place.path, {
      'bin/ssh': `#!/bin/sh\necho "$SSH_AUTH_SOCK" >> '${trace}'\n${far}\nexec sh -c "\${1%% *} '${w.bare}'"\n`,
      evil: `#!/bin/sh\necho evil >> '${trace}'\n`,
    })
    for (const one of [ssh, evil]) chmodSync(one, 0o755)
    const own = by === 'core.sshCommand' ? ssh : evil
    write(w.env.HOME, { '.gitconfig': `[core]\n\tsshCommand = ${own}\n` })
    git(w.project, 'config', 'remote.origin.url', 'git@github.com:acme/widgets.git')
    git(w.project, 'config', 'core.sshCommand', evil)
    const result = await w.tick('daily-triage', proposing)
    expect(result).toMatchObject({ outcome: 'proposed' })
    expect(git(w.bare, 'show', `${result.branch}:src/a.js`)).toBe('export const a = 1\n')
    expect(new Set(readFileSync(trace, 'utf8').trim().split('\n'))).toEqual(new Set(['/run/agent.sock']))
    expect([seen?.SSH_AUTH_SOCK, seen?.GIT_SSH_COMMAND ?? '']).toEqual(['', ''])
  },
)

test('no git credential helper is asked, not the user’s and not the repository’s', async () => {
  await using w = await world({ implementer: mend })
  const trace = join(w.at, 'trace')
  const helper = `[credential]\n\thelper = "!f() { echo asked >> '${trace}'; }; f"\n`
  write(w.env.HOME, { '.gitconfig': helper })
  git(w.project, 'config', 'credential.helper', `!f() { echo asked >> '${trace}'; }; f`)
  w.github.fail(/info\/refs/, { status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } }, { times: 9 })
  expect(await w.tick('daily-triage', proposing)).toMatchObject({ outcome: 'committed' })
  expect(existsSync(trace)).toBe(false)
})
