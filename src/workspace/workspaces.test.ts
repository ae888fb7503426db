import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, hashes, makeRepo, scratch, write } from '../../test/fixtures/repo.ts'
import type { WorkspaceSpec } from '../core/ports.ts'
import { createWorkspaces } from './workspaces.ts'

function setUp(files?: Readonly<Record<string, string>>) {
  const place = scratch()
  const repo = makeRepo(join(place.path, 'my repo é'), files)
  const home = join(place.path, 'home')
  const workspaces = createWorkspaces({ home, env: process.env })
  const spec = (more: Partial<WorkspaceSpec> = {}): WorkspaceSpec => ({
    run: 'r1',
    project: repo,
    isolation: 'worktree',
    ...more,
  })
  return { repo, home, workspaces, spec, path: place.path, [Symbol.dispose]: () => place[Symbol.dispose]() }
}

test('a run works in its own worktree and the user notices nothing but the published branch', async () => {
  using s = setUp({ 'a.txt': 'one\n', 'src/b.txt': 'b\n', '.gitignore': 'ignored\n' })
  write(s.repo, { 'a.txt': 'mine\n', 'new.txt': 'untracked\n' })
  git(s.repo, 'add', 'a.txt')
  const status = git(s.repo, 'status', '--porcelain', '-z')
  const before = hashes(s.repo)
  const workspace = await s.workspaces.open(s.spec())
  expect(workspace.warnings).toEqual([expect.stringMatching(/^2 uncommitted changes are not in the worktree/)])
  expect(readFileSync(join(workspace.path, 'a.txt'), 'utf8')).toBe('one\n')
  write(workspace.path, { 'a.txt': 'two\n', 'dir ü/new\nline.txt': 'x\n', ignored: 'no\n' })
  rmSync(join(workspace.path, 'src/b.txt'))
  const done = await workspace.checkpoint('loopwright: iteration 1', 'main/1')
  expect([...done.changedFiles].sort()).toEqual(['a.txt', 'dir ü/new\nline.txt', 'src/b.txt'])
  expect(await workspace.checkpoint('loopwright: iteration 1', 'main/1')).toEqual(done)
  await workspace.publish()
  await workspace.publish()
  expect(git(s.repo, 'log', '--format=%s', 'loopwright/r1')).toBe('loopwright: iteration 1\nstart\n')
  expect(git(s.repo, 'fsck', '--strict').trim()).toBe('')
  expect(git(s.repo, 'status', '--porcelain', '-z')).toBe(status)
  const changed = [...hashes(s.repo)].filter(([path, hash]) => before.get(path) !== hash).map(([path]) => path)
  expect(
    changed.filter(
      (path) => !/^\.git\/(objects\/|refs\/heads\/loopwright\/|logs\/refs\/heads\/loopwright\/)/.test(path),
    ),
  ).toEqual([])
  expect([...before.keys()].filter((path) => !existsSync(join(s.repo, path)))).toEqual([])
})

test('nothing changed: no commit, and closing removes worktree and branch', async () => {
  using s = setUp()
  const workspace = await s.workspaces.open(s.spec())
  const done = await workspace.checkpoint('x', '1')
  expect(done).toEqual({ changedFiles: [], totalChangedFiles: [] })
  expect(await workspace.close('auto')).toEqual({ kept: false })
  expect(existsSync(workspace.root)).toBe(false)
  expect(git(s.repo, 'branch', '--list', 'loopwright/*')).toBe('')
})

test('closing commits work that was left, keeps it on auto and publishes it on always', async () => {
  using s = setUp()
  const workspace = await s.workspaces.open(s.spec())
  write(workspace.path, { 'left.txt': 'left\n' })
  expect(await workspace.close('auto')).toEqual({ kept: true, path: workspace.root, branch: 'loopwright/r1' })
  expect(await workspace.close('never')).toMatchObject({ kept: true })
  expect(await workspace.close('always')).toEqual({ kept: false, branch: 'loopwright/r1' })
  expect(git(s.repo, 'show', 'loopwright/r1:left.txt')).toBe('left\n')
})

