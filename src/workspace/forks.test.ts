import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepo, scratch, write } from '../../test/fixtures/repo.ts'
import type { Workspace } from '../core/ports.ts'
import { createGit, type Git } from './git.ts'
import { createWorkspaces } from './workspaces.ts'

const files = {
  'a.txt': 'one\n',
  'src/b.txt': 'b\n',
  'src/deep/c.txt': 'c\n',
  '.gitignore': 'node_modules\n*.tmp\n.env\n',
}

/** A run whose first worker was merged: its worktree, with ignored files in it, waits for the next. */
async function withSpare(more: { readonly files?: Readonly<Record<string, string>> } = {}) {
  const place = scratch()
  const repo = makeRepo(join(place.path, 'repo'), more.files ?? files)
  write(repo, { '.env': 'KEY=1\n' })
  const setups: string[] = []
  const workspaces = createWorkspaces({
    home: join(place.path, 'home'),
    env: process.env,
    run: async (_, { cwd }) => {
      setups.push(cwd)
      return { exitCode: 0, stdout: '', stderr: '', duration: 0, timedOut: false }
    },
  })
  const spec = {
    run: 'r1',
    project: repo,
    isolation: 'worktree',
    setup: [{ shell: 'npm ci' }],
    copy: ['.env'],
  } as const
  const open = () => workspaces.open(spec)
  const run = await open()
  const first = await run.fork('w1')
  write(first.path, { 'w1.txt': '1\n', 'node_modules/x.js': 'x\n', 'src/y.tmp': 'y\n' })
  git(first.path, 'add', '-A')
  git(first.path, 'commit', '-qm', 'by the agent')
  await run.merge([{ id: 'w1', title: 'w1' }], '1')
  const folder = join(run.root, '..')
  const spare = join(folder, 'spares/1')
  expect(existsSync(join(spare, 'node_modules/x.js'))).toBe(true)
  expect(existsSync(first.root)).toBe(false)
  return { place, repo, run, open, first, folder, spare, setups, [Symbol.dispose]: () => place[Symbol.dispose]() }
}

/** Holds for every worker's worktree, fresh or not: the run's commit, nothing uncommitted, a git of its own. */
function expectFresh(run: Workspace, worker: Workspace): void {
  const at = worker.root
  expect(git(at, 'status', '--porcelain')).toBe('')
  expect(git(at, 'rev-parse', 'HEAD')).toBe(git(run.root, 'rev-parse', 'HEAD'))
  expect(git(at, 'branch', '--show-current').trim()).toBe(worker.branch)
  expect(git(at, 'fsck', '--strict').trim()).toBe('')
  // Read anew, in case an index says what is not so.
  git(at, 'read-tree', 'HEAD')
  git(at, 'update-index', '-q', '--refresh')
  expect(git(at, 'status', '--porcelain')).toBe('')
}

test('the next worker takes over the worktree of a merged one: at the same path, at the run’s commit, ignored files and all', async () => {
  using s = await withSpare()
  write(s.run.path, { 'a.txt': 'two\n', 'src/new.txt': 'n\n' })
  rmSync(join(s.run.path, 'src/deep'), { recursive: true })
  await s.run.checkpoint('x', '2')
  rmSync(join(s.spare, '.env'))
  const next = await s.run.fork('w2')
  expect(next.path).toBe(s.first.path)
  expect(next.branch).toBe('loopwright/r1.w2')
  expect(readFileSync(join(next.path, 'a.txt'), 'utf8')).toBe('two\n')
  expect(readFileSync(join(next.path, 'node_modules/x.js'), 'utf8')).toBe('x\n')
  expect(existsSync(join(next.path, 'src/deep'))).toBe(false)
  expectFresh(s.run, next)
  // What is copied is there again; the setup ran for the run and for the first worker.
  expect(readFileSync(join(next.path, '.env'), 'utf8')).toBe('KEY=1\n')
  expect(s.setups).toEqual([s.run.path, s.first.path])
  expect(git(next.path, 'branch', '--list', 'loopwright/r1.w1')).toBe('')
  write(next.path, { 'w2.txt': '2\n' })
  const [merged] = await s.run.merge([{ id: 'w2', title: 'w2' }], '3')
  expect(merged).toMatchObject({ merged: true, changedFiles: ['w2.txt'] })
  expect(readdirSync(join(s.folder, 'spares'))).toEqual(['1'])
})

