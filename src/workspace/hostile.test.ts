import { chmodSync, existsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepo, scratch, write } from '../../test/fixtures/repo.ts'
import { createGit } from './git.ts'
import { mergeIntoUser } from './user.ts'
import { createWorkspaces } from './workspaces.ts'

const hooks = [
  'pre-commit',
  'commit-msg',
  'post-commit',
  'post-checkout',
  'post-merge',
  'post-index-change',
  'reference-transaction',
  'pre-auto-gc',
  'update',
  'post-update',
  'pre-receive',
  'post-receive',
  'fsmonitor-watchman',
]

/** Makes everything a repository's configuration can name touch the canary. */
function poison(gitDir: string, canary: string): void {
  const script = join(canary, '..', 'evil.sh')
  writeFileSync(script, `#!/bin/sh\ntouch "${canary}"\ncat 2>/dev/null\n`)
  chmodSync(script, 0o755)
  const run = `sh '${script}'`
  const settings: Record<string, string> = {
    'core.fsmonitor': script,
    'core.hooksPath': join(gitDir, 'evil-hooks'),
    'core.alternateRefsCommand': run,
    'core.sshCommand': run,
    'core.pager': run,
    'core.editor': run,
    'core.askPass': script,
    'filter.evil.clean': run,
    'filter.evil.smudge': run,
    'filter.evil.process': run,
    'filter.evil.required': 'true',
    'diff.external': run,
    'diff.evil.textconv': run,
    'diff.evil.command': run,
    'merge.evil.driver': run,
    'gpg.program': script,
    'commit.gpgSign': 'true',
    'uploadpack.packObjectsHook': run,
    'credential.helper': `!${run}`,
    'protocol.ext.allow': 'always',
    'url.ext::sh -c touch% "%S".insteadOf': '/',
    'alias.status': `!${run}`,
    'submodule.recurse': 'true',
    'log.showSignature': 'true',
  }
  for (const [name, value] of Object.entries(settings))
    git(join(gitDir, '..'), '--git-dir', gitDir, 'config', name, value)
  for (const folder of ['hooks', 'evil-hooks']) {
    for (const name of hooks) {
      write(gitDir, { [`${folder}/${name}`]: `#!/bin/sh\ntouch "${canary}"\n` })
      chmodSync(join(gitDir, folder, name), 0o755)
    }
  }
  write(gitDir, { 'info/attributes': '* filter=evil diff=evil merge=evil\n' })
}

test('nothing that configuration of the user, of the agent or of a nested repository names is executed', async () => {
  using place = scratch()
  const canary = join(place.path, 'canary')
  const repo = makeRepo(join(place.path, 'repo'), {
    'a.txt': 'one\n',
    'b.txt': 'b\n',
    '.gitattributes': '* filter=evil diff=evil merge=evil\n',
  })
  const store = makeRepo(join(place.path, 'store'))
  writeFileSync(join(repo, '.git/objects/info/alternates'), `${store}/.git/objects\n`)
  poison(join(repo, '.git'), canary)
  write(repo, { 'b.txt': 'dirty\n' })
  const env = { ...process.env, GIT_SSH_COMMAND: `touch ${canary}`, GIT_EXTERNAL_DIFF: `touch ${canary}` }
  const workspaces = createWorkspaces({ home: join(place.path, 'home'), env })
  const spec = { run: 'r1', project: repo, isolation: 'worktree' } as const
  const run = await workspaces.open(spec)
  const agentGit = git(run.path, 'rev-parse', '--absolute-git-dir').trim()
  const nested = makeRepo(join(run.path, 'nested'), { 'n.txt': 'n\n' })
  git(run.path, 'add', 'nested')
  git(run.path, 'commit', '-qm', 'a gitlink')
  poison(join(nested, '.git'), canary)
  poison(agentGit, canary)
  write(run.path, { 'a.txt': 'two\n', 'nested/n.txt': 'changed\n', 'nested/new.txt': 'new\n' })
  const worker = await run.fork('w')
  write(worker.path, { 'b.txt': 'worker\n' })
  await run.checkpoint('x', '1')
  write(run.path, { 'nested/n.txt': 'again\n' })
  await run.changedFiles()
  expect(await run.diff()).toContain('+two')
  await run.checkpoint('x', '2')
  expect((await run.merge([{ id: 'w', title: 'w' }], '3'))[0]?.merged).toBe(true)
  await run.publish()
  const inplace = await workspaces.open({ ...spec, run: 'r2', isolation: 'inplace' })
  write(repo, { 'in.txt': 'in\n' })
  await inplace.checkpoint('x', '1')
  await inplace.diff()
  await workspaces.open(spec)
  await run.close('always')
  write(repo, { 'b.txt': 'b\n' })
  const merged = await mergeIntoUser({
    git: createGit({ env }),
    home: join(place.path, 'home'),
    project: repo,
    branch: 'loopwright/r1',
  })
  expect(existsSync(canary)).toBe(false)
  expect(merged).toMatchObject({ merged: false, reason: expect.stringContaining('filter') })
  const own = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false']
  const listed = git(repo, ...own, 'ls-tree', '-r', '--name-only', 'loopwright/r1')
    .trim()
    .split('\n')
  expect(listed).toEqual(['.gitattributes', 'a.txt', 'b.txt', 'nested/n.txt', 'nested/new.txt'])
  // The trap works: plain git springs it.
  expect(() => git(repo, 'status')).toThrow(/evil/)
  expect(existsSync(canary)).toBe(true)
})

test('a giant made of holes is left out of a checkpoint, and said so', async () => {
  using place = scratch()
  const repo = makeRepo(join(place.path, 'repo'), { 'a.txt': 'one\n' })
  const workspaces = createWorkspaces({ home: join(place.path, 'home'), env: process.env })
  const run = await workspaces.open({ run: 'r1', project: repo, isolation: 'worktree' })
  write(run.path, { 'b.txt': 'b\n', giant: '' })
  truncateSync(join(run.path, 'a.txt'), 500 * 1024 ** 3)
  truncateSync(join(run.path, 'giant'), 500 * 1024 ** 3)
  const done = await run.checkpoint('x', '1')
  expect(done.changedFiles).toEqual(['b.txt'])
  expect(run.warnings.join('\n')).toMatch(/left out of the checkpoint: giant/)
  expect(await run.diff()).not.toContain('giant')
  truncateSync(join(run.path, 'a.txt'), 0)
  expect((await run.checkpoint('x', '2')).changedFiles).toEqual(['a.txt'])
})