test('the same run finds its worktree dirty as it was, and a deleted folder is made anew at the last checkpoint', async () => {
  using s = setUp()
  const first = await s.workspaces.open(s.spec())
  write(first.path, { 'b.txt': 'b\n' })
  await first.checkpoint('x', '1')
  write(first.path, { 'c.txt': 'c\n' })
  const second = await s.workspaces.open(s.spec())
  expect(existsSync(join(second.path, 'c.txt'))).toBe(true)
  rmSync(second.root, { recursive: true })
  await expect(second.checkpoint('x', '2')).rejects.toMatchObject({ code: 'workspace' })
  const third = await s.workspaces.open(s.spec())
  expect(readFileSync(join(third.path, 'b.txt'), 'utf8')).toBe('b\n')
  expect(await third.checkpoint('x', '2')).toMatchObject({ changedFiles: [], totalChangedFiles: ['b.txt'] })
})

test('what an agent does with git in the worktree is kept: commits, a detached head, an emptied index, a rewritten branch', async () => {
  using s = setUp({ 'a.txt': 'one\n', 'b.txt': 'b\n', '.gitignore': 'forced\n' })
  const workspace = await s.workspaces.open(s.spec())
  const at = workspace.path
  write(at, { 'a.txt': 'two\n', forced: 'f\n' })
  git(at, 'add', '-f', 'a.txt', 'forced')
  git(at, 'commit', '-q', '-m', 'by the agent')
  git(at, 'rm', '-r', '-q', '--cached', '.')
  expect((await workspace.checkpoint('one', '1')).changedFiles).toEqual(['a.txt', 'forced'])
  expect(git(at, 'status', '--porcelain')).toBe('')
  git(at, 'checkout', '-q', '--detach')
  write(at, { 'c.txt': 'c\n' })
  git(at, 'add', '-A')
  git(at, 'commit', '-q', '-m', 'detached')
  await workspace.checkpoint('two', '2')
  expect(git(at, 'branch', '--show-current')).toBe('loopwright/r1\n')
  git(at, 'reset', '-q', '--hard', 'HEAD~1')
  write(at, { 'd.txt': 'd\n' })
  git(at, 'add', '-A')
  git(at, 'commit', '-q', '--amend', '-m', 'rewritten')
  await workspace.checkpoint('three', '3')
  await workspace.publish()
  const subjects = git(s.repo, 'log', '--format=%s', 'loopwright/r1').trim().split('\n')
  expect(subjects.sort()).toEqual(['by the agent', 'detached', 'one', 'rewritten', 'start', 'three', 'two'].sort())
  expect(git(s.repo, 'ls-tree', '-r', '--name-only', 'loopwright/r1').split('\n')).toContain('d.txt')
})

test('an agent that replaces .git by a repository of its own loses nothing and changes nothing', async () => {
  using s = setUp()
  const workspace = await s.workspaces.open(s.spec())
  rmSync(join(workspace.path, '.git'))
  git(workspace.path, 'init', '-q')
  write(workspace.path, { 'b.txt': 'b\n' })
  expect((await workspace.checkpoint('x', '1')).changedFiles).toEqual(['b.txt'])
  expect(git(workspace.path, 'log', '-1', '--format=%s')).toBe('x\n')
})

test('files become folders, folders links, and links are never followed', async () => {
  using s = setUp({ 'a/one.txt': '1\n', 'a/two.txt': '2\n', file: 'f\n', link: 'l\n' })
  const outside = join(s.path, 'outside')
  write(outside, { 'one.txt': 'secret\n', 'two.txt': 'secret\n' })
  const workspace = await s.workspaces.open(s.spec())
  rmSync(join(workspace.path, 'a'), { recursive: true })
  symlinkSync(outside, join(workspace.path, 'a'))
  rmSync(join(workspace.path, 'file'))
  write(workspace.path, { 'file/inner.txt': 'i\n' })
  await workspace.checkpoint('x', '1')
  await workspace.publish()
  const listed = git(s.repo, 'ls-tree', '-r', '--format=%(objectmode) %(path)', 'loopwright/r1').trim().split('\n')
  expect(listed).toEqual(['120000 a', '100644 file/inner.txt', '100644 link'])
})