test.each<[string, (spare: string, index: string) => void]>([
  ['an untracked file', (spare) => write(spare, { 'left.txt': 'l\n' })],
  ['a changed file', (spare) => write(spare, { 'src/b.txt': 'B\n' })],
  ['a missing file', (spare) => rmSync(join(spare, 'src/deep/c.txt'))],
  ['an executable bit', (spare) => chmodSync(join(spare, 'src/b.txt'), 0o755)],
  ['a file closed to writing', (spare) => chmodSync(join(spare, 'src/b.txt'), 0o444)],
  ['a folder closed to writing', (spare) => chmodSync(join(spare, 'src/deep'), 0o555)],
  [
    'a link in place of a folder',
    (spare) => {
      renameSync(join(spare, 'src/deep'), join(spare, 'node_modules/deep'))
      symlinkSync('../node_modules/deep', join(spare, 'src/deep'))
    },
  ],
  ['a repository in a tracked folder', (spare) => git(join(spare, 'src'), 'init', '-q')],
  ['a lost index', (_, index) => rmSync(index)],
  ['a damaged index', (_, index) => writeFileSync(index, 'nonsense')],
  [
    'an emptied folder',
    (spare) => {
      rmSync(spare, { recursive: true })
      mkdirSync(spare)
    },
  ],
])('a spare with %s is thrown away and the next worker starts fresh', async (_, spoil) => {
  using s = await withSpare()
  spoil(s.spare, join(s.folder, 'index/w-1'))
  const next = await s.run.fork('w2')
  expect(existsSync(join(next.path, 'node_modules'))).toBe(false)
  expectFresh(s.run, next)
  expect(s.setups).toEqual([s.run.path, s.first.path, next.path])
  expect(existsSync(join(s.folder, 'spares/1'))).toBe(false)
  writeFileSync(join(next.path, 'src/deep/more.txt'), 'm\n')
})

test.each<[string, Readonly<Record<string, string>>]>([
  ['files are no longer ignored', { '.gitignore': '.env\n' }],
  ['attributes say otherwise', { '.gitattributes': '*.txt eol=crlf\n' }],
])('a spare is thrown away when %s at the new commit', async (_, change) => {
  using s = await withSpare()
  write(s.run.path, change)
  await s.run.checkpoint('x', '2')
  const next = await s.run.fork('w2')
  expect(existsSync(join(next.path, 'node_modules'))).toBe(false)
  expect(readFileSync(join(next.path, 'a.txt'), 'utf8')).toBe('.gitattributes' in change ? 'one\r\n' : 'one\n')
})

test('a commit that tracks what a spare ignores wins over it', async () => {
  using s = await withSpare()
  write(s.run.path, { 'src/y.tmp': 'tracked\n' })
  git(s.run.path, 'add', '-f', 'src/y.tmp')
  git(s.run.path, 'commit', '-qm', 'forced')
  await s.run.checkpoint('x', '2')
  const next = await s.run.fork('w2')
  expect(readFileSync(join(next.path, 'src/y.tmp'), 'utf8')).toBe('tracked\n')
  expectFresh(s.run, next)
})

