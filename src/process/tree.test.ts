import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isAlive, processIdentity } from './identity.ts'
import { carriers, listProcesses, parsePs, parsePsTime, parseStat } from './table.ts'
import { killTree } from './tree.ts'

function start(script: string, mark = randomUUID()): { child: ChildProcess; mark: string } {
  const env = { PATH: process.env.PATH ?? '', TEST_MARK: mark }
  return { child: spawn('/bin/sh', ['-c', script], { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] }), mark }
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout) await once(child.stdout, 'data')
}

test('a process is told from a later one with the same pid by its start', async () => {
  const { child } = start('echo ready; exec sleep 1000')
  await ready(child)
  const identity = processIdentity(child.pid)
  expect(isAlive(identity)).toBe(true)
  expect(isAlive({ ...identity, started: '1' })).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(isAlive(identity)).toBe(false)
  expect(processIdentity(child.pid)).toEqual({ pid: child.pid, started: '' })
})

test('this process is alive, and nobody is none', () => {
  expect(isAlive(processIdentity())).toBe(true)
  for (const pid of [0, -1, 2 ** 30, Number.NaN]) expect(isAlive({ pid, started: '' })).toBe(false)
})

test('killTree by marker ends every carrier, wherever it went', async () => {
  const { child, mark } = start('setsid -f sleep 1000; setsid sleep 1000 & echo ready; exec sleep 1000')
  await ready(child)
  for (const end = Date.now() + 20_000; carriers(mark, listProcesses()).length < 3 && Date.now() < end; )
    await sleep(10)
  expect(await killTree(mark)).toEqual({ ended: 3, survivors: [] })
  expect(carriers(mark, listProcesses())).toEqual([])
})

test('killTree by process ends its group and its descendants', async () => {
  const { child, mark } = start('sleep 1000 & setsid sleep 1000 & echo ready; wait')
  await ready(child)
  const identity = processIdentity(child.pid)
  expect((await killTree({ root: identity }, { graceMs: 0 })).survivors).toEqual([])
  expect(carriers(mark, listProcesses())).toEqual([])
})

test('killTree leaves a process alone that only has the number of the one that was meant', async () => {
  const { child, mark } = start('sleep 1000 & echo ready; wait')
  await ready(child)
  const { pid } = processIdentity(child.pid)
  expect(await killTree({ root: { pid, started: '1' } }, { graceMs: 0 })).toEqual({ ended: 0, survivors: [] })
  expect(carriers(mark, listProcesses()).length).toBe(2)
  await killTree(mark, { graceMs: 0 })
})

test('killTree refuses what would match everything', async () => {
  await expect(killTree('')).rejects.toMatchObject({ code: 'bad_input' })
  await expect(killTree({ root: { pid: 1, started: '' } })).rejects.toMatchObject({ code: 'bad_input' })
})

test('killTree with a marker that nobody carries has nothing to do', async () => {
  expect(await killTree(randomUUID())).toEqual({ ended: 0, survivors: [] })
})

test('a process name with brackets and blanks does not confuse the table', () => {
  const line = `7 (a) b ) R (x) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 4242 1 1`
  expect(parseStat(7, line)).toEqual({
    pid: 7,
    parent: 1,
    group: 7,
    session: 7,
    started: '4242',
    zombie: false,
    cpuMs: 100,
  })
  expect(parseStat(7, 'torn')).toBeUndefined()
})

test('where there is no /proc the table is read from ps', () => {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,time=,lstart='], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' },
  })
  const mine = parsePs(stdout).find((row) => row.pid === process.pid)
  expect(mine).toMatchObject({ parent: process.ppid, zombie: false })
  expect(mine?.started).toMatch(/^\w{3} \w{3} +\d+ [\d:]{8} \d{4}$/)
})

test('processor time is read from ps as Linux and as macOS print it', () => {
  expect(['00:00:03', '1-02:03:04', '3:04.05', '-', ''].map(parsePsTime)).toEqual([3000, 93_784_000, 184_050, 0, 0])
})
