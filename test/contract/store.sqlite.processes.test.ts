import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { driver, emitted, newRun } from './store.ts'

const program = fileURLToPath(new URL('../fixtures/store-process.ts', import.meta.url))

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'loopwright-processes-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'state', 'loopwright.db')
}

interface Started {
  readonly child: ChildProcess
  readonly said: unknown[]
  /** Resolves once the process has said this many lines, or is gone. */
  saying(lines: number): Promise<void>
  readonly ended: Promise<unknown[]>
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const said: unknown[] = []
  const waiting: { lines: number; resolve: () => void }[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (line.trim() !== '') said.push(JSON.parse(line))
    for (const each of waiting) if (said.length >= each.lines) each.resolve()
  })
  const ended = new Promise<unknown[]>((resolve) => {
    child.once('close', () => {
      for (const each of waiting) each.resolve()
      resolve(said)
    })
  })
  const saying = (count: number) => {
    if (said.length >= count) return Promise.resolve()
    return new Promise<void>((resolve) => waiting.push({ lines: count, resolve }))
  }
  return { child, said, saying, ended }
}

test.each([2, 8])('%i processes make a fresh database at once and append without losing an event', async (many) => {
  const path = temporary()
  const ids = Array.from({ length: many }, (_, n) => `r${n}`)
  const said = await Promise.all(ids.map((id) => start(path, 'append', id, '40').ended))
  const expected = Array.from({ length: 40 }, (_, n) => n + 1)
  expect(said).toEqual(ids.map(() => expected))
  const store = await openSqliteStore({ path })
  for (const id of ids) expect((await store.read(id)).map((event) => event.seq)).toEqual(expected)
  expect(await store.spend('all')).toEqual({ used: { tokens: 40 * many }, spent: {} })
  expect(await store.check()).toMatchObject({ ok: true, runs: many })
  await store.close()
})

test('a cap that eight processes share is reached and never passed', async () => {
  const path = temporary()
  const store = await openSqliteStore({ path })
  await store.setCaps('all', { tokens: 100 })
  const said = await Promise.all(Array.from({ length: 8 }, (_, n) => start(path, 'append', `r${n}`, '30').ended))
  expect(said.flat().filter((line) => line !== 'refused')).toHaveLength(100)
  expect((await store.spend('all')).used).toEqual({ tokens: 100 })
  await store.close()
})

test('one of eight processes that race for a run gets it', async () => {
  const path = temporary()
  const store = await openSqliteStore({ path })
  await store.createRun(newRun('a'))
  const said = (await Promise.all(Array.from({ length: 8 }, () => start(path, 'claim').ended))).flat()
  expect(said.filter((line) => line === 1)).toHaveLength(1)
  expect(said.filter((line) => line !== 1)).toEqual(Array.from({ length: 7 }, () => ({ code: 'conflict' })))
  await store.close()
})

test('a process killed amid its appends leaves every event it was told is durable', async () => {
  const path = temporary()
  let acknowledged = 0
  for (const lines of [1, 25, 60]) {
    const writer = start(path, 'append', 'a', '100000')
    await writer.saying(lines)
    writer.child.kill('SIGKILL')
    const said = await writer.ended
    const last = Number(said.at(-1))
    expect(last).toBeGreaterThan(acknowledged)
    const store = await openSqliteStore({ path })
    const events = await store.read('a')
    expect(events.length).toBeGreaterThanOrEqual(last)
    expect(events.map((event) => event.seq)).toEqual(events.map((_, n) => n + 1))
    expect((await store.spend('run:a')).used).toEqual({ tokens: events.length })
    expect(await store.check()).toMatchObject({ ok: true })
    acknowledged = events.length
    await store.close()
  }
})

test('a lock held elsewhere delays an append, leaves the event loop free, and ends in store_locked', async () => {
  const path = temporary()
  const store = await openSqliteStore({ path, patienceMs: 300 })
  const patient = await openSqliteStore({ path })
  await store.createRun(newRun('a'))
  const { epoch } = await store.claim('a', driver('d'), { leaseUntil: 9e12 })
  const locker = start(path, 'lock')
  await locker.saying(1)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const waiting = patient.append('a', epoch, [{ event: emitted('patient') }])
  let turns = 0
  const turning = setInterval(() => {
    turns += 1
  }, 5)
  await expect(store.append('a', epoch, [{ event: emitted(1) }])).rejects.toMatchObject({ code: 'store_locked' })
  clearInterval(turning)
  delay.disable()
  expect(turns).toBeGreaterThan(3)
  expect(await store.read('a')).toEqual([])
  locker.child.stdin?.write('go\n')
  expect(await waiting).toMatchObject([{ ok: true, event: { seq: 1 } }])
  expect(await store.append('a', epoch, [{ event: emitted(2) }])).toMatchObject([{ ok: true, event: { seq: 2 } }])
  await store.close()
  await patient.close()
})
