import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { migrations, schemaVersion } from '../../src/store/schema.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite.ts'
import { driver, emitted, newRun } from './store.ts'

const isRoot = process.getuid?.() === 0
const canMount = isRoot && process.platform === 'linux' && tryMount()

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'loopwright-failures-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function mount(options: string): string {
  const directory = temporary()
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  onTestFinished(() => {
    execFileSync('umount', [directory])
  })
  return directory
}

function tryMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'loopwright-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'ignore' })
    execFileSync('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function opened(path: string): Promise<SqliteStore> {
  const store = await openSqliteStore({ path })
  onTestFinished(() => store.close())
  return store
}

async function filled(path: string): Promise<{ store: SqliteStore; epoch: number }> {
  const store = await opened(path)
  await store.createRun(newRun('a'))
  const { epoch } = await store.claim('a', driver('d'), { leaseUntil: 9e12 })
  await store.append('a', epoch, [{ event: emitted('kept') }])
  return { store, epoch }
}

function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

test('the database is for its owner alone', async () => {
  const directory = join(temporary(), 'deep', 'state')
  const path = join(directory, 'loopwright.db')
  const { store } = await filled(path)
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  await store.backup(join(directory, 'copy.db'))
  expect(statSync(join(directory, 'copy.db')).mode & 0o777).toBe(0o600)
})

test('a database of a newer schema or journal is refused and left as it is', async () => {
  for (const sql of [
    `PRAGMA user_version = ${schemaVersion + 1}`,
    "UPDATE meta SET value = '99' WHERE key = 'journalVersion'",
  ]) {
    const path = join(temporary(), 'loopwright.db')
    const store = await openSqliteStore({ path })
    await store.close()
    tamper(path, sql)
    const before = readFileSync(path)
    await expect(openSqliteStore({ path })).rejects.toMatchObject({ code: 'store_newer', hint: 'upgrade loopwright' })
    expect(readFileSync(path).equals(before)).toBe(true)
  }
})

test('a store that is open while a newer loopwright upgrades the file stops writing to it', async () => {
  const path = join(temporary(), 'loopwright.db')
  const { store, epoch } = await filled(path)
  tamper(path, `PRAGMA user_version = ${schemaVersion + 1}`)
  await expect(store.append('a', epoch, [{ event: emitted(2) }])).rejects.toMatchObject({ code: 'store_newer' })
  await expect(store.append('a', epoch, [{ event: emitted(2) }])).rejects.toMatchObject({ code: 'store_newer' })
  expect(await store.read('a')).toHaveLength(1)
})

test('a file that is no database, or that of another program, is store_corrupt and left as it is', async () => {
  const text = join(temporary(), 'loopwright.db')
  writeFileSync(text, 'certainly not a database '.repeat(100))
  const foreign = join(temporary(), 'loopwright.db')
  tamper(foreign, 'CREATE TABLE photos (name TEXT)')
  for (const path of [text, foreign]) {
    const before = readFileSync(path)
    await expect(openSqliteStore({ path })).rejects.toMatchObject({
      code: 'store_corrupt',
      hint: 'loopwright doctor --fix',
    })
    expect(readFileSync(path).equals(before)).toBe(true)
  }
})

test('damage inside the file is told by check and by the call that meets it', async () => {
  const path = join(temporary(), 'loopwright.db')
  const { store, epoch } = await filled(path)
  for (let n = 0; n < 30; n += 1) await store.append('a', epoch, [{ event: emitted('x'.repeat(3000)) }])
  await store.close()
  const bytes = readFileSync(path)
  bytes.fill(0xee, 4096 * 20)
  writeFileSync(path, bytes)
  const damaged = await opened(path)
  const health = await damaged.check()
  expect(health.ok).toBe(false)
  expect(health.problems.length).toBeGreaterThan(0)
  await expect(damaged.read('a')).rejects.toMatchObject({ code: 'store_corrupt' })
})

test('a journal with a gap is told by check', async () => {
  const path = join(temporary(), 'loopwright.db')
  const { store, epoch } = await filled(path)
  await store.append('a', epoch, [{ event: emitted(2) }, { event: emitted(3) }])
  tamper(path, 'DELETE FROM events WHERE id & 4294967295 = 2')
  expect(await store.check()).toMatchObject({ ok: false, problems: ['journal of a has a gap'] })
})