test('three workers merge in order, one in conflict keeps its branch and the others still merge', async () => {
  using s = setUp({ 'a.txt': 'one\n', 'b.txt': 'b\n' })
  const run = await s.workspaces.open(s.spec())
  const workers = await Promise.all(['w1', 'w2', 'w3', 'idle'].map((id) => run.fork(id)))
  const [one, two, three] = workers
  write(one?.path ?? '', { 'a.txt': 'from one\n', 'one.txt': '1\n' })
  write(two?.path ?? '', { 'a.txt': 'from two\n' })
  write(three?.path ?? '', { 'three.txt': '3\n' })
  write(run.path, { 'uncommitted.txt': 'u\n' })
  const list = ['w1', 'w2', 'w3', 'idle'].map((id) => ({ id, title: `work of ${id}` }))
  const outcomes = await run.merge(list, 'main/4')
  expect(outcomes.map(({ id, merged, conflicts }) => [id, merged, conflicts])).toEqual([
    ['w1', true, []],
    ['w2', false, ['a.txt']],
    ['w3', true, []],
    ['idle', true, []],
  ])
  expect(outcomes[3]?.commit).toBeUndefined()
  expect(readFileSync(join(run.path, 'a.txt'), 'utf8')).toBe('from one\n')
  expect(existsSync(join(run.path, 'three.txt'))).toBe(true)
  expect(existsSync(join(run.path, 'uncommitted.txt'))).toBe(true)
  expect(git(run.path, 'status', '--porcelain')).toBe('')
  expect([one, two, three].map((each) => existsSync(each?.root ?? ''))).toEqual([false, true, false])
  expect(await run.merge(list, 'main/4')).toEqual(outcomes.map((each) => (each.id === 'idle' ? each : each)))
  expect(await run.close('always')).toEqual({ kept: false, branch: 'loopwright/r1' })
  expect(git(s.repo, 'show', 'loopwright/r1.w2:a.txt')).toBe('from two\n')
  expect(git(s.repo, 'log', '--merges', '--format=%s', 'loopwright/r1')).toBe(
    'loopwright: merge work of w3\nloopwright: merge work of w1\n',
  )
})

test('a checkpoint over nothing but merges marks where they end, once, and names all they changed', async () => {
  using s = setUp({ 'a.txt': 'one\n' })
  const run = await s.workspaces.open(s.spec())
  write(run.path, { 'own.txt': 'o\n' })
  const first = await run.checkpoint('loopwright: iteration 1', '1')
  for (const id of ['w1', 'w2']) write((await run.fork(id)).path, { [`${id}.txt`]: `${id}\n` })
  await run.merge(
    ['w1', 'w2'].map((id) => ({ id, title: id })),
    '2',
  )
  const done = await run.checkpoint('loopwright: iteration 2', '3')
  expect(done.changedFiles).toEqual(['w1.txt', 'w2.txt'])
  expect(await run.checkpoint('loopwright: iteration 2', '3')).toEqual(done)
  expect((await run.checkpoint('loopwright: iteration 3', '4')).commit).toBeUndefined()
  await run.publish()
  const log = git(s.repo, 'log', '--first-parent', '--format=%s', 'main..loopwright/r1').trim().split('\n')
  expect(log).toEqual([
    'loopwright: iteration 2',
    'loopwright: merge w2',
    'loopwright: merge w1',
    'loopwright: iteration 1',
  ])
  expect(git(s.repo, 'rev-parse', 'loopwright/r1~3').trim()).toBe(first.commit)
})

