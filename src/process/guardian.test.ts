import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { processIdentity } from './identity.ts'
import { carriers, hasProc, listProcesses, readProcess } from './table.ts'

const directory = mkdtempSync(join(tmpdir(), 'guardian-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const supervisor = JSON.stringify(new URL('./supervise.ts', import.meta.url).href)

const guardian = JSON.stringify(new URL('./guardian.ts', import.meta.url).href)
const table = JSON.stringify(new URL('./table.ts', import.meta.url).href)

/** A real engine process: it runs `body`. */
async function engine(body: string): Promise<{ child: ChildProcess; cwd: string; alive: () => number[] }> {
  const cwd = mkdtempSync(join(directory, 'engine-'))
  const mark = randomUUID()
  writeFileSync(
    join(cwd, 'engine.mjs'),
    `import { supervise } from ${supervisor}
const env = { PATH: process.env.PATH, TEST_MARK: ${JSON.stringify(mark)} }
const cwd = ${JSON.stringify(cwd)}
${body}
`,
  )
  const child = spawn(process.execPath, [join(cwd, 'engine.mjs')], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  return { child, cwd, alive: () => carriers(mark, listProcesses()) }
}

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !what(); await sleep(20)) {
    if (Date.now() > end) throw new Error('it did not happen within 20 s')
  }
}

test('kill -9 of an engine ends all that it supervises', async () => {
  const { child, cwd, alive } = await engine(`
    supervise({ shell: 'setsid sleep 1001 & (setsid sh -c "sleep 1002 & sleep 1003" &) & nohup sleep 1004 & trap "" TERM HUP; while :; do sleep 1005; done', cwd, env })
    supervise({ shell: 'setsid env -i sleep 1006 & echo $! > bare.pid; echo $$ > shell.pid; env -i sleep 1007', cwd, env })
    supervise({ argv: ['sleep', '1008'], cwd, env })
    supervise({ shell: 'echo "setsid sh ./hop.sh &" > hop.sh; sh ./hop.sh; sleep 1009', cwd, env })
  `)
  await until(() => alive().length >= 8 && bare(cwd) > 0)
  const pid = bare(cwd)
  const { started } = processIdentity(pid)
  child.kill('SIGKILL')
  await until(() => alive().length === 0 && readProcess(pid)?.started !== started)
})

test.runIf(hasProc)('an engine killed before it could tell the guardian of a start leaves nothing either', async () => {
  const { child, cwd, alive } = await engine(`
    const { default: processes } = await import('node:child_process')
    const { syncBuiltinESMExports } = await import('node:module')
    const spawn = processes.spawn
    // Every start but the guardian's is the last thing this engine does.
    processes.spawn = (...given) => {
      const child = spawn(...given)
      if (!given[1].includes('loopwright-guardian')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      return child
    }
    syncBuiltinESMExports()
    const { writeFileSync } = await import('node:fs')
    writeFileSync('bare.sh', 'echo $$ > bare.pid; exec sleep 1001')
    writeFileSync('silent.sh', 'echo $$ > silent.pid; exec sleep 1002')
    const silent = 'env -i sh silent.sh < /dev/null > /dev/null 2>&1'
    await supervise({ shell: 'env -i setsid -f sh bare.sh; (' + silent + ' &); sleep 1003; true', cwd, env })
  `)
  await until(() => alive().length === 2 && bare(cwd) > 0 && bare(cwd, 'silent.pid') > 0)
  const pids = [bare(cwd), bare(cwd, 'silent.pid')]
  const started = pids.map((pid) => processIdentity(pid).started)
  const left = () => pids.filter((pid, at) => readProcess(pid)?.started === started[at])
  expect(left()).toEqual(pids)
  child.kill('SIGKILL')
  await until(() => alive().length === 0)
  await until(() => left().length === 0)
})

test('an engine that just exits leaves nothing behind either', async () => {
  const { child, alive } = await engine(`
    supervise({ shell: 'setsid sleep 1001 & sleep 1002', cwd, env, onStart: () => setTimeout(() => process.exit(0), 100) })
  `)
  await until(() => child.exitCode === 0)
  await until(() => alive().length === 0)
})

test('neither the guardian nor a finished process keeps the engine alive', async () => {
  const { child } = await engine(`await supervise({ argv: ['true'], cwd, env })`)
  await until(() => child.exitCode !== null)
  expect(child.exitCode).toBe(0)
})

test('a guardian that was killed is replaced at the next start, and knows what runs already', async () => {
  const { child, cwd, alive } = await engine(`
    const { guardianSession } = await import(${guardian})
    const { listProcesses } = await import(${table})
    const { writeFileSync } = await import('node:fs')
    supervise({ shell: 'echo $$ > bare.pid; exec env -i sleep 1001', cwd, env })
    const first = guardianSession()
    const guards = () => listProcesses().filter((row) => row.session === first)
    while (guards().length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    while (guardianSession() === first) {
      // At first there are two: the shell that starts it, and soon leaves, and the guardian itself.
      for (const { pid } of guards()) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has left meanwhile.
        }
      }
      await supervise({ argv: ['true'], cwd, env })
    }
    supervise({ argv: ['sleep', '1002'], cwd, env })
    writeFileSync('replaced', '')
  `)
  // Not before: until the next start nobody guards, and each `true` is alive for a moment too.
  await until(() => existsSync(join(cwd, 'replaced')) && alive().length === 1 && bare(cwd) > 0)
  const pid = bare(cwd)
  const { started } = processIdentity(pid)
  expect(started).not.toBe('')
  child.kill('SIGKILL')
  await until(() => alive().length === 0 && readProcess(pid)?.started !== started)
})

test('the guardian does nothing while it waits, and leaves when the engine has left', async () => {
  const { child, cwd } = await engine(`
    const { guardianSession } = await import(${guardian})
    const { writeFileSync } = await import('node:fs')
    supervise({ argv: ['sleep', '1001'], cwd, env })
    writeFileSync('bare.pid', String(guardianSession()))
  `)
  await until(() => bare(cwd) > 0)
  const session = bare(cwd)
  const guards = () => listProcesses().filter((row) => row.session === session)
  await until(() => guards().length === 1)
  const [guard] = guards()
  // Blocked in a read: the state the kernel shows is S, and it has used no time worth counting.
  const fields = readFileSync(`/proc/${guard?.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  expect(Number(fields[11]) + Number(fields[12])).toBeLessThan(20)
  child.kill('SIGKILL')
  await until(() => guards().length === 0)
})

function bare(cwd: string, name = 'bare.pid'): number {
  try {
    return Number(readFileSync(join(cwd, name), 'utf8'))
  } catch {
    return 0
  }
}
