import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepo, scratch, write } from '../../test/fixtures/repo.ts'
import { createGit } from './git.ts'
import { withLock } from './lock.ts'
import { discard, listWorktrees, removeStale } from './prune.ts'
import { mergeIntoUser } from './user.ts'
import { createWorkspaces } from './workspaces.ts'

async function published() {
  const place = scratch()
  const repo = makeRepo(join(place.path, 'repo'), { 'a.txt': 'one\n', 'b.txt': 'b\n' })
  const home = join(place.path, 'home')
  const workspaces = createWorkspaces({ home, env: process.env })
  const workspace = await workspaces.open({ run: 'r1', project: repo, isolation: 'worktree' })
  write(workspace.path, { 'a.txt': 'two\n', 'new.txt': 'n\n' })
  await workspace.checkpoint('x', '1')
  await workspace.publish()
  const port = createGit({ env: process.env })
  const merge = () => mergeIntoUser({ git: port, home, project: repo, branch: 'loopwright/r1' })
  return { repo, home, port, workspaces, workspace, merge, [Symbol.dispose]: () => place[Symbol.dispose]() }
}

test('a branch merges into the user branch by fast-forward, and unrelated uncommitted work stays', async () => {
  using s = await published()
  write(s.repo, { 'b.txt': 'dirty\n' })
  expect(await s.merge()).toMatchObject({ merged: true, how: 'fast-forward' })
  expect(readFileSync(join(s.repo, 'a.txt'), 'utf8')).toBe('two\n')
  expect(git(s.repo, 'status', '--porcelain')).toBe(' M b.txt\n')
  expect(await s.merge()).toMatchObject({ merged: true, how: 'already' })
})

test('a user branch that moved is merged; a conflict, a dirty file and an untracked one in the way are refused untouched', async () => {
  using s = await published()
  write(s.repo, { 'a.txt': 'dirty\n' })
  expect(await s.merge()).toMatchObject({ merged: false, paths: ['a.txt'], hint: expect.stringContaining('stash') })
  git(s.repo, 'checkout', '-q', 'a.txt')
  write(s.repo, { 'new.txt': 'in the way\n' })
  expect(await s.merge()).toMatchObject({ merged: false, paths: ['new.txt'] })
  rmSync(join(s.repo, 'new.txt'))
  write(s.repo, { 'a.txt': 'other\n' })
  git(s.repo, 'commit', '-qam', 'moved')
  expect(await s.merge()).toMatchObject({
    merged: false,
    paths: ['a.txt'],
    reason: expect.stringContaining('conflicts'),
    hint: expect.stringContaining('git merge loopwright/'),
  })
  expect(git(s.repo, 'status', '--porcelain')).toBe('')
  git(s.repo, 'reset', '-q', '--hard', 'HEAD~1')
  write(s.repo, { 'b.txt': 'moved\n' })
  git(s.repo, 'commit', '-qam', 'elsewhere')
  expect(await s.merge()).toMatchObject({ merged: true, how: 'merge' })
  expect(git(s.repo, 'status', '--porcelain')).toBe('')
  expect(git(s.repo, 'fsck', '--strict').trim()).toBe('')
})

test('a published branch that somebody moved, or has checked out, is not overwritten and not discarded', async () => {
  using s = await published()
  git(s.repo, 'checkout', '-q', 'loopwright/r1')
  write(s.workspace.path, { 'c.txt': 'c\n' })
  await s.workspace.checkpoint('y', '2')
  await expect(s.workspace.publish()).rejects.toMatchObject({ code: 'conflict' })
  await expect(discard(s.port, s.home, 'r1')).rejects.toMatchObject({ code: 'conflict' })
  git(s.repo, 'commit', '-q', '--allow-empty', '-m', 'mine')
  git(s.repo, 'checkout', '-q', 'main')
  await expect(s.workspace.publish()).rejects.toThrow(/moved by somebody else/)
  await expect(discard(s.port, s.home, 'r1')).rejects.toMatchObject({ code: 'conflict' })
  expect(existsSync(s.workspace.root)).toBe(true)
})

test('discard removes worktree and branch; half-made folders are swept and whole ones are not', async () => {
  using s = await published()
  mkdirSync(join(s.home, 'worktrees/half/work'), { recursive: true })
  expect((await listWorktrees(s.home)).map(({ name, status }) => [name, status])).toEqual([
    ['half', 'half-made'],
    ['r1', 'ok'],
  ])
  expect(await removeStale(s.home)).toEqual(['half'])
  expect(existsSync(s.workspace.root)).toBe(true)
  expect(await discard(s.port, s.home, 'r1')).toEqual({ branches: ['loopwright/r1'] })
  expect(git(s.repo, 'branch', '--list', 'loopwright/*')).toBe('')
  expect(await listWorktrees(s.home)).toEqual([])
})

test('two processes open, write, checkpoint and close the same run at the same time without losing anything', async () => {
  using s = await published()
  const program = join(s.home, 'other.ts')
  const module = new URL('./workspaces.ts', import.meta.url).href
  writeFileSync(
    program,
    `import { writeFileSync } from 'node:fs'
import { createWorkspaces } from '${module}'
const [, , id, project, home] = process.argv
const workspaces = createWorkspaces({ home, env: process.env })
for (const round of [1, 2, 3]) {
  const workspace = await workspaces.open({ run: 'shared', project, isolation: 'worktree' })
  writeFileSync(workspace.path + '/' + id + round, id)
  await workspace.checkpoint(id, id + round)
  await workspace.close('auto')
}
`,
  )
  const codes = await Promise.all(
    ['p', 'q'].map(async (id) => {
      const child = spawn(process.execPath, [program, id, s.repo, s.home], { stdio: 'inherit' })
      const [code] = await once(child, 'close')
      return code
    }),
  )
  expect(codes).toEqual([0, 0])
  const listed = git(s.repo, 'ls-tree', '-r', '--name-only', 'loopwright/shared').trim().split('\n')
  expect(listed).toEqual(['a.txt', 'b.txt', 'p1', 'p2', 'p3', 'q1', 'q2', 'q3'])
})

test('a lock of a dead process is taken over, one of a live process is waited for', async () => {
  using place = scratch()
  const lock = join(place.path, 'lock')
  writeFileSync(lock, '999999999 1 x\n')
  expect(await withLock(lock, async () => 'in')).toBe('in')
  writeFileSync(lock, `${process.pid} 1 x\n`)
  expect(await withLock(lock, async () => 'reused pid')).toBe('reused pid')
  await withLock(lock, async () => {
    const other = join(place.path, '.', 'lock')
    writeFileSync(join(place.path, 'held'), readFileSync(other))
  })
  writeFileSync(lock, readFileSync(join(place.path, 'held')))
  await expect(withLock(lock, async () => 'never', 30)).rejects.toMatchObject({ code: 'conflict' })
})

test('git that is missing is said, with what to install', async () => {
  using s = await published()
  const none = createWorkspaces({ home: s.home, env: { PATH: '/nonexistent' } })
  await expect(none.open({ run: 'x', project: s.repo, isolation: 'worktree' })).rejects.toMatchObject({
    code: 'missing_tool',
    hint: expect.stringContaining('install git'),
  })
})