test('a worker is found again dirty as it was; after its merge the same id starts from the current checkpoint', async () => {
  using s = setUp()
  const run = await s.workspaces.open(s.spec())
  write((await run.fork('w')).path, { 'w.txt': 'w\n' })
  const again = await run.fork('w')
  expect(readFileSync(join(again.path, 'w.txt'), 'utf8')).toBe('w\n')
  await run.merge([{ id: 'w', title: 'w' }], '1')
  expect(existsSync(join((await run.fork('w')).path, 'w.txt'))).toBe(true)
})

test('a repository without a commit starts from its files as they are', async () => {
  using place = scratch()
  const repo = join(place.path, 'fresh')
  mkdirSync(repo)
  git(repo, 'init', '-q', '-b', 'main')
  write(repo, { 'a.txt': 'a\n', 'staged.txt': 's\n', '.gitignore': 'no\n', no: 'no\n' })
  git(repo, 'add', 'staged.txt')
  const before = hashes(repo)
  const workspaces = createWorkspaces({ home: join(place.path, 'home'), env: process.env })
  const workspace = await workspaces.open({ run: 'r', project: repo, isolation: 'worktree' })
  expect(existsSync(join(workspace.path, 'a.txt'))).toBe(true)
  expect(existsSync(join(workspace.path, 'no'))).toBe(false)
  expect(hashes(repo)).toEqual(before)
  expect(await workspace.changedFiles()).toEqual([])
  write(workspace.path, { 'a.txt': 'b\n' })
  await workspace.checkpoint('x', '1')
  await workspace.publish()
  expect(git(repo, 'show', 'loopwright/r:staged.txt')).toBe('s\n')
})

test('a subdirectory, a linked worktree, a detached head, a shallow clone and borrowed objects are all places to start', async () => {
  using s = setUp({ 'a.txt': 'one\n', 'sub dir/b.txt': 'b\n' })
  write(s.repo, { 'a.txt': 'two\n' })
  git(s.repo, 'commit', '-qam', 'second')
  const linked = join(s.path, 'linked')
  git(s.repo, 'worktree', 'add', '-q', '--detach', linked)
  const shallow = join(s.path, 'shallow')
  git(s.path, 'clone', '-q', '--depth', '1', `file://${s.repo}`, shallow)
  const borrowed = join(s.path, 'borrowed')
  git(s.path, 'clone', '-q', '--shared', s.repo, borrowed)
  for (const [run, top] of Object.entries({ main: s.repo, linked, shallow, borrowed })) {
    mkdirSync(join(top, 'untracked/deep'), { recursive: true })
    const workspace = await s.workspaces.open({ run, project: join(top, 'sub dir'), isolation: 'worktree' })
    expect(workspace.path).toBe(join(workspace.root, 'sub dir'))
    write(workspace.path, { 'b.txt': `${run}\n` })
    await workspace.checkpoint('x', '1')
    await workspace.publish()
    expect(git(top, 'show', `loopwright/${run}:sub dir/b.txt`)).toBe(`${run}\n`)
    const deep = await s.workspaces.open({
      run: `${run}-deep`,
      project: join(top, 'untracked/deep'),
      isolation: 'worktree',
    })
    expect(existsSync(deep.path)).toBe(true)
  }
})

test('a run whose folder was deleted as a whole goes on from its published branch', async () => {
  using s = setUp()
  const first = await s.workspaces.open(s.spec())
  write(first.path, { 'one.txt': '1\n' })
  const { commit } = await first.checkpoint('one', '1')
  await first.publish()
  rmSync(join(s.home, 'worktrees', 'r1'), { recursive: true })
  git(s.repo, 'commit', '-q', '--allow-empty', '-m', 'the user goes on')
  const again = await s.workspaces.open(s.spec())
  expect(again.base).toBe(first.base)
  expect((await again.checkpoint('one', '1')).commit).toBe(commit)
  write(again.path, { 'two.txt': '2\n' })
  expect((await again.checkpoint('two', '2')).totalChangedFiles).toEqual(['one.txt', 'two.txt'])
  await again.publish()
  expect(git(s.repo, 'show', 'loopwright/r1:two.txt')).toBe('2\n')
})

