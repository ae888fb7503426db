import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { CommandResult } from '../../src/core/ports.ts'
import { runCommand } from '../../src/process/command.ts'
import { oomVictims } from '../../src/process/kernel-log.ts'
import { memoryCgroup } from './memory-cgroup.ts'

const directory = mkdtempSync(join(tmpdir(), 'oom-'))
const env = { PATH: process.env.PATH ?? '' }
const group = memoryCgroup(400 * 1024 ** 2)
const problem = 'problem' in group ? group.problem : undefined
if (problem !== undefined) console.log(`not tested in a memory cgroup: ${problem}`)

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
  if ('remove' in group) group.remove()
})

/** Takes memory outside of the heap until somebody ends it. */
const hog = `'${process.execPath}' -e 'const all = []; for (;;) all.push(Buffer.alloc(10_000_000, 1))'`

const command = JSON.stringify(new URL('../../src/process/command.ts', import.meta.url).href)

/** What an engine whose memory is limited sees of these command lines, run one after another, or together. */
function inGroup(shells: readonly string[], together = false): CommandResult[] {
  const main = join(directory, 'engine.mjs')
  const start = `(shell) => runCommand({ shell }, { cwd: ${JSON.stringify(directory)}, signal: new AbortController().signal, env: ${JSON.stringify(env)} })`
  writeFileSync(
    main,
    `import { runCommand } from ${command}
const start = ${start}
const shells = ${JSON.stringify(shells)}
const seen = []
if (${together}) seen.push(...await Promise.all(shells.map(start)))
else for (const shell of shells) seen.push(await start(shell))
console.log(JSON.stringify(seen))
`,
  )
  const procs = 'procs' in group ? group.procs : '/dev/null'
  const ran = spawnSync('/bin/sh', ['-c', `echo $$ > '${procs}' && exec '${process.execPath}' '${main}'`], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  expect({ status: ran.status, signal: ran.signal, stderr: ran.stderr }).toEqual({
    status: 0,
    signal: null,
    stderr: '',
  })
  return JSON.parse(ran.stdout)
}

const run = (shell: string) =>
  runCommand({ shell }, { cwd: directory, signal: new AbortController().signal, env, timeoutMs: 60_000 })

test.skipIf(problem)('the kernel’s kill in a memory cgroup is told as memory, also through a shell’s exit 137', () => {
  const [direct, below] = inGroup([`exec ${hog}`, `${hog}; exit $?`])
  console.log(direct?.error)
  expect(direct).toMatchObject({ failure: 'oom', signal: 'SIGKILL', error: expect.stringMatching(/kernel/) })
  expect(below).toMatchObject({ failure: 'oom', exitCode: 137, error: expect.stringMatching(/kernel/) })
})

test.skipIf(problem)('ends of another sort stay what they are, in the same engine', () => {
  const seen = inGroup([`exec ${hog}`, 'kill -KILL $$', 'exit 137', 'kill -SEGV $$', 'exit 1', 'exit 0'])
  expect(seen.map((one) => one.failure)).toEqual(['oom', 'crash', 'crash', 'crash', undefined, undefined])
})

test.skipIf(problem)('a neighbour’s lack of memory is not one’s own', () => {
  const [neighbour, ...own] = inGroup(
    [`exec ${hog}`, 'sleep 3; exit 1', 'sleep 3; exit 0', 'sleep 3; kill -SEGV $$'],
    true,
  )
  expect(neighbour?.failure).toBe('oom')
  expect(own.map((one) => one.failure)).toEqual([undefined, undefined, 'crash'])
})

test.skipIf(problem)(
  'a child’s death for want of memory is known where the kernel’s log is ours to read',
  (context) => {
    const [seen] = inGroup([`${hog}; exit 1`])
    if (oomVictims().length === 0) context.skip('the kernel’s log is not ours to read')
    expect(seen).toMatchObject({ failure: 'oom', exitCode: 1, error: expect.stringMatching(/Killed process/) })
  },
)

const python = spawnSync('python3', ['--version']).status === 0

test.skipIf(!python)('Python below a limit of address space', async () => {
  const seen = await run('ulimit -v 200000; exec python3 -c "x = bytearray(10 ** 9)"')
  expect(seen).toMatchObject({ failure: 'oom', exitCode: 1, error: expect.stringMatching(/MemoryError/) })
})

test.skipIf(!python)('Python that handles its lack of memory has no failure', async () => {
  const script = 'try:\n  x = bytearray(10 ** 9)\nexcept MemoryError as e:\n  print(repr(e), "MemoryError")\n'
  const seen = await run(`ulimit -v 200000; exec python3 -c '${script}'`)
  expect(seen).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/MemoryError/) })
  expect(seen.failure).toBeUndefined()
})

test('Node below a limit of address space', async () => {
  const seen = await run(`ulimit -v 600000; exec '${process.execPath}' -e 'Buffer.alloc(2e9, 1)'`)
  expect(seen.failure).toBe('oom')
})

test('Node with a full heap', async () => {
  const fill = 'const all = []; for (;;) all.push(new Array(1000).fill(Math.random()))'
  const seen = await run(`exec '${process.execPath}' --max-old-space-size=50 -e '${fill}'`)
  expect(seen).toMatchObject({ failure: 'oom', error: expect.stringMatching(/heap out of memory/) })
})
