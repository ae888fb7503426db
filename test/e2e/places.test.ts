import { execFileSync } from 'node:child_process'
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openApp } from '../../src/compose.ts'
import { hashes } from '../fixtures/repo.ts'
import { bench, resultOf, signal } from './bench.ts'

/** True where a file system can be mounted for a test: as root, outside of most containers. */
const canMount = (() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

function mount(at: string, ...options: string[]) {
  mkdirSync(at, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', ...options, 'none', at])
  return { [Symbol.dispose]: () => execFileSync('umount', ['-l', at]) }
}

test.runIf(canMount)(
  'a full disk ends the drive with one clear error; with room again the run goes on, and nothing is lost',
  async () => {
    await using b = await bench({ git: false })
    const home = join(b.path, 'small')
    using _ = mount(home, '-o', 'size=3m')
    const calls: string[] = []
    const fill = () => {
      const { bavail, bsize } = statfsSync(home)
      try {
        writeFileSync(join(home, 'ballast'), Buffer.alloc(Number(bavail) * Number(bsize) + bsize))
      } catch {
        // Full it is.
      }
    }
    const app = await b.open(
      {
        subgoals: ['a'],
        replies: {
          worker: () => {
            calls.push('worker')
            if (calls.length === 1) fill()
            return 'x'.repeat(200_000)
          },
          reviewer: () => {
            calls.push('reviewer')
            return JSON.stringify({ quality_ok: true, consistency_ok: true, goal_aligned: true, goal_complete: true })
          },
        },
      },
      { home },
    )
    const { id } = await b.start(app)
    const error = await app.runs.drive(id).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'store_full', hint: expect.stringContaining('free some space') })
    writeFileSync(join(home, 'ballast'), '')
    expect(await app.store.check()).toMatchObject({ ok: true })
    const before = await app.store.read(id)

    // In the same process: nobody else holds the run, whatever its row says.
    await app.runs.reopen(id)
    const done = await app.runs.drive(id)
    expect(done).toMatchObject({ status: 'done' })
    expect((await app.store.read(id)).slice(0, before.length)).toEqual(before)
    expect(calls).toEqual(['worker', 'worker', 'reviewer'])
    expect(resultOf(done).completed).toBe(true)
  },
)

test.runIf(canMount)('a state directory that cannot be written is said in one line, and nothing is begun', async () => {
  await using b = await bench({ git: false })
  const home = join(b.path, 'fixed')
  using _ = mount(home, '-o', 'ro')
  await expect(b.open({}, { home })).rejects.toMatchObject({ code: 'store_readonly', hint: expect.any(String) })
  await expect(b.open({}, { home: join(home, 'deeper') })).rejects.toMatchObject({ code: 'store_readonly' })
})

test('a state directory that is a file is said in one line', async () => {
  await using b = await bench({ git: false })
  writeFileSync(join(b.path, 'file'), '')
  await expect(b.open({}, { home: join(b.path, 'file') })).rejects.toMatchObject({
    code: expect.stringMatching(/store_readonly|bad_input/),
  })
})

test('a database that another program holds is waited for, then said; the run goes on when it is free', async () => {
  await using b = await bench({ git: false })
  const begun = signal()
  const go = signal()
  let calls = 0
  const agent = {
    subgoals: ['a'],
    replies: {
      worker: async () => {
        calls += 1
        begun.give()
        if (calls === 1) await go.given
        return 'did it'
      },
    },
  }
  const app = await b.open(agent, { lockPatienceMs: 500 })
  const { id } = await b.start(app)
  const driving = app.runs.drive(id).catch((thrown: unknown) => thrown)
  await begun.given
  const other = new DatabaseSync(join(b.home, 'loopwright.db'))
  other.exec('BEGIN IMMEDIATE')
  go.give()
  expect(await driving).toMatchObject({ code: 'store_locked', hint: expect.any(String) })
  other.exec('ROLLBACK')
  other.close()
  await app.runs.reopen(id)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
  expect(calls).toBe(2)
})

test('a database of a newer loopwright is left as it is', async () => {
  await using b = await bench({ git: false })
  await (await b.open()).close()
  const db = new DatabaseSync(join(b.home, 'loopwright.db'))
  db.exec('PRAGMA user_version = 99')
  db.close()
  const before = hashes(b.home).get('loopwright.db')
  await expect(b.open()).rejects.toMatchObject({ code: 'store_newer', hint: 'upgrade loopwright' })
  expect(hashes(b.home).get('loopwright.db')).toBe(before)
})

test('a journal that holds an event nobody knows here is not driven on, and not written to', async () => {
  await using b = await bench({ git: false })
  const app = await b.open({ questions: ['well?'] })
  const { id } = await b.start(app, { ask: true })
  await app.runs.drive(id)
  await app.close()
  const db = new DatabaseSync(join(b.home, 'loopwright.db'))
  db.exec(`INSERT INTO events SELECT max(id) + 1, epoch, ts, json_set(body, '$.kind', 'step_dreamt') FROM events`)
  db.close()
  const other = await b.open()
  const before = await other.store.read(id)
  await other.runs.answer(id, '0/:0', 'x').catch(() => {})
  await expect(other.runs.drive(id)).rejects.toMatchObject({
    code: 'store_newer',
    message: expect.stringContaining('step_dreamt'),
    hint: 'upgrade loopwright',
  })
  expect(await other.store.read(id)).toEqual(before)
  expect(await other.result(id)).toMatchObject({ run_id: id })
})

test('a store that fails in the middle ends the drive with its error, and the process does not hang on it', async () => {
  await using b = await bench({ git: false })
  const app = await b.open({ subgoals: ['a'] })
  const { id } = await b.start(app)
  const append = app.store.append.bind(app.store)
  let appends = 0
  app.store.append = async (...args) => {
    appends += 1
    if (appends === 5) throw new Error('the disk is gone')
    return await append(...args)
  }
  await expect(app.runs.drive(id)).rejects.toThrow('the disk is gone')
  await app.runs.reopen(id)
  expect(await app.runs.drive(id)).toMatchObject({ status: 'done' })
})

test('a wrong configuration is said before anything is made', async () => {
  await using b = await bench({ git: false })
  const env = { PATH: process.env.PATH, HOME: b.path, LOOPWRIGHT_HOME: b.home, LOOPWRIGHT_MAX_ITERATIONS: 'many' }
  await expect(openApp({ cwd: b.project, env })).rejects.toMatchObject({ code: 'bad_input' })
  const app = await b.open()
  await expect(b.start(app, { agent: 'fakes' })).rejects.toMatchObject({
    code: 'bad_input',
    hint: 'did you mean fake?',
  })
  await expect(b.start(app, { agent: `scripted:${b.path}/none.yaml` })).rejects.toMatchObject({ code: 'bad_input' })
  expect(await app.runs.list()).toEqual([])
})