test('a state directory within the repository is said', async () => {
  using s = setUp()
  const home = join(s.repo, '.state')
  const workspace = await createWorkspaces({ home, env: process.env }).open(s.spec())
  expect(workspace.warnings).toContain(`the state directory ${home} lies in the repository: keep it elsewhere`)
})

test('submodules stay as they are, LFS files stay pointers, both are said', async () => {
  using s = setUp({ '.gitattributes': '*.bin filter=lfs\n', 'x.bin': 'pointer\n' })
  const other = makeRepo(join(s.path, 'other'))
  git(s.repo, 'submodule', 'add', '-q', other, 'mod')
  git(s.repo, 'commit', '-qm', 'submodule')
  const workspace = await s.workspaces.open(s.spec())
  expect(workspace.warnings).toEqual([expect.stringContaining('mod'), expect.stringContaining('LFS')])
  rmSync(join(workspace.path, 'mod'), { recursive: true })
  expect((await workspace.checkpoint('x', '1')).commit).toBeUndefined()
})

test('a directory that is no repository is worked in place, a bare one and a missing one are refused', async () => {
  using s = setUp()
  const plain = join(s.path, 'plain')
  mkdirSync(plain)
  const workspace = await s.workspaces.open(s.spec({ project: plain }))
  expect(workspace.warnings).toEqual(['not a git repository: working in place, nothing can be undone'])
  expect(workspace.path).toBe(plain)
  expect(await workspace.checkpoint('x', '1')).toEqual({ changedFiles: [], totalChangedFiles: [] })
  git(s.path, 'clone', '-q', '--bare', s.repo, 'bare.git')
  await expect(s.workspaces.open(s.spec({ project: join(s.path, 'bare.git') }))).rejects.toMatchObject({
    code: 'workspace',
  })
  await expect(s.workspaces.open(s.spec({ project: join(s.path, 'none') }))).rejects.toMatchObject({
    code: 'bad_input',
  })
  await expect(s.workspaces.open(s.spec({ base: 'nope' }))).rejects.toMatchObject({ code: 'bad_input' })
})

test('in place inside a repository commits nothing and tells what changed since the start', async () => {
  using s = setUp({ 'a.txt': 'one\n', 'b.txt': 'b\n' })
  write(s.repo, { 'b.txt': 'dirty before\n' })
  const workspace = await s.workspaces.open(s.spec({ isolation: 'inplace' }))
  expect(await workspace.changedFiles()).toEqual([])
  write(s.repo, { 'a.txt': 'two\n', 'new.txt': 'n\n' })
  const done = await workspace.checkpoint('x', '1')
  expect(done).toEqual({ changedFiles: ['a.txt', 'new.txt'], totalChangedFiles: ['a.txt', 'new.txt'] })
  expect(await workspace.diff()).toContain('+two')
  expect(git(s.repo, 'log', '--format=%s')).toBe('start\n')
})