test.each<[string, (folder: string) => void]>([
  ['before a worktree was put aside', (folder) => renameSync(join(folder, 'spares/1'), join(folder, 'workers/1'))],
  [
    'after a spare was taken and half moved',
    (folder) => {
      renameSync(join(folder, 'spares/1'), join(folder, 'workers/1'))
      write(join(folder, 'workers/1'), { 'a.txt': 'half\n' })
      writeFileSync(join(folder, 'index/w-1.lock'), '')
    },
  ],
  [
    'with a spare and a half-made worktree at its place',
    (folder) => write(join(folder, 'workers/1'), { 'half.txt': 'half\n' }),
  ],
  [
    'with a move of an earlier worker under way',
    (folder) => writeFileSync(join(folder, 'index/w-1.pending.json'), '{"from":"x","to":"y"}'),
  ],
  ['in the middle of moving a spare', (folder) => writeFileSync(join(folder, 'index/w-1.lock'), '')],
])('a crash %s leaves nothing in the way of the next worker', async (_, crash) => {
  using s = await withSpare()
  crash(s.folder)
  const run = await s.open()
  const next = await run.fork('w2')
  expect(next.path).toBe(s.first.path)
  expectFresh(run, next)
  expect(existsSync(join(next.path, 'half.txt'))).toBe(false)
  expectFresh(run, await run.fork('w2'))
  write(next.path, { 'w2.txt': '2\n' })
  expect(await run.merge([{ id: 'w2', title: 'w2' }], '2')).toMatchObject([{ merged: true, changedFiles: ['w2.txt'] }])
})

test('submodules stay empty folders in a spare; one with files in it is thrown away', async () => {
  using s = await withSpare()
  const other = makeRepo(join(s.place.path, 'other'))
  const repo = makeRepo(join(s.place.path, 'with submodule'))
  git(repo, 'submodule', 'add', '-q', other, 'mod')
  git(repo, 'commit', '-qm', 'submodule')
  const workspaces = createWorkspaces({ home: join(s.place.path, 'home'), env: process.env })
  const run = await workspaces.open({ run: 'sub', project: repo, isolation: 'worktree' })
  const work = async (id: string, path: string) => {
    const worker = await run.fork(id)
    expect(readdirSync(join(worker.path, 'mod'))).toEqual([])
    expectFresh(run, worker)
    write(worker.path, { [path]: 'x\n' })
    expect((await run.merge([{ id, title: id }], id))[0]?.merged).toBe(true)
  }
  await work('w1', 'one.txt')
  await work('w2', 'mod/left.txt')
  await work('w3', 'three.txt')
})

test('spares are as many as ran at once, at most eight, and closing removes them', async () => {
  using s = await withSpare()
  const ids = Array.from({ length: 9 }, (_, at) => `p${at}`)
  await Promise.all(ids.map((id) => s.run.fork(id)))
  expect(readdirSync(join(s.folder, 'workers')).sort()).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
  await s.run.merge(
    ids.map((id) => ({ id, title: id })),
    '2',
  )
  expect(readdirSync(join(s.folder, 'workers'))).toEqual([])
  expect(readdirSync(join(s.folder, 'spares'))).toHaveLength(8)
  await s.run.fork('last')
  expect(await s.run.close('auto')).toMatchObject({ kept: true })
  expect(readdirSync(join(s.folder, 'spares'))).toEqual([])
  expect(readdirSync(join(s.folder, 'workers'))).toEqual(['1'])
})

test('a process that ends at any call of git, while it merges a worker and forks the next, leaves what can be continued', async () => {
  for (let last = 0, crashed = true; crashed; last++) {
    using s = await withSpare()
    const worker = await s.run.fork('w2')
    write(worker.path, { 'w2.txt': '2\n' })
    const real = createGit({ env: process.env })
    let calls = -1
    crashed = false
    const dying: Git = {
      ...real,
      own: (repo, args, options) => {
        if (calls < 0 || calls++ < last) return real.own(repo, args, options)
        crashed = true
        return Promise.reject(new Error('gone'))
      },
    }
    const again = createWorkspaces({ home: join(s.place.path, 'home'), env: process.env, git: dying })
    const doomed = await again.open({ run: 'r1', project: s.repo, isolation: 'worktree' })
    calls = 0
    const go = async (run: Workspace) => {
      const outcomes = await run.merge([{ id: 'w2', title: 'w2' }], '2')
      return { outcomes, next: await run.fork('w3') }
    }
    await go(doomed).catch(() => {})
    const run = await s.open()
    const { outcomes, next } = await go(run)
    expect(outcomes).toMatchObject([{ merged: true }])
    expect(next.path).toBe(worker.path)
    expect(readFileSync(join(next.path, 'w2.txt'), 'utf8')).toBe('2\n')
    expectFresh(run, next)
  }
})
