import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkRunner } from '../../src/checks/command.ts'
import type { Forge } from '../../src/core/triage/ports.ts'
import { pullRequestOf } from '../../src/core/triage/pull-request.ts'
import type { TickResult } from '../../src/core/triage/tick.ts'
import { withoutWriteTokens } from '../../src/core/write-tokens.ts'
import { findForge } from '../../src/forge/find.ts'
import { commandRunner } from '../../src/process/command.ts'
import { checksSource } from '../../src/sources/checks.ts'
import { ciSource, issuesSource, pullsSource } from '../../src/sources/forge.ts'
import { gitSource } from '../../src/sources/git.ts'
import { todoSource } from '../../src/sources/todo.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { createGit } from '../../src/workspace/git.ts'
import { pushBranch } from '../../src/workspace/push.ts'
import { createWorkspaces } from '../../src/workspace/workspaces.ts'
import { seenBy } from '../contract/source.ts'
import { installGh } from '../fixtures/fake-gh.ts'
import { FakeGithub } from '../fixtures/fake-github.ts'
import { git, write } from '../fixtures/repo.ts'
import { sourceScene } from '../fixtures/sources.ts'

/** A clone of a repository on a GitHub on loopback, which serves git too. */
async function scene() {
  const w = sourceScene({ 'src/sum.js': '// FIXME: wrong\nexport const sum = (a, b) => a - b\n' })
  const bare = join(w.path, 'remote.git')
  git(w.path, 'clone', '-q', '--bare', w.project, bare)
  const github = await FakeGithub.start({ bare })
  git(w.project, 'remote', 'add', 'origin', github.gitUrl)
  const clock = new FakeClock({ start: Date.parse('2026-03-20T00:00:00Z') })
  const port = createGit({ env: { PATH: process.env.PATH, HOME: w.path } })
  return {
    ...w,
    bare,
    github,
    clock,
    port,
    async [Symbol.asyncDispose]() {
      await github[Symbol.asyncDispose]()
      w[Symbol.dispose]()
    },
  }
}

type Scene = Awaited<ReturnType<typeof scene>>

/** What a tick does with a change: commit it in a worktree, push that, open a pull request. */
async function deliver(w: Scene, forge: Forge, credentials: Parameters<typeof pushBranch>[0]['credentials']) {
  const workspaces = createWorkspaces({ git: w.port, home: w.home, env: {} })
  const workspace = await workspaces.open({ run: 'run-1', project: w.project, isolation: 'worktree' })
  write(workspace.path, { 'src/sum.js': 'export const sum = (a, b) => a + b\n' })
  const { commit = '' } = await workspace.checkpoint('mend the sum', 'step-1')
  await workspace.publish()
  const { branch = '' } = workspace
  const pushed = await pushBranch({
    git: w.port,
    home: w.home,
    project: w.project,
    branch,
    commit,
    ...(credentials ? { credentials } : {}),
  })
  const result: TickResult = {
    run: 'run-1',
    pattern: 'ci-sweeper',
    name: 'CI Sweeper',
    tick: 1,
    level: 'L2',
    dryRun: false,
    agent: 'scripted',
    decision: 'act',
    outcome: 'proposed',
    reason: 'the test fails',
    items: [],
    skipped: [],
    item: { id: 'issue:1', title: '#1 The sum is wrong', attempt: 1 },
    proposal: 'fixes #99, @ada please merge',
    change: { files: ['src/sum.js'], lines: 2, commit },
    checks: [{ name: 'test', ok: true, error: null }],
    verdict: 'accept',
    tokens: 5000,
    costUsd: 0,
    spent: 5000,
    cap: null,
    startedAt: '2026-03-20T00:00:00Z',
    duration: 1,
  }
  const base = await forge.defaultBranch()
  return { pushed, pull: await forge.openPull({ branch, base, ...pullRequestOf(result), labels: ['loopwright'] }) }
}

