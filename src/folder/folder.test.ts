import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleBodies, exampleRun, journal } from '../../test/fixtures/journals.ts'
import { git, makeRepo, scratch } from '../../test/fixtures/repo.ts'
import { emptyView } from '../core/view.ts'
import { openRunFolder, type RunFolderOptions } from './folder.ts'
import { findFolder } from './place.ts'

const events = journal(exampleBodies)
const last = exampleBodies.at(-1)
const result = (last?.kind === 'run_finished' && last.value) || null

function setUp() {
  const temporary = scratch()
  const project = join(temporary.path, 'project')
  const home = join(temporary.path, 'home')
  mkdirSync(project)
  const run = exampleRun({ project })
  const warnings: string[] = []
  let now = 0
  const timers = new Set<{ at: number; call: () => void }>()
  const clock = {
    now: () => now,
    after(ms: number, call: () => void) {
      const timer = { at: now + ms, call }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  const advance = (ms: number) => {
    now += ms
    for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.call()
  }
  const options: RunFolderOptions = { run, home, clock, warn: (message) => warnings.push(message) }
  return {
    project,
    home,
    run,
    warnings,
    advance,
    options,
    done: { ...run, status: 'done', result } as const,
    open: () => openRunFolder(options),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

const seqs = (path: string) =>
  readFileSync(join(path, 'events.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).seq)
const json = (path: string, name: string) => JSON.parse(readFileSync(join(path, name), 'utf8'))

test('a run is written to its folder: events, status, result, what was asked for', () => {
  using t = setUp()
  const folder = t.open()
  expect(folder.path).toBe(join(t.project, '.loopwright', 'runs', t.run.id))
  const view = folder.onEvents(events, emptyView(t.run))
  folder.finish(view, t.done)
  folder.close()
  expect(seqs(folder.path)).toHaveLength(25)
  expect(json(folder.path, 'status.json')).toMatchObject({
    run_id: t.run.id,
    run_dir: folder.path,
    running: false,
    phase: 'decompose',
    iteration: 1,
    events: 25,
    seq: events.length,
    completed: true,
    stop_reason: 'goal_complete',
  })
  expect(json(folder.path, 'result.json')).toMatchObject({ completed: true, final_output: 'it works' })
  expect(json(folder.path, 'meta.json')).toMatchObject({
    goal: 'make the tests pass',
    success_criteria: ['npm test passes'],
    backend: 'scripted',
    cwd: t.project,
    max_iterations: 4,
    isolate: null,
  })
  expect(readdirSync(folder.path).sort()).toEqual([
    'artifacts',
    'events.jsonl',
    'logs',
    'meta.json',
    'result.json',
    'status.json',
    'workers',
  ])
  expect(t.warnings).toEqual([])
})

test("the user's git status stays clean", () => {
  using t = setUp()
  makeRepo(t.project)
  const folder = t.open()
  folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
  folder.close()
  expect(git(t.project, 'status', '--porcelain', '--untracked-files=all')).toBe('')
  git(t.project, 'add', '-A')
  expect(git(t.project, 'status', '--porcelain')).toBe('')
})

test('an ignore file that the user changed stays as it is', () => {
  using t = setUp()
  mkdirSync(join(t.project, '.loopwright', 'runs'), { recursive: true })
  writeFileSync(join(t.project, '.loopwright', 'runs', '.gitignore'), 'mine\n')
  t.open().close()
  expect(readFileSync(join(t.project, '.loopwright', 'runs', '.gitignore'), 'utf8')).toBe('mine\n')
})

test('opened again, it goes on after the last line; no line comes twice', () => {
  using t = setUp()
  const first = t.open()
  const view = first.onEvents(events.slice(0, 10), emptyView(t.run))
  first.close()
  const second = t.open()
  second.onEvents(events, emptyView(t.run))
  second.onEvents(events.slice(5), view)
  second.close()
  expect(seqs(second.path)).toHaveLength(25)
  expect(new Set(seqs(second.path)).size).toBe(25)
})

test.each(['{"seq":3,"ts":1', '\0\0\0\0', 'not a line of ours\n', '\n\n{"seq":"x"}\n'])(
  'what a crash left behind (%j) is cut off',
  (rest) => {
    using t = setUp()
    const first = t.open()
    const view = first.onEvents(events.slice(0, 10), emptyView(t.run))
    first.close()
    const path = join(first.path, 'events.jsonl')
    const whole = readFileSync(path)
    writeFileSync(path, rest, { flag: 'a' })
    const second = t.open()
    expect(readFileSync(path)).toEqual(whole)
    second.onEvents(events.slice(10), view)
    second.close()
    expect(seqs(first.path)).toHaveLength(25)
  },
)

test('two writers of the same run write each line once', () => {
  using t = setUp()
  const [one, other] = [t.open(), t.open()]
  let mine = emptyView(t.run)
  let theirs = emptyView(t.run)
  for (const event of events) {
    mine = one.onEvents([event], mine)
    if (event.seq % 3 === 0) theirs = other.onEvents(events.slice(theirs.seq, event.seq), theirs)
  }
  other.onEvents(events, theirs)
  expect(seqs(one.path)).toHaveLength(25)
  expect(one.behind || other.behind).toBe(false)
  one.close()
  other.close()
})

test('a folder deleted while it is written is noticed, and complete again after recovery', () => {
  using t = setUp()
  const folder = t.open()
  const view = folder.onEvents(events.slice(0, 10), emptyView(t.run))
  rmSync(join(t.project, '.loopwright'), { recursive: true })
  const next = folder.onEvents(events.slice(10, 12), view)
  expect(folder.behind).toBe(true)
  expect(folder.onEvents(events.slice(12, 14), next).seq).toBe(14)
  folder.recover()
  expect(folder.behind).toBe(false)
  folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
  folder.close()
  expect(seqs(folder.path)).toHaveLength(25)
  expect(json(folder.path, 'result.json').completed).toBe(true)
})

test('status.json is written at most ten times a second, and at the end', () => {
  using t = setUp()
  const folder = t.open()
  let view = emptyView(t.run)
  const seen = () => json(folder.path, 'status.json').seq
  view = folder.onEvents(events.slice(0, 1), view)
  expect(seen()).toBe(1)
  view = folder.onEvents(events.slice(1, 2), view)
  view = folder.onEvents(events.slice(2, 3), view)
  expect(seen()).toBe(1)
  t.advance(99)
  expect(seen()).toBe(1)
  t.advance(1)
  expect(seen()).toBe(3)
  folder.onEvents(events.slice(3, 4), view)
  folder.close()
  expect(seen()).toBe(4)
  t.advance(1_000)
})

test('the result is written once, and again only when it became another', () => {
  using t = setUp()
  const folder = t.open()
  const view = folder.onEvents(events.slice(0, -1), emptyView(t.run))
  const path = join(folder.path, 'result.json')
  folder.finish(view, { ...t.run, status: 'running' })
  expect(existsSync(path)).toBe(false)
  const stopped = { ...t.run, status: 'stopped', reason: 'max_iterations (1) reached' } as const
  folder.finish(view, stopped)
  const { ino } = lstatSync(path)
  folder.finish(view, stopped)
  expect(lstatSync(path).ino).toBe(ino)
  expect(json(folder.path, 'result.json').stop_reason).toBe('max_iterations (1) reached')
  folder.finish(folder.onEvents(events.slice(-1), view), t.done)
  expect(json(folder.path, 'result.json').stop_reason).toBe('goal_complete')
  folder.close()
})

test.each(['.loopwright', '.loopwright/runs', '.loopwright/runs/20260101-120000-abc123'])(
  'nothing is written through a link planted at %s: the folder goes to the state directory',
  (planted) => {
    using t = setUp()
    const elsewhere = join(t.project, '..', 'elsewhere')
    mkdirSync(elsewhere)
    mkdirSync(join(t.project, planted, '..'), { recursive: true })
    symlinkSync(elsewhere, join(t.project, planted))
    const folder = t.open()
    folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
    folder.close()
    expect(readdirSync(elsewhere)).toEqual([])
    expect(folder.path).toBe(join(t.home, 'runs', t.run.id))
    expect(seqs(folder.path)).toHaveLength(25)
    expect(t.warnings).toEqual([expect.stringContaining('symbolic link')])
    expect(findFolder(t.options)).toBe(folder.path)
  },
)

test.each(['events.jsonl', 'status.json', 'result.json', 'meta.json', 'workers', 'workers/iter1_s1.out'])(
  'a link planted as %s is replaced, what it points to stays',
  (planted) => {
    using t = setUp()
    t.open().close()
    const path = join(t.project, '.loopwright', 'runs', t.run.id)
    const precious = join(t.project, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'file'), 'mine')
    rmSync(join(path, planted), { recursive: true, force: true })
    symlinkSync(planted === 'workers' ? precious : join(precious, 'file'), join(path, planted))
    const folder = t.open()
    writeFileSync(folder.workersPath('iter1_s1'), 'output')
    folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
    folder.close()
    expect(readdirSync(precious)).toEqual(['file'])
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('mine')
    expect(lstatSync(join(path, planted)).isSymbolicLink()).toBe(false)
    expect(seqs(path)).toHaveLength(25)
  },
)

test.each(['events.jsonl', 'status.json', 'result.json', 'meta.json', 'workers/iter1_s1.out'])(
  'a directory in place of %s makes way',
  (planted) => {
    using t = setUp()
    const path = join(t.project, '.loopwright', 'runs', t.run.id)
    mkdirSync(join(path, planted, 'deep'), { recursive: true })
    const folder = openRunFolder({ ...t.options, fresh: planted === 'events.jsonl' })
    writeFileSync(folder.workersPath('iter1_s1'), 'output')
    folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
    folder.close()
    expect(lstatSync(join(path, planted)).isFile()).toBe(true)
    expect(t.warnings).toEqual([])
  },
)

test('a link planted while the run goes on is not followed', () => {
  using t = setUp()
  const folder = t.open()
  const elsewhere = join(t.project, '..', 'elsewhere')
  mkdirSync(elsewhere)
  const view = folder.onEvents(events.slice(0, 5), emptyView(t.run))
  rmSync(join(t.project, '.loopwright', 'runs'), { recursive: true })
  symlinkSync(elsewhere, join(t.project, '.loopwright', 'runs'))
  mkdirSync(join(elsewhere, t.run.id, 'workers', 'iter1_s1.out'), { recursive: true })
  expect(folder.workersPath('iter1_s1')).toBe(join(t.home, 'runs', t.run.id, 'workers', 'iter1_s1.out'))
  folder.onEvents(events.slice(5), view)
  folder.recover()
  folder.finish(folder.onEvents(events, emptyView(t.run)), t.done)
  folder.close()
  expect(readdirSync(elsewhere, { recursive: true })).toHaveLength(3)
  expect(t.warnings.join()).toContain('symbolic link')
})

test.runIf(process.getuid?.() !== 0)('a project that cannot be written keeps its folder in the state directory', () => {
  using t = setUp()
  chmodSync(t.project, 0o500)
  const folder = t.open()
  folder.close()
  chmodSync(t.project, 0o700)
  expect(folder.path).toBe(join(t.home, 'runs', t.run.id))
})

test('a project that is gone keeps its folder in the state directory', () => {
  using t = setUp()
  rmSync(t.project, { recursive: true })
  const folder = t.open()
  expect(folder.path).toBe(join(t.home, 'runs', t.run.id))
  expect(existsSync(t.project)).toBe(false)
  folder.close()
})

test('no place at all is one clear error, and so is an id that is no name', () => {
  using t = setUp()
  rmSync(t.project, { recursive: true })
  writeFileSync(t.home, 'a file')
  expect(t.open).toThrow(expect.objectContaining({ code: 'store_readonly' }))
  for (const id of ['../x', '', '.', 'a/b', '-x', 'a\0b']) {
    expect(() => openRunFolder({ ...t.options, run: { ...t.run, id } })).toThrow(
      expect.objectContaining({ code: 'bad_input' }),
    )
  }
})

test('worker files stay inside workers/, and odd names stay apart', () => {
  using t = setUp()
  const folder = t.open()
  const inside = join(folder.path, 'workers')
  expect(folder.workersPath('iter1_s1')).toBe(join(inside, 'iter1_s1.out'))
  const odd = ['../../x', 'a/b', 'a_b', 'a:b', '..', '', 'ä', 'x'.repeat(500), '.hidden'].map((name) =>
    folder.workersPath(name),
  )
  expect(new Set(odd).size).toBe(odd.length)
  for (const path of odd) {
    expect(join(path, '..')).toBe(inside)
    writeFileSync(path, 'x')
  }
  folder.close()
})
