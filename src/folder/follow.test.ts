import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleBodies, exampleRun } from '../../test/fixtures/journals.ts'
import { scratch } from '../../test/fixtures/repo.ts'
import type { EventBody } from '../core/event.ts'
import type { RunPatch } from '../core/ports.ts'
import { memoryStore } from '../store/memory.ts'
import { openRunFolder } from './folder.ts'
import { followRun, rebuildFolder } from './follow.ts'

const driver = { id: 'd', host: 'h', pid: 1, started: '1' }

async function setUp() {
  const temporary = scratch()
  const project = join(temporary.path, 'project')
  const home = join(temporary.path, 'home')
  mkdirSync(project)
  const store = memoryStore()
  const { id, loop, kind, version, spec, scopes, caps } = exampleRun()
  const run = await store.createRun({ id, loop, kind, version, spec, scopes, project, ...(caps ? { caps } : {}) })
  const { epoch } = await store.claim(id, driver, { leaseUntil: Date.now() + 60_000 })
  let reads = 0
  const counting = {
    ...store,
    read: (...of: Parameters<typeof store.read>) => {
      reads += 1
      return store.read(...of)
    },
  }
  const append = (bodies: readonly EventBody[], patch?: RunPatch) =>
    store.append(
      id,
      epoch,
      bodies.map((event) => ({ event })),
      patch,
    )
  const path = join(project, '.loopwright', 'runs', id)
  return {
    store: counting,
    run,
    home,
    project,
    path,
    append,
    reads: () => reads,
    kinds: () =>
      readFileSync(join(path, 'events.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).kind),
    json: (name: string) => JSON.parse(readFileSync(join(path, name), 'utf8')),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

/** Waits until a file of the folder says so; the follower reads on its own. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    try {
      if (condition()) return
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it did not come true')
}

test('a run is followed into its folder as it goes, with far fewer reads than events', async () => {
  using t = await setUp()
  const folder = openRunFolder(t)
  const follower = followRun({ ...t, folder })
  for (const body of exampleBodies.slice(0, -1)) await t.append([body])
  await until(() => t.kinds().at(-1) === 'iteration_finished')
  expect(t.reads()).toBeLessThan(exampleBodies.length / 2)
  const last = exampleBodies.at(-1) as EventBody
  const result = last.kind === 'run_finished' ? (last.value ?? null) : null
  await t.append([last], { status: 'done', reason: 'done', result, release: true })
  const view = await follower.finish()
  follower.close()
  folder.close()
  expect(view).toMatchObject({ status: 'done', seq: exampleBodies.length })
  expect(t.kinds().at(-1)).toBe('run_finished')
  expect(t.json('result.json')).toMatchObject({ completed: true, status: 'done' })
})

test('a folder that is deleted comes back while the run goes on', async () => {
  using t = await setUp()
  const folder = openRunFolder(t)
  const follower = followRun({ ...t, folder })
  await t.append(exampleBodies.slice(0, 10))
  await follower.catchUp()
  rmSync(join(t.project, '.loopwright'), { recursive: true })
  await t.append(exampleBodies.slice(10, 20))
  await follower.finish()
  expect(t.kinds()[0]).toBe('run_started')
  expect(folder.behind).toBe(false)
  const lines = t.kinds().length
  await follower.finish()
  expect(t.kinds()).toHaveLength(lines)
  follower.close()
  folder.close()
})

test('a folder derived anew is the folder that was written along the way, and repairs one that was tampered with', async () => {
  using t = await setUp()
  const folder = openRunFolder(t)
  const follower = followRun({ ...t, folder })
  await t.append(exampleBodies, { status: 'done', reason: 'done', release: true })
  await follower.finish()
  follower.close()
  folder.close()
  const names = ['events.jsonl', 'status.json', 'result.json', 'meta.json']
  const read = () => names.map((name) => readFileSync(join(t.path, name), 'utf8'))
  const before = read()
  writeFileSync(join(t.path, 'workers', 'iter1_s1.out'), 'output')
  writeFileSync(join(t.path, 'events.jsonl'), '{"seq":999999}\n')
  rmSync(join(t.path, 'status.json'))
  await rebuildFolder(t)
  expect(read()).toEqual(before)
  expect(readFileSync(join(t.path, 'workers', 'iter1_s1.out'), 'utf8')).toBe('output')
  rmSync(join(t.project, '.loopwright'), { recursive: true })
  expect((await rebuildFolder(t)).path).toBe(t.path)
  expect(read()).toEqual(before)
})

test('a folder derived anew by another process while the run is followed loses and repeats nothing', async () => {
  using t = await setUp()
  const folder = openRunFolder(t)
  const follower = followRun({ ...t, folder })
  for (const body of exampleBodies) {
    await t.append([body])
    await follower.catchUp()
    if (body.kind === 'timer_set' || body.kind === 'iteration_started') await rebuildFolder(t)
  }
  await follower.finish()
  expect(t.kinds()).toHaveLength(25)
  follower.close()
  folder.close()
})

test('a journal that cannot be read just now is a warning, and read later', async () => {
  using t = await setUp()
  const warnings: string[] = []
  let broken = true
  const store = {
    ...t.store,
    read: async (...of: Parameters<typeof t.store.read>) => {
      if (broken) throw new Error('locked')
      return t.store.read(...of)
    },
  }
  const folder = openRunFolder(t)
  const follower = followRun({ ...t, store, folder, warn: (message) => warnings.push(message) })
  await t.append(exampleBodies)
  await follower.finish()
  expect(warnings[0]).toContain('locked')
  broken = false
  await follower.finish()
  expect(t.kinds()).toHaveLength(25)
  follower.close()
  folder.close()
})

test('a result too large for the journal is fetched for result.json', async () => {
  using t = await setUp()
  const ref = { path: 'blobs/x.json', bytes: 9, hash: 'x' }
  const value = { completed: true, iterations: 1, stop_reason: 'goal_complete', final_output: 'large', history: [] }
  await t.append([{ kind: 'run_finished', ref }], { status: 'done', reason: 'done', release: true })
  await rebuildFolder({ ...t, blobs: { get: async () => JSON.stringify(value) } })
  expect(t.json('result.json')).toMatchObject({ final_output: 'large', stop_reason: 'goal_complete' })
})