test.each([
  ['new', 'tools/ws', {}],
  ['known', 'tools/ws', { 'tools/ws/openloop.json': '{}', 'tools/ws/heartbeat.json': 'old' }],
  ['the top', '.', {}],
  ['of a strange name', 'w [ü]*', {}],
])('in place, what a run writes into its loop folder (%s) is no work of it', async (_, place, before) => {
  using s = setUp({ 'a.txt': 'one\n', ...before })
  const folder = join(s.repo, place)
  write(folder, { 'mission.md': 'm\n', 'logs/r0/round1_fix.log': 'earlier\n' })
  const workspace = await s.workspaces.open(s.spec({ isolation: 'inplace', loopFolder: folder }))
  write(folder, {
    'heartbeat.json': '{}',
    '.heartbeat.json.12.tmp': '{',
    'progress.md': '- started\n',
    '.loopwright.lock': '{}',
    'logs/r1/round1_fix.log': 'fixed\n',
    'artifacts/round-1.json': '{}',
    'output/report.txt': 'r\n',
    'knowledge/lessons.md': '- learnt\n',
  })
  expect(await workspace.changedFiles()).toEqual([])
  expect(await workspace.diff()).toBe('')
  write(s.repo, { 'a.txt': 'two\n' })
  write(folder, { 'knowledge/note.md': 'mine\n', 'heartbeat.json.bak': 'x' })
  const [note, copy] = ['knowledge/note.md', 'heartbeat.json.bak'].map((name) => join(place, name))
  expect(await workspace.changedFiles()).toEqual(['a.txt', copy, note].sort())
  expect(await workspace.diff()).toContain('+mine')
  expect(await workspace.diff()).not.toContain('+- learnt')
})

test('setup runs once in a fresh worktree, copies bring untracked files that are not committed and stay inside', async () => {
  using s = setUp({ 'a.txt': 'one\n' })
  write(s.repo, { '.env.local': 'KEY=1\n', 'cache/x.txt': 'x\n' })
  write(s.path, { 'secret.txt': 'secret\n' })
  symlinkSync(join(s.path, 'secret.txt'), join(s.repo, 'cache/out'))
  const ran: string[] = []
  const workspaces = createWorkspaces({
    home: s.home,
    env: process.env,
    run: async (command) => {
      ran.push(command.shell ?? '')
      return { exitCode: command.shell === 'false' ? 1 : 0, stdout: '', stderr: '', duration: 0, timedOut: false }
    },
  })
  const spec = s.spec({ setup: [{ shell: 'npm ci' }], copy: ['.env*', 'cache'] })
  const workspace = await workspaces.open(spec)
  await workspaces.open(spec)
  expect(ran).toEqual(['npm ci'])
  expect(readFileSync(join(workspace.path, '.env.local'), 'utf8')).toBe('KEY=1\n')
  expect(existsSync(join(workspace.path, 'cache/out'))).toBe(false)
  expect(workspace.warnings).toContain('not copied, a link that leads outside: cache/out')
  expect((await workspace.checkpoint('x', '1')).changedFiles).toEqual([])
  await expect(workspaces.open(s.spec({ run: 'r2', setup: [{ shell: 'false' }] }))).rejects.toThrow(
    /setup failed: false/,
  )
  await expect(workspaces.open(s.spec({ run: 'r3', copy: ['../secret.txt'] }))).rejects.toMatchObject({
    code: 'bad_input',
  })
})

test('a run can start at a checkpoint that only another run holds', async () => {
  using s = setUp()
  const first = await s.workspaces.open(s.spec())
  write(first.path, { 'b.txt': 'b\n' })
  const { commit } = await first.checkpoint('x', '1')
  const second = await s.workspaces.open(s.spec({ run: 'r2', ...(commit ? { base: commit } : {}) }))
  expect(existsSync(join(second.path, 'b.txt'))).toBe(true)
  await first.close('always')
  write(second.path, { 'c.txt': 'c\n' })
  await second.checkpoint('y', '1')
  await second.publish()
  expect(git(s.repo, 'log', '--format=%s', 'loopwright/r2')).toBe('y\nx\nstart\n')
})

test('a stash an agent forgot keeps the worktree from being removed', async () => {
  using s = setUp()
  const workspace = await s.workspaces.open(s.spec())
  write(workspace.path, { 'a.txt': 'stashed\n' })
  git(workspace.path, 'stash', '-q')
  expect(await workspace.close('always')).toMatchObject({ kept: true })
  expect(existsSync(workspace.root)).toBe(true)
})