test('a tick’s inputs come from the repository and from GitHub, by the REST API', async () => {
  await using w = await scene()
  w.github.addIssue({ title: 'The sum is wrong' })
  w.github.addPull({}, { title: 'Old', updatedAt: '2026-03-01T00:00:00Z' })
  w.github.addRun({ conclusion: 'failure' })
  const found = await findForge({
    cwd: w.home,
    clock: w.clock,
    remote: w.github.gitUrl,
    apiUrl: w.github.url,
    token: w.github.token,
  })
  if ('why' in found) throw new Error(found.why)
  const { forge } = found
  const env = withoutWriteTokens({ PATH: process.env.PATH ?? '', GITHUB_TOKEN: w.github.token })
  const check = { name: 'test', shell: `echo "token=$GITHUB_TOKEN"; grep -q 'a + b' src/sum.js` }
  const sources = [
    gitSource({ view: w.view, since: 0 }),
    todoSource({ view: w.view }),
    checksSource({ checks: [check], run: checkRunner(commandRunner(env)), options: { cwd: w.project } }),
    issuesSource({ forge }),
    pullsSource({ forge }, { clock: w.clock }),
    ciSource({ forge }),
  ]
  const findings = (await Promise.all(sources.map(seenBy))).flat()
  expect(findings.map(({ id }) => id)).toEqual([
    expect.stringMatching(/^todo:src\/sum\.js:/),
    'check:test',
    'issue:1',
    'pull:2',
    'ci:main/test',
  ])
  expect(findings.find(({ id }) => id === 'check:test')?.body).toBe('token=')
})

test('a change becomes a branch and a pull request, once, with the token', async () => {
  await using w = await scene()
  w.github.addIssue({ title: 'The sum is wrong' })
  const found = await findForge({
    cwd: w.home,
    clock: w.clock,
    remote: w.github.gitUrl,
    apiUrl: w.github.url,
    token: w.github.token,
  })
  if ('why' in found) throw new Error(found.why)
  const credentials = { token: w.github.token, host: found.host }
  const { pushed, pull } = await deliver(w, found.forge, { ...credentials, host: new URL(w.github.url).host })
  expect(found.host).toBe(credentials.host)
  expect(git(w.bare, 'show', 'loopwright/run-1:src/sum.js')).toContain('a + b')
  expect(git(w.bare, 'for-each-ref', '--format=%(refname)').trim().split('\n')).toEqual([
    'refs/heads/loopwright/run-1',
    'refs/heads/main',
  ])
  const opened = w.github.issues.find(({ number }) => number === pull.number)
  expect(opened).toMatchObject({ labels: ['loopwright'], pull: { branch: 'loopwright/run-1', base: 'main' } })
  expect(opened?.body).toContain('Closes #1\n')
  expect(opened?.body).toContain('```text\nfixes #99, @ada please merge\n```')
  const again = await deliver(w, found.forge, credentials)
  expect(again).toEqual({ pushed: { ...pushed, pushed: false }, pull })
  // The token is in no file of ours or of the repository.
  for (const root of [w.home, w.project]) expect(filesWith(root, w.github.token)).toEqual([])
})

test('the same by gh, whose login pushes too', async () => {
  await using w = await scene()
  mkdirSync(w.home)
  const { env, program } = installGh(w.path, w.github)
  const found = await findForge({
    cwd: w.home,
    clock: w.clock,
    remote: w.github.gitUrl,
    hosts: [new URL(w.github.url).host],
    run: commandRunner(env),
    program,
  })
  if ('why' in found) throw new Error(found.why)
  expect(found.by).toBe('gh')
  const helper = `!f() { echo username=x-access-token; echo password=${w.github.token}; }; f`
  const { pull } = await deliver(w, found.forge, { helper, host: found.host })
  await found.forge.comment(pull.number, 'Done.')
  expect((await found.forge.comments(pull.number)).map(({ body }) => body)).toEqual(['Done.'])
})

test('the token stands in no list of processes while git pushes', async () => {
  await using w = await scene()
  const seen: string[] = []
  w.github.fail(/receive-pack/, 'slow')
  const commit = git(w.project, 'rev-parse', 'HEAD').trim()
  const failed = pushBranch({
    git: w.port,
    home: w.home,
    project: w.project,
    branch: 'loopwright/run-2',
    commit,
    credentials: { token: w.github.token, host: new URL(w.github.url).host },
    timeoutMs: 3000,
  }).catch((error) => error)
  await expect.poll(() => w.github.requests.some(({ path }) => path.includes('receive-pack'))).toBe(true)
  seen.push(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }))
  expect(seen[0]).toContain('loopwright/run-2')
  for (const secret of [w.github.token, Buffer.from(`x-access-token:${w.github.token}`).toString('base64')]) {
    expect(seen[0]).not.toContain(secret)
  }
  expect(await failed).toMatchObject({ code: 'workspace' })
})

function filesWith(root: string, text: string): string[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => readFileSync(path).includes(text))
}