test.runIf(canMount || !isRoot)('a directory that cannot be written is store_readonly', async () => {
  const directory = canMount ? mount('size=1m') : temporary()
  const path = join(directory, 'loopwright.db')
  await (await openSqliteStore({ path })).close()
  if (canMount) execFileSync('mount', ['-o', 'remount,ro', directory])
  else for (const each of [path, directory]) chmodSync(each, 0o500)
  for (const file of [path, join(directory, 'new.db'), join(directory, 'sub', 'new.db')]) {
    await expect(openSqliteStore({ path: file })).rejects.toMatchObject({ code: 'store_readonly' })
  }
  if (!canMount) chmodSync(directory, 0o700)
})

test('a directory in the place of the database is store_readonly', async () => {
  const path = join(temporary(), 'loopwright.db')
  mkdirSync(path)
  await expect(openSqliteStore({ path })).rejects.toMatchObject({ code: 'store_readonly' })
})

test.runIf(canMount)(
  'a full disk refuses the append, keeps what was there, and the store works once there is room',
  async () => {
    const directory = mount('size=1m')
    const { store, epoch } = await filled(join(directory, 'loopwright.db'))
    const ballast = join(directory, 'ballast')
    writeFileSync(ballast, Buffer.alloc(600_000))
    let stored = 1
    const fill = async () => {
      for (let n = 0; n < 1000; n += 1) {
        await store.append('a', epoch, [{ event: emitted('x'.repeat(3000)) }])
        stored += 1
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'store_full' })
    await expect(store.append('a', epoch, [{ event: emitted('y'.repeat(9000)) }])).rejects.toMatchObject({
      code: 'store_full',
    })
    expect(await store.read('a')).toHaveLength(stored)
    rmSync(ballast)
    expect(await store.append('a', epoch, [{ event: emitted('again') }])).toMatchObject([
      { ok: true, event: { seq: stored + 1 } },
    ])
    expect(await store.check()).toMatchObject({ ok: true })
  },
)

test.runIf(canMount)('a disk that is full from the start is store_full', async () => {
  const directory = mount('size=64k')
  writeFileSync(join(directory, 'ballast'), Buffer.alloc(61_440))
  await expect(openSqliteStore({ path: join(directory, 'loopwright.db') })).rejects.toMatchObject({
    code: 'store_full',
  })
})

test('an append that fails half way leaves nothing, and the next one takes its seq', async () => {
  const { store, epoch } = await filled(join(temporary(), 'loopwright.db'))
  const half = [{ event: emitted('x'.repeat(5_000_000)) }, { event: emitted(2), consume: 'none' }]
  await expect(store.append('a', epoch, half)).rejects.toMatchObject({ code: 'conflict' })
  expect(await store.append('a', epoch, [{ event: emitted(3) }])).toMatchObject([{ ok: true, event: { seq: 2 } }])
})

test('deleting a run gives its space back', async () => {
  const path = join(temporary(), 'loopwright.db')
  const { store, epoch } = await filled(path)
  for (let n = 0; n < 50; n += 1) await store.append('a', epoch, [{ event: emitted('x'.repeat(40_000)) }])
  await store.append('a', epoch, [], { status: 'done', release: true })
  await store.deleteRun('a')
  await store.close()
  expect(statSync(path).size).toBeLessThan(200_000)
})

test('a backup is whole, opens as a store, and never replaces a file', async () => {
  const directory = temporary()
  const { store } = await filled(join(directory, 'loopwright.db'))
  const copy = join(directory, 'copy.db')
  await store.backup(copy)
  await expect(store.backup(copy)).rejects.toMatchObject({ code: 'store_readonly' })
  const restored = await opened(copy)
  expect(await restored.read('a')).toEqual(await store.read('a'))
  expect(await restored.check()).toMatchObject({ ok: true, runs: 1, path: copy, schemaVersion: migrations.length })
})

test('a closed store refuses, and its files are merged into one', async () => {
  const path = join(temporary(), 'loopwright.db')
  const { store, epoch } = await filled(path)
  const last = store.append('a', epoch, [{ event: emitted('asked before') }])
  await store.close()
  await store.close()
  expect(await last).toMatchObject([{ ok: true }])
  await expect(store.getRun('a')).rejects.toMatchObject({ code: 'conflict' })
  await expect(store.append('a', epoch, [])).rejects.toMatchObject({ code: 'conflict' })
  expect(existsSync(`${path}-wal`)).toBe(false)
})
