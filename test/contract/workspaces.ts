import { describe, expect, test } from 'vitest'
import type { Workspace, WorkspaceSpec, Workspaces } from '../../src/core/ports.ts'

/** Workspaces, and the files of a user who has them. */
export interface WorkspaceWorld extends Disposable {
  readonly workspaces: Workspaces
  /** A repository with one commit. */
  readonly project: string
  /** Another repository with one commit. */
  readonly other: string
  /** A directory that is no repository. */
  readonly plain: string
  /** Writes files below a directory. */
  write(root: string, files: Readonly<Record<string, string>>): void
  /** The text of a file, or undefined. */
  read(path: string): string | undefined
  /** Removes a file, or a directory with all below it. */
  remove(path: string): void
  /** What a branch of the project holds at a path, or undefined. */
  show(branch: string, path: string): string | undefined
}

/** Makes a world whose project holds these files. */
export type OpenWorkspaces = (files: Readonly<Record<string, string>>) => WorkspaceWorld

const code = (value: string) => expect.objectContaining({ code: value })
const sorted = (paths: readonly string[]) => [...paths].sort()
const job = (id: string) => ({ id, title: `work of ${id}` })

/** What every Workspaces must do. */
export function workspacesContract(name: string, open: OpenWorkspaces): void {
  const start = (files: Readonly<Record<string, string>> = { 'a.txt': 'one\n' }) => {
    const world = open(files)
    const spec = (more: Partial<WorkspaceSpec> = {}): WorkspaceSpec => ({
      run: 'r1',
      project: world.project,
      isolation: 'worktree',
      ...more,
    })
    return {
      ...world,
      [Symbol.dispose]: () => world[Symbol.dispose](),
      open: (more?: Partial<WorkspaceSpec>) => world.workspaces.open(spec(more)),
    }
  }

  describe(`${name}: a run's worktree`, () => {
    test('holds what was committed, on a branch of its own, and the user’s files stay as they are', async () => {
      using w = start()
      w.write(w.project, { 'a.txt': 'mine\n', 'new.txt': 'untracked\n' })
      const run = await w.open()
      expect(run).toMatchObject({ isolated: true, branch: 'loopwright/r1', path: run.root, base: expect.any(String) })
      expect(run.original).toBe(w.project)
      expect([w.read(`${run.path}/a.txt`), w.read(`${run.path}/new.txt`)]).toEqual(['one\n', undefined])
      w.write(run.path, { 'a.txt': 'two\n' })
      await run.checkpoint('x', '1')
      await run.publish()
      expect([w.read(`${w.project}/a.txt`), w.read(`${w.project}/new.txt`)]).toEqual(['mine\n', 'untracked\n'])
    })

    test('is found again by the same run, dirty as it was, and is another for another run', async () => {
      using w = start()
      const first = await w.open()
      w.write(first.path, { 'b.txt': 'b\n' })
      const again = await w.open()
      expect([again.root, w.read(`${again.path}/b.txt`)]).toEqual([first.root, 'b\n'])
      const other = await w.open({ run: 'r2' })
      expect(other.root).not.toBe(first.root)
      expect([other.branch, w.read(`${other.path}/b.txt`)]).toEqual(['loopwright/r2', undefined])
    })

    test('that was deleted refuses work, and is made anew at its last checkpoint', async () => {
      using w = start()
      const first = await w.open()
      w.write(first.path, { 'b.txt': 'b\n' })
      await first.checkpoint('x', '1')
      w.write(first.path, { 'c.txt': 'c\n' })
      w.remove(first.root)
      await expect(first.checkpoint('x', '2')).rejects.toThrow(code('workspace'))
      const again = await w.open()
      expect([w.read(`${again.path}/b.txt`), w.read(`${again.path}/c.txt`)]).toEqual(['b\n', undefined])
      expect(await again.checkpoint('x', '2')).toEqual({ changedFiles: [], totalChangedFiles: ['b.txt'] })
    })

    test('opened twice at once is one', async () => {
      using w = start()
      const [one, two] = await Promise.all([w.open(), w.open()])
      expect(one.root).toBe(two.root)
    })

    test('leads to the same subdirectory as the project', async () => {
      using w = start({ 'a.txt': 'one\n', 'src/b.txt': 'b\n' })
      const run = await w.open({ project: `${w.project}/src` })
      expect([run.path, w.read(`${run.path}/b.txt`)]).toEqual([`${run.root}/src`, 'b\n'])
      w.write(run.path, { 'b.txt': 'two\n' })
      expect(await run.changedFiles()).toEqual(['src/b.txt'])
    })

    test('begins at a checkpoint that only another run holds', async () => {
      using w = start()
      const first = await w.open()
      w.write(first.path, { 'b.txt': 'b\n' })
      const { commit = '' } = await first.checkpoint('x', '1')
      const second = await w.open({ run: 'r2', base: commit })
      expect([second.base, w.read(`${second.path}/b.txt`)]).toEqual([commit, 'b\n'])
      expect(await second.changedFiles()).toEqual([])
    })

    test('gets copies of untracked files, which are not committed', async () => {
      using w = start()
      w.write(w.project, { '.env': 'KEY=1\n' })
      const run = await w.open({ copy: ['.env', 'none'] })
      expect(w.read(`${run.path}/.env`)).toBe('KEY=1\n')
      expect((await run.checkpoint('x', '1')).commit).toBeUndefined()
    })

    test('is refused for what is not there, and for what belongs to others', async () => {
      using w = start()
      await expect(w.open({ project: `${w.plain}/none` })).rejects.toThrow(code('bad_input'))
      await expect(w.open({ base: 'nope' })).rejects.toThrow(code('bad_input'))
      await expect(w.open({ setup: [{ argv: ['true'] }] })).rejects.toThrow(code('workspace'))
      await w.open({ run: 'r2' })
      await expect(w.open({ run: 'r2', project: w.other })).rejects.toThrow(code('conflict'))
    })
  })

  describe(`${name}: checkpoints`, () => {
    test('commit what was edited, added and deleted, and not what is ignored; the same step is committed once', async () => {
      using w = start({ 'a.txt': 'one\n', 'src/b.txt': 'b\n', '.gitignore': 'ignored\n' })
      const run = await w.open()
      w.write(run.path, { 'a.txt': 'two\n', 'dir ü/new.txt': 'x\n', ignored: 'no\n' })
      w.remove(`${run.path}/src/b.txt`)
      const files = ['a.txt', 'dir ü/new.txt', 'src/b.txt']
      expect(sorted(await run.changedFiles())).toEqual(files)
      const done = await run.checkpoint('x', '1')
      expect(done.commit).toEqual(expect.any(String))
      expect([sorted(done.changedFiles), sorted(done.totalChangedFiles)]).toEqual([files, files])
      w.write(run.path, { 'later.txt': 'l\n' })
      expect(await run.checkpoint('x', '1')).toEqual(done)
      const next = await run.checkpoint('x', '2')
      expect(next.changedFiles).toEqual(['later.txt'])
      expect(sorted(next.totalChangedFiles)).toEqual(sorted([...files, 'later.txt']))
    })

    test('of nothing are none', async () => {
      using w = start()
      const run = await w.open()
      expect(await run.checkpoint('x', '1')).toEqual({ changedFiles: [], totalChangedFiles: [] })
      w.write(run.path, { 'a.txt': 'two\n' })
      await run.checkpoint('x', '2')
      w.write(run.path, { 'a.txt': 'two\n' })
      expect(await run.checkpoint('x', '3')).toEqual({ changedFiles: [], totalChangedFiles: ['a.txt'] })
    })

    test('are part of the diff against the base, which is cut at its bound', async () => {
      using w = start()
      const run = await w.open()
      expect(await run.diff()).toBe('')
      w.write(run.path, { 'a.txt': 'two\n' })
      await run.checkpoint('x', '1')
      w.write(run.path, { 'b.txt': 'three\n' })
      const diff = await run.diff()
      for (const line of ['-one', '+two', '+three']) expect(diff).toContain(`\n${line}\n`)
      expect(Buffer.byteLength(await run.diff(20))).toBe(20)
    })

    test('have a diff of their own, whatever the files are by now', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'a.txt': 'two\n' })
      const { commit } = await run.checkpoint('x', '1')
      w.write(run.path, { 'a.txt': 'one\n', 'b.txt': 'three\n' })
      const diff = await run.diff(undefined, commit)
      expect(diff).toContain('\n+two\n')
      expect(diff).not.toContain('three')
      for (const none of ['', 'HEAD', '--all', 'f'.repeat(40)])
        await expect(run.diff(undefined, none)).rejects.toEqual(code('workspace'))
    })

    test('show on the branch once it is published', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'a.txt': 'two\n' })
      await run.checkpoint('x', '1')
      expect(w.show('loopwright/r1', 'a.txt')).toBeUndefined()
      await run.publish()
      await run.publish()
      expect(w.show('loopwright/r1', 'a.txt')).toBe('two\n')
    })
  })

  describe(`${name}: a roll-back`, () => {
    const files = { 'a.txt': 'one\n', 'gone.txt': 'g\n', '.gitignore': 'cache\n' }

    test('brings the files back to a checkpoint, commits on top, and keeps the failed try in the history', async () => {
      using w = start(files)
      const run = await w.open()
      w.write(run.path, { 'a.txt': 'good\n' })
      const good = await run.checkpoint('good', '1')
      w.write(run.path, { 'a.txt': 'bad\n', 'new.txt': 'n\n', cache: 'kept\n' })
      w.remove(`${run.path}/gone.txt`)
      const bad = await run.checkpoint('bad', '2')
      const back = await run.restore(good.commit ?? '', 'back', '3')
      const here = (path: string) => w.read(`${run.path}/${path}`)
      expect(['a.txt', 'new.txt', 'gone.txt', 'cache'].map(here)).toEqual(['good\n', undefined, 'g\n', 'kept\n'])
      expect(sorted(back.changedFiles)).toEqual(['a.txt', 'gone.txt', 'new.txt'])
      expect(back.totalChangedFiles).toEqual(['a.txt'])
      expect([good.commit, bad.commit]).not.toContain(back.commit)
      await run.publish()
      expect(w.show('loopwright/r1', 'a.txt')).toBe('good\n')
      // The failed try can be gone back to as well: nothing of it was lost.
      await run.restore(bad.commit ?? '', 'forth', '4')
      expect(['a.txt', 'new.txt', 'gone.txt'].map(here)).toEqual(['bad\n', 'n\n', undefined])
    })

    test('keeps what was not committed in the history too, and is done once for the same step', async () => {
      using w = start(files)
      const run = await w.open()
      w.write(run.path, { 'a.txt': 'bad\n' })
      const back = await run.restore(run.base ?? '', 'back', '1')
      expect(w.read(`${run.path}/a.txt`)).toBe('one\n')
      expect(back.totalChangedFiles).toEqual([])
      w.write(run.path, { 'b.txt': 'later\n' })
      const again = await (await w.open()).restore(run.base ?? '', 'back', '1')
      expect(again.commit).toBe(back.commit)
      expect(w.read(`${run.path}/b.txt`)).toBe('later\n')
    })

    test('to what the files are already makes no commit', async () => {
      using w = start(files)
      const run = await w.open()
      const { commit, changedFiles } = await run.restore(run.base ?? '', 'back', '1')
      expect([commit, changedFiles]).toEqual([undefined, []])
    })

    test('to what is no checkpoint of the run is refused, and in place there is none', async () => {
      using w = start(files)
      const run = await w.open()
      for (const commit of ['', 'HEAD', '--all', 'f'.repeat(40)])
        await expect(run.restore(commit, 'back', '1')).rejects.toEqual(code('workspace'))
      const inPlace = await w.open({ run: 'r2', isolation: 'inplace' })
      await expect(inPlace.restore(run.base ?? '', 'back', '1')).rejects.toEqual(code('workspace'))
    })
  })

  describe(`${name}: workers`, () => {
    const fork = async (w: ReturnType<typeof start>, run: Workspace, id: string, files: Record<string, string>) => {
      const worker = await run.fork(id)
      w.write(worker.path, files)
      return worker
    }

    test('begin at the checkpoint of their run, and are found again dirty as they were', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'b.txt': 'b\n' })
      await run.checkpoint('x', '1')
      w.write(run.path, { 'c.txt': 'c\n' })
      const worker = await fork(w, run, 'w', { 'a.txt': 'two\n', 'w.txt': 'w\n' })
      expect(worker).toMatchObject({ isolated: true, branch: 'loopwright/r1.w' })
      expect([w.read(`${worker.path}/b.txt`), w.read(`${worker.path}/c.txt`)]).toEqual(['b\n', undefined])
      const again = await (await w.open()).fork('w')
      expect([again.root, w.read(`${again.path}/a.txt`)]).toEqual([worker.root, 'two\n'])
      expect(await again.changedFiles()).toEqual(['a.txt', 'w.txt'])
      expect(w.read(`${run.path}/w.txt`)).toBeUndefined()
    })

    test('are merged in order; one in conflict touches nothing and the others still merge', async () => {
      using w = start({ 'a.txt': 'one\n', 'b.txt': 'b\n' })
      const run = await w.open()
      const one = await fork(w, run, 'w1', { 'a.txt': 'from one\n', 'one.txt': '1\n' })
      const two = await fork(w, run, 'w2', { 'a.txt': 'from two\n', 'two.txt': '2\n' })
      await fork(w, run, 'w3', { 'three.txt': '3\n' })
      w.remove(`${(await run.fork('w3')).path}/b.txt`)
      await run.fork('idle')
      w.write(run.path, { 'own.txt': 'o\n' })
      const jobs = ['w1', 'w2', 'w3', 'idle', 'stranger'].map(job)
      const outcomes = await run.merge(jobs, '1')
      const commit = expect.any(String)
      expect(outcomes).toEqual([
        { id: 'w1', merged: true, commit, conflicts: [], changedFiles: ['a.txt', 'one.txt'] },
        { id: 'w2', merged: false, conflicts: ['a.txt'], changedFiles: ['a.txt', 'two.txt'] },
        { id: 'w3', merged: true, commit, conflicts: [], changedFiles: ['b.txt', 'three.txt'] },
        { id: 'idle', merged: true, conflicts: [], changedFiles: [] },
        { id: 'stranger', merged: true, conflicts: [], changedFiles: [] },
      ])
      const files = ['a.txt', 'b.txt', 'one.txt', 'two.txt', 'three.txt', 'own.txt']
      expect(files.map((path) => w.read(`${run.path}/${path}`))).toEqual([
        'from one\n',
        undefined,
        '1\n',
        undefined,
        '3\n',
        'o\n',
      ])
      expect([w.read(`${one.path}/one.txt`), w.read(`${two.path}/two.txt`)]).toEqual([undefined, '2\n'])
      expect(await run.merge(jobs, '1')).toEqual(outcomes)
    })

    test('do not win over what their run changed and has not committed yet', async () => {
      using w = start()
      const run = await w.open()
      await fork(w, run, 'w', { 'a.txt': 'from w\n' })
      w.write(run.path, { 'a.txt': 'own\n' })
      expect(await run.merge([job('w')], '1')).toMatchObject([{ merged: false, conflicts: ['a.txt'] }])
      expect(w.read(`${run.path}/a.txt`)).toBe('own\n')
    })

    test('that changed the same file alike are no conflict', async () => {
      using w = start()
      const run = await w.open()
      for (const id of ['w1', 'w2']) await fork(w, run, id, { 'a.txt': 'two\n' })
      expect((await run.merge(['w1', 'w2'].map(job), '1')).map(({ merged }) => merged)).toEqual([true, true])
    })

    test('begin anew under the same id once they were merged', async () => {
      using w = start()
      const run = await w.open()
      await fork(w, run, 'w', { 'w.txt': 'w\n' })
      await run.merge([job('w')], '1')
      const worker = await run.fork('w')
      expect([w.read(`${worker.path}/w.txt`), await worker.changedFiles()]).toEqual(['w\n', []])
    })

    test('are gone with all that is in them once they are dropped, and their run has nothing of it', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'own.txt': 'o\n' })
      const worker = await fork(w, run, 'w', { 'a.txt': 'two\n', 'w.txt': 'w\n' })
      await worker.checkpoint('of the worker', '1')
      w.write(worker.path, { 'late.txt': 'not committed\n' })
      const other = await fork(w, run, 'other', { 'a.txt': 'three\n' })
      await run.drop('w')
      await run.drop('w')
      await run.drop('nobody')
      expect(['a.txt', 'w.txt', 'late.txt'].map((path) => w.read(`${worker.path}/${path}`))).toEqual([
        undefined,
        undefined,
        undefined,
      ])
      expect([w.read(`${run.path}/own.txt`), w.read(`${other.path}/a.txt`)]).toEqual(['o\n', 'three\n'])
      expect(await run.merge([job('w')], '2')).toMatchObject([{ merged: true, changedFiles: [] }])
      const again = await run.fork('w')
      expect([w.read(`${again.path}/a.txt`), await again.changedFiles()]).toEqual(['one\n', []])
      await run.drop('w')
      expect((await run.checkpoint('x', '3')).totalChangedFiles).toEqual(['own.txt'])
      await run.drop('other')
      expect(await run.close('always')).toEqual({ kept: false, branch: 'loopwright/r1' })
      expect([w.show('loopwright/r1', 'own.txt'), w.show('loopwright/r1.w', 'w.txt')]).toEqual(['o\n', undefined])
      expect(w.show('loopwright/r1.other', 'a.txt')).toBeUndefined()
    })

    test('are told of by the checkpoint after their merge, once', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'own.txt': 'o\n' })
      await run.checkpoint('x', '1')
      for (const id of ['w1', 'w2']) await fork(w, run, id, { [`${id}.txt`]: `${id}\n` })
      w.write(run.path, { 'since.txt': 's\n' })
      await run.merge(['w1', 'w2'].map(job), '2')
      const done = await run.checkpoint('x', '3')
      expect(done).toEqual({
        commit: expect.any(String),
        changedFiles: ['since.txt', 'w1.txt', 'w2.txt'],
        totalChangedFiles: ['own.txt', 'since.txt', 'w1.txt', 'w2.txt'],
      })
      expect(await run.checkpoint('x', '3')).toEqual(done)
      expect((await run.checkpoint('x', '4')).commit).toBeUndefined()
    })
  })

  describe(`${name}: closing`, () => {
    test('a run that changed nothing leaves nothing', async () => {
      using w = start()
      const run = await w.open()
      expect(await run.close('auto')).toEqual({ kept: false })
      expect([w.read(`${run.path}/a.txt`), w.show('loopwright/r1', 'a.txt')]).toEqual([undefined, undefined])
    })

    test('commits what was left and publishes it; auto keeps the worktree, never all of it, always only the branch', async () => {
      using w = start()
      const run = await w.open()
      w.write(run.path, { 'left.txt': 'left\n' })
      expect(await run.close('never')).toEqual({ kept: true, path: run.root, branch: 'loopwright/r1' })
      expect(w.show('loopwright/r1', 'left.txt')).toBeUndefined()
      expect(await run.close('auto')).toEqual({ kept: true, path: run.root, branch: 'loopwright/r1' })
      expect(w.show('loopwright/r1', 'left.txt')).toBe('left\n')
      expect(await run.close('always')).toEqual({ kept: false, branch: 'loopwright/r1' })
      expect(w.read(`${run.path}/left.txt`)).toBeUndefined()
      expect(w.show('loopwright/r1', 'left.txt')).toBe('left\n')
    })

    test('keeps the work of a worker that could not be merged, on its branch', async () => {
      using w = start()
      const run = await w.open()
      for (const id of ['w1', 'w2']) w.write((await run.fork(id)).path, { 'a.txt': `from ${id}\n` })
      await run.merge(['w1', 'w2'].map(job), '1')
      expect(await run.close('always')).toEqual({ kept: false, branch: 'loopwright/r1' })
      expect(w.show('loopwright/r1', 'a.txt')).toBe('from w1\n')
      expect(w.show('loopwright/r1.w2', 'a.txt')).toBe('from w2\n')
    })

    test('lets the same run go on from its published branch', async () => {
      using w = start()
      const first = await w.open()
      w.write(first.path, { 'b.txt': 'b\n' })
      await first.checkpoint('x', '1')
      await first.close('always')
      const again = await w.open()
      expect([again.base, w.read(`${again.path}/b.txt`)]).toEqual([first.base, 'b\n'])
      expect(await again.changedFiles()).toEqual(['b.txt'])
    })

    test('a worker’s workspace by itself closes nothing', async () => {
      using w = start()
      const worker = await (await w.open()).fork('w')
      expect(await worker.close('always')).toEqual({ kept: true, path: worker.root, branch: 'loopwright/r1.w' })
    })
  })

  describe(`${name}: in place`, () => {
    test('in a repository nothing is committed, and only what changed since the start is told', async () => {
      using w = start({ 'a.txt': 'one\n', 'b.txt': 'b\n' })
      w.write(w.project, { 'b.txt': 'dirty before\n' })
      const run = await w.open({ isolation: 'inplace' })
      expect(run).toMatchObject({ path: w.project, root: w.project, isolated: false, warnings: [] })
      expect([run.branch, run.original, await run.changedFiles()]).toEqual([undefined, undefined, []])
      w.write(w.project, { 'a.txt': 'two\n', 'new.txt': 'n\n' })
      const files = ['a.txt', 'new.txt']
      expect(await run.checkpoint('x', '1')).toEqual({ changedFiles: files, totalChangedFiles: files })
      expect(await run.diff()).toContain('+two')
      const again = await w.open({ isolation: 'inplace' })
      expect(await again.changedFiles()).toEqual(files)
      expect(await run.close('always')).toEqual({ kept: true, path: w.project })
      expect(w.read(`${w.project}/new.txt`)).toBe('n\n')
    })

    test('workers share the directory, and there is nothing to merge', async () => {
      using w = start()
      const run = await w.open({ isolation: 'inplace' })
      expect((await run.fork('w')).path).toBe(run.path)
      expect(await run.merge([job('w')], '1')).toEqual([{ id: 'w', merged: true, conflicts: [], changedFiles: [] }])
      await run.drop('w')
      expect(w.read(`${run.path}/a.txt`)).toBe('one\n')
      await run.publish()
    })

    test('is where the work happens outside of git, with a warning', async () => {
      using w = start()
      const run = await w.open({ project: w.plain })
      expect(run).toMatchObject({ path: w.plain, isolated: false })
      expect(run.warnings).toEqual([expect.stringContaining('not a git repository')])
      w.write(w.plain, { 'x.txt': 'x\n' })
      expect(await run.checkpoint('x', '1')).toEqual({ changedFiles: [], totalChangedFiles: [] })
      expect([await run.diff(), run.base]).toEqual(['', undefined])
    })
  })
}
