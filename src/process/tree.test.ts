import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { isAlive, processIdentity } from './identity.ts'
import {
  carriers,
  hasProc,
  listProcesses,
  openPipes,
  parsePs,
  parsePsTime,
  parseStat,
  readEnvironment,
  readProcess,
} from './table.ts'
import { killTree, ProcessTree } from './tree.ts'

const place = mkdtempSync(join(tmpdir(), 'tree-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** A named pipe in a folder of its own. */
function fifo(): string {
  spawnSync('mkfifo', [join(place, 'fifo')])
  return join(place, 'fifo')
}

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

// Slim systems with /proc may come without ps: there the engine does not need it either.
const noPs = spawnSync('ps', ['-A']).error !== undefined

test.skipIf(noPs)('where there is no /proc the table is read from ps', () => {
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

/** Waits until something is so. */
async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !what() && Date.now() < end; ) await sleep(10)
  expect(what()).toBe(true)
}

test.runIf(hasProc)('what was seen once stays ours, though it then leaves everything that tells of it', async () => {
  // It reads a line, and then empties its environment, begins a session of its own, and has lost its parent and its pipes.
  const { child, mark } = start(
    'setsid sh -c "(read -r go < $FIFO; exec env -i setsid sleep 1000) & echo \\$! > $FIFO.pid" <$NULL >$NULL 2>&1; echo ready; sleep 1000'
      .replaceAll('$NULL', '/dev/null')
      .replaceAll('$FIFO', fifo()),
  )
  await ready(child)
  const tree = new ProcessTree({ root: processIdentity(child.pid), marker: mark })
  const pid = () => Number(readFileSync(`${place}/fifo.pid`, 'utf8'))
  expect(tree.members().map((row) => row.pid)).toContain(pid())
  writeFileSync(`${place}/fifo`, 'go\n')
  // In the midst of an exec every environment looks empty: only of the last program it is so.
  await until(() => readFileSync(`/proc/${pid()}/comm`, 'utf8') === 'sleep\n')
  expect(readEnvironment(pid())?.length).toBe(0)
  expect(readProcess(pid())?.session).toBe(pid())
  expect(readProcess(pid())?.parent).not.toBe(child.pid)
  expect(tree.members().map((row) => row.pid)).toContain(pid())
  expect((await tree.end(0)).survivors).toEqual([])
  expect(isAlive(processIdentity(pid()))).toBe(false)
})

test.runIf(hasProc)(
  'who holds a pipe of the tree belongs to it, and who stands in a session that it began',
  async () => {
    // Without environment and without parent, it holds a pipe, until it leaves behind one that holds none.
    const { child } = start(
      `env -i setsid -f sh -c "read -r go < ${fifo()}; sleep 1000 </dev/null >/dev/null 2>&1 & exit"; echo ready; sleep 1000`,
    )
    const pipes = openPipes(child.pid ?? 0)
    expect(pipes.length).toBe(1)
    await ready(child)
    const tree = new ProcessTree({ root: processIdentity(child.pid), pipes })
    // It is forked before it begins its session.
    await until(() => tree.members().length === 3 && tree.sessions().length === 2)
    expect(new ProcessTree({ root: processIdentity(child.pid) }).members().length).toBe(2)
    const leader = tree.sessions().find((session) => session !== child.pid) ?? 0
    writeFileSync(join(place, 'fifo'), 'go\n')
    await until(() => readProcess(leader) === undefined)
    expect(tree.members().filter((row) => row.session === leader).length).toBe(1)
    expect((await tree.end(0)).survivors).toEqual([])
    expect(listProcesses().filter((row) => row.session === leader)).toEqual([])
  },
)

test('a session that is over is forgotten', async () => {
  const { child, mark } = start('setsid sh -c "echo ready; exec sleep 1000" & wait')
  await ready(child)
  const tree = new ProcessTree({ root: processIdentity(child.pid), marker: mark })
  await until(() => tree.members().length === 2)
  expect(tree.sessions().length).toBe(hasProc ? 2 : tree.sessions().length)
  await tree.end(0)
  expect(tree.sessions()).toEqual([])
})
