import { existsSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { endEngines, processesOf, startEngine, until } from '../fixtures/engine.ts'
import { scratch } from '../fixtures/repo.ts'
import {
  armGit,
  calmOutcome,
  driveToEnd,
  expectSameAs,
  id,
  inFlight,
  makeScene,
  type Outcome,
  type Scene,
} from './goal.ts'

let calm: Outcome

beforeAll(async () => {
  using place = scratch()
  calm = await calmOutcome(makeScene(place.path))
})

afterEach(endEngines)

/** What git is doing when the driver dies: a word of its command line, and at which such call. */
const moments = [
  { what: 'while a worktree is checked out', word: 'read-tree', nths: [1, 3] },
  { what: 'while changes are staged', word: 'update-index', nths: [1, 3] },
  { what: 'while a tree is written', word: 'write-tree', nths: [2, 5] },
  { what: 'while a commit is made', word: 'commit-tree', nths: [1, 4] },
  { what: 'while workers are merged', word: 'merge-tree', nths: [1, 2] },
  { what: 'while a merge moves the worktree', word: 'read-tree -m', nths: [1, 2] },
  { what: 'while objects are published', word: 'pack-objects', nths: [1, 3] },
  { what: 'while the published branch is moved', word: 'update-ref', nths: [1, 2] },
]

describe.each(moments)('killed $what', ({ word, nths }) => {
  test.each([
    { when: 'before git did its work', after: false, nth: nths[0] ?? 1 },
    { when: 'after git did its work', after: true, nth: nths[1] ?? 1 },
  ])('$when, the run comes to the same', async ({ after, nth }) => {
    using place = scratch()
    const scene = makeScene(place.path)
    const trap = armGit(scene, { word, nth, after })
    const engine = startEngine(scene.job, { PATH: trap.PATH })
    expect(await engine.gone, engine.stderr()).toBe('SIGKILL')
    expect(trap.sprung()).toBe(true)
    const { calls } = await inFlight(scene)
    await driveToEnd(scene, [engine])
    await expectSameAs(calm, scene, calls)
  })
})

test.each([1, 5, 20])('killed at write %i to the run folder, the folder is whole after the resume', async (nth) => {
  using place = scratch()
  const scene = makeScene(place.path)
  const engine = startEngine(scene.job)
  const folder = join(scene.project, '.loopwright', 'runs', id)
  await until('the folder is there', () => existsSync(folder))
  let writes = 0
  const watcher = watch(folder, () => {
    writes += 1
    if (writes === nth) engine.child.kill('SIGKILL')
  })
  expect(await engine.gone).toBe('SIGKILL')
  watcher.close()
  const { calls } = await inFlight(scene)
  await driveToEnd(scene, [engine])
  await expectSameAs(calm, scene, calls)
})

test('a lock that a git which was killed left behind does not end the run for good', async () => {
  using place = scratch()
  const scene = makeScene(place.path)
  const trap = armGit(scene, { word: 'merge-tree', nth: 1, after: true })
  const engine = startEngine(scene.job, { PATH: trap.PATH })
  expect(await engine.gone).toBe('SIGKILL')
  const index = join(scene.home, 'worktrees', id, 'index')
  for (const name of readdirSync(index)) if (!name.includes('.')) writeFileSync(join(index, `${name}.lock`), '')
  await driveToEnd(scene, [engine])
  await expectSameAs(calm, scene, 0)
})

/** Stops a driver in its tracks while its workers are at it, and waits until its lease has run out. */
async function freeze(scene: Scene, leaseMs: number) {
  const slow = join(scene.at, 'slow')
  writeFileSync(slow, '')
  const engine = startEngine({ ...scene.job, leaseMs }, { SLOW: slow })
  await until('the workers are at it', () => processesOf(id).length >= 3)
  engine.child.kill('SIGSTOP')
  const store = await openSqliteStore({ path: join(scene.home, 'loopwright.db') })
  await until('the lease has run out', async () => ((await store.getRun(id))?.leaseUntil ?? 0) < Date.now())
  await store.close()
  return { engine, slow }
}

function endSleep(pid: number): void {
  try {
    const [program, seconds] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    if (program === 'sleep' && seconds === '300') process.kill(pid, 'SIGTERM')
  } catch {
    // It has gone by itself.
  }
}

test('a driver that was stopped past its lease is fenced: it and its agents are gone, and the result is right', async () => {
  using place = scratch()
  const scene = makeScene(place.path)
  const { engine } = await freeze(scene, 1_500)
  const agents = processesOf(id)
  const { calls } = await inFlight(scene)
  await driveToEnd(scene)
  engine.child.kill('SIGCONT')
  expect(await engine.gone).toBe('SIGKILL')
  for (const pid of agents) expect(existsSync(`/proc/${pid}`)).toBe(false)
  await expectSameAs(calm, scene, calls)
})

test('a driver that was stopped past its lease and taken over by nobody goes on as if nothing had been', async () => {
  using place = scratch()
  const scene = makeScene(place.path)
  const { engine, slow } = await freeze(scene, 1_500)
  engine.child.kill('SIGCONT')
  rmSync(slow)
  // The sleep inside each slow worker is ended, the worker goes on.
  for (const pid of processesOf(id)) endSleep(pid)
  expect(await engine.gone, engine.stderr()).toBe(0)
  await driveToEnd(scene, [engine])
  await expectSameAs(calm, scene, 0)
})
