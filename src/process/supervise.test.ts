import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { isAlive, processIdentity } from './identity.ts'
import { type StartedChild, type SuperviseOptions, supervise } from './supervise.ts'
import { carriers, listProcesses } from './table.ts'

const directory = mkdtempSync(join(tmpdir(), 'supervise-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A place of its own, an environment all its processes can be found by, and a way to look for them. */
function scene() {
  const cwd = mkdtempSync(join(directory, 'case-'))
  const mark = randomUUID()
  const env = { PATH: process.env.PATH ?? '', TEST_MARK: mark }
  return {
    cwd,
    env,
    run: (options: Partial<SuperviseOptions>) => supervise({ cwd, env, graceMs: 300, ...options }),
    alive: () => carriers(mark, listProcesses()),
    file: (name: string) => join(cwd, name),
  }
}

const script = (...lines: string[]) => ({ argv: [process.execPath, '-e', lines.join('\n')] })

test('reports the exit code and both streams of a process', async () => {
  const seen = await scene().run({ shell: 'echo out; echo err >&2; exit 3' })
  expect(seen).toMatchObject({ exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n', bytes: 8, timedOut: false })
})

test('reports the signal a process died of', async () => {
  expect(await scene().run({ shell: 'kill -SEGV $$' })).toMatchObject({ exitCode: null, signal: 'SIGSEGV' })
})

test('gives the process the environment it is told, the markers, and nothing else', async () => {
  const seen = await supervise({ argv: ['/usr/bin/env'], cwd: directory, env: { ONLY: 'this' } })
  const names = seen.stdout.split('\n').map((line) => line.split('=')[0])
  expect(names.filter(Boolean).sort()).toEqual(['LOOPWRIGHT_ENGINE', 'LOOPWRIGHT_GUARD', 'ONLY'])
})

test('a nested engine adds its markers to the outer ones', async () => {
  const seen = await supervise({ argv: ['/usr/bin/env'], cwd: directory, env: { LOOPWRIGHT_GUARD: 'outer' } })
  expect(seen.stdout).toMatch(/^LOOPWRIGHT_GUARD=outer\.[\w-]{36}$/m)
})

test('stdin is empty, or the text given', async () => {
  expect(await scene().run({ argv: ['cat'] })).toMatchObject({ exitCode: 0, stdout: '' })
  const long = 'ä€😀'.repeat(50_000)
  const seen = await scene().run({ argv: ['cat'], input: long, tailChars: 1e6 })
  expect(seen.stdout === long).toBe(true)
})

test('a process that never reads its input is no error', async () => {
  expect(await scene().run({ argv: ['true'], input: 'x'.repeat(1e7) })).toMatchObject({ exitCode: 0 })
})

test('characters split across chunks arrive whole, and invalid bytes do no harm', async () => {
  const seen: string[] = []
  const once = scene()
  const result = await once.run({
    // Every byte of the text is a write of its own, the next one only when the reader has seen the last.
    ...script(
      "const bytes = [...Buffer.from('ä€😀'), 0xff, 0xfe, 0x41, 0xe2, 0x82]",
      'const next = () => { const byte = bytes.shift(); if (byte !== undefined) process.stdout.write(Buffer.of(byte), () => setImmediate(next)) }',
      'next()',
    ),
    onStdout: (text) => {
      seen.push(text)
    },
  })
  expect(result.stdout).toBe('ä€😀\ufffd\ufffdA\ufffd')
  expect(seen.join('')).toBe(result.stdout)
  expect(result.bytes).toBe(14)
})

test('keeps the end of each stream, and the start of stdout when asked', async () => {
  const seen = await scene().run({ shell: 'seq 1 10000', tailChars: 11, headChars: 5 })
  expect(seen.stdout).toBe('9999\n10000\n'.slice(-11))
  expect(seen.stdoutHead).toBe('1\n2\n3')
})

test('both streams are appended to the output file, byte for byte', async () => {
  const once = scene()
  const outputPath = once.file('deep/er/out.log')
  await once.run({ shell: 'printf "\\377\\000a"', outputPath })
  await once.run({ shell: 'printf b >&2', outputPath })
  expect([...readFileSync(outputPath)]).toEqual([0xff, 0, 0x61, 0x62])
})

test('the output file is cut at its cap, and the rest is counted', async () => {
  const once = scene()
  const outputPath = once.file('out.log')
  const seen = await once.run({ shell: 'head -c 3000000 /dev/zero', outputPath, outputCapBytes: 1_000_000 })
  expect(seen.bytes).toBe(3_000_000)
  expect(statSync(outputPath).size).toBeLessThan(1_000_200)
  expect(readFileSync(outputPath).subarray(1_000_000).toString()).toMatch(/output cut after 1000000 bytes/)
})

test('an output file that cannot be written is reported and changes nothing else', async () => {
  const once = scene()
  writeFileSync(once.file('plain'), '')
  const seen = await once.run({ argv: ['echo', 'hi'], outputPath: once.file('plain/out.log') })
  expect(seen).toMatchObject({ exitCode: 0, stdout: 'hi\n' })
  expect(seen.outputError).toBeTypeOf('string')
})

test('a slow observer holds the process up and loses nothing', async () => {
  let length = 0
  const seen = await scene().run({
    shell: 'head -c 2000000 /dev/zero',
    onStdout: async (text) => {
      await new Promise((resolve) => setImmediate(resolve))
      length += text.length
    },
  })
  expect(seen.bytes).toBe(2_000_000)
  expect(length).toBe(2_000_000)
})

test('an observer that throws, or never finishes, does not hold up the end', async () => {
  const thrown = await scene().run({
    argv: ['echo', 'hi'],
    onStart: () => {
      throw new Error('start')
    },
    onStdout: () => {
      throw new Error('text')
    },
  })
  expect(thrown).toMatchObject({ exitCode: 0, stdout: 'hi\n' })
  const stuck = await scene().run({ shell: 'yes', onStdout: () => new Promise(() => undefined), timeoutMs: 200 })
  expect(stuck.timedOut).toBe(true)
})

test('a timeout ends the process with TERM', async () => {
  const seen = await scene().run({ argv: ['sleep', '1000'], timeoutMs: 50 })
  expect(seen).toMatchObject({ exitCode: null, signal: 'SIGTERM', timedOut: true, aborted: false })
})

test('a timeout too long for a timer is none', async () => {
  expect(await scene().run({ argv: ['true'], timeoutMs: 1e12 })).toMatchObject({ exitCode: 0, timedOut: false })
})

test('TERM leaves time to clean up', async () => {
  const once = scene()
  const stop = new AbortController()
  const seen = await once.run({
    shell: 'trap "echo cleaned; exit 7" TERM; echo ready; while :; do sleep 0.05; done',
    signal: stop.signal,
    graceMs: 20_000,
    onStdout: () => stop.abort(),
  })
  expect(seen).toMatchObject({ exitCode: 7, stdout: 'ready\ncleaned\n', aborted: true })
})

test('what ignores TERM is killed, and so are stopped processes', async () => {
  const once = scene()
  const stop = new AbortController()
  const seen = await once.run({
    shell: 'trap "" TERM; sleep 1000 & kill -STOP $!; echo ready; while :; do sleep 1000; done',
    signal: stop.signal,
    onStdout: () => stop.abort(),
  })
  expect(seen).toMatchObject({ signal: 'SIGKILL', aborted: true })
  expect(once.alive()).toEqual([])
})

test('an abort reaches children in sessions of their own, double forks, nohup, and emptied environments', async () => {
  const once = scene()
  const stop = new AbortController()
  const seen = await once.run({
    shell: [
      'setsid sleep 1001 &',
      '(setsid sh -c "sleep 1002 & sleep 1003" &) &',
      'nohup sleep 1004 >/dev/null 2>&1 &',
      'setsid env -i sleep 1005 & echo $! > bare.pid',
      'trap "" TERM HUP; echo ready; while :; do sleep 1006; done',
    ].join('\n'),
    signal: stop.signal,
    onStdout: () => stop.abort(),
  })
  expect(seen.aborted).toBe(true)
  expect(seen.survivors).toBeUndefined()
  expect(once.alive()).toEqual([])
  expect(processIdentity(Number(readFileSync(once.file('bare.pid'), 'utf8'))).started).toBe('')
})

test('a tree that keeps forking while it is killed is ended', async () => {
  const once = scene()
  const stop = new AbortController()
  writeFileSync(once.file('fork.sh'), 'trap "" TERM\nwhile :; do setsid -f sleep 1000; sleep 0.01; done\n')
  const seen = await once.run({
    shell: 'sh ./fork.sh & sh ./fork.sh & setsid sh ./fork.sh & echo ready; wait',
    signal: stop.signal,
    graceMs: 50,
    onStdout: () => stop.abort(),
  })
  expect(seen.survivors).toBeUndefined()
  expect(once.alive()).toEqual([])
})

test('a process that passes itself on from fork to fork is caught', async () => {
  const once = scene()
  const stop = new AbortController()
  writeFileSync(once.file('hop.sh'), 'trap "" TERM\nsetsid sh ./hop.sh &\n')
  const seen = await once.run({
    shell: 'sh ./hop.sh; sh ./hop.sh; echo ready; sleep 1000',
    signal: stop.signal,
    graceMs: 50,
    onStdout: () => stop.abort(),
  })
  expect(seen.survivors).toBeUndefined()
  expect(once.alive()).toEqual([])
})

test('background children that hold the pipe are ended when the process has exited', async () => {
  const once = scene()
  const seen = await once.run({ shell: 'sleep 1000 & setsid -f sleep 1000; echo done; exit 4', drainMs: 50 })
  expect(seen).toMatchObject({ exitCode: 4, stdout: 'done\n', leftovers: 2, timedOut: false })
  expect(once.alive()).toEqual([])
})

test('what ends by itself soon after the process may finish its output', async () => {
  const seen = await scene().run({ shell: '(sleep 0.1; echo late) & echo early', drainMs: 20_000 })
  expect(seen.stdout).toBe('early\nlate\n')
  expect(seen.leftovers).toBeUndefined()
})

test('a pipe held by something out of reach does not hold up the result', async () => {
  const once = scene()
  const seen = await once.run({ shell: 'env -i setsid -f sh -c "echo \\$\\$ > escaped.pid; exec sleep 1000"; exit 0' })
  const escaped = Number(readFileSync(once.file('escaped.pid'), 'utf8'))
  expect(seen.exitCode).toBe(0)
  if (processIdentity(escaped).started !== '') process.kill(escaped, 'SIGKILL')
})

test('an abort before the start starts nothing', async () => {
  const once = scene()
  const seen = await once.run({ shell: 'touch started', signal: AbortSignal.abort() })
  expect(seen).toMatchObject({ aborted: true, exitCode: null })
  expect(() => statSync(once.file('started'))).toThrow()
})

test('tells who was started', async () => {
  const alive: boolean[] = []
  await scene().run({ argv: ['sleep', '0.05'], onStart: (child) => alive.push(isAlive(child)) })
  expect(alive).toEqual([true])
})

test('tells apart why a process could not be started', async () => {
  const once = scene()
  writeFileSync(once.file('plain.sh'), '#!/bin/sh\n')
  writeFileSync(once.file('lost.sh'), '#!/nowhere/interpreter\n')
  chmodSync(once.file('lost.sh'), 0o755)
  const why = async (options: Partial<SuperviseOptions>) => {
    const seen = await once.run(options)
    return [seen.spawnReason, seen.spawnError]
  }
  expect(await why({ argv: ['no-such-command'] })).toEqual(['not_found', 'command not found: no-such-command'])
  expect(await why({ argv: ['./none'] })).toEqual(['not_found', 'command not found: ./none'])
  expect(await why({ argv: ['./lost.sh'] })).toEqual(['not_found', expect.stringContaining('interpreter')])
  expect(await why({ argv: ['./plain.sh'] })).toEqual(['not_executable', 'not executable: ./plain.sh'])
  expect(await why({ argv: ['/'] })).toEqual(['not_executable', 'not executable: /'])
  expect(await why({ argv: ['true'], cwd: once.file('gone') })).toEqual([
    'cwd_missing',
    `working directory does not exist: ${once.file('gone')}`,
  ])
  expect(await why({ argv: ['true'], cwd: once.file('plain.sh') })).toEqual([
    'cwd_missing',
    expect.stringContaining('is not a directory'),
  ])
  expect(await why({ argv: ['echo', 'x'.repeat(1_000_000)] })).toEqual(['too_long', expect.stringContaining('stdin')])
  expect(await why({ argv: ['echo', 'a\0b'] })).toEqual(['other', expect.stringContaining('null bytes')])
})

test('a command that is not there at all is a programmer’s error', async () => {
  await expect(scene().run({ argv: [] })).rejects.toMatchObject({ code: 'bad_input' })
})

test('many at once on one signal end together', async () => {
  const once = scene()
  const stop = new AbortController()
  let ready = 0
  const runs = Array.from({ length: 20 }, () =>
    once.run({
      shell: 'echo ready; sleep 1000',
      signal: stop.signal,
      onStdout: () => {
        ready++
        if (ready === 20) stop.abort()
      },
    }),
  )
  const seen = await Promise.all(runs)
  expect(seen.every((one) => one.aborted)).toBe(true)
  expect(once.alive()).toEqual([])
})

test('what neither prints nor works is ended as stalled', async () => {
  const once = scene()
  const seen = await once.run({ shell: 'echo begun; sleep 1000 & sleep 1000', stallMs: 300 })
  expect(seen).toMatchObject({ stalled: true, timedOut: false, aborted: false, flooded: false, stdout: 'begun\n' })
  expect(once.alive()).toEqual([])
})

test('a process that works without a word is not stalled, nor one that prints without work', async () => {
  const busy = 'const end = Date.now() + 1500; while (Date.now() < end) Math.random()'
  // The work is a grandchild's, in a session of its own.
  const working = scene().run({ argv: ['setsid', '-w', process.execPath, '-e', busy], stallMs: 500 })
  const printing = scene().run({ shell: 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done', stallMs: 1000 })
  expect(await working).toMatchObject({ stalled: false, exitCode: 0 })
  expect(await printing).toMatchObject({ stalled: false, exitCode: 0 })
})

test('a process that waits for us to take what it printed is not stalled', async () => {
  let taken = 0
  const seen = await scene().run({
    shell: 'head -c 1000000 /dev/zero',
    stallMs: 100,
    onStdout: async () => {
      taken++
      if (taken === 1) await new Promise((resolve) => setTimeout(resolve, 600))
    },
  })
  expect(seen).toMatchObject({ stalled: false, exitCode: 0, bytes: 1_000_000 })
})

test('time in which it waits for us is no stall, and counts again once it does not', async () => {
  let looks = 0
  const waiting = () => {
    looks++
    return looks < 30
  }
  const seen = await scene().run({ argv: ['sleep', '1000'], stallMs: 100, waiting })
  expect(seen.stalled).toBe(true)
  expect(looks).toBeGreaterThanOrEqual(30)
})

test('a limit of 0 is none, and one below is refused before anything starts', async () => {
  const once = scene()
  expect(await once.run({ shell: 'sleep 0.3; head -c 100000 /dev/zero', stallMs: 0, floodBytes: 0 })).toMatchObject({
    exitCode: 0,
    bytes: 100_000,
    stalled: false,
    flooded: false,
  })
  for (const limits of [{ stallMs: -1 }, { floodBytes: -1 }, { stallMs: Number.NaN }]) {
    await expect(once.run({ shell: 'echo > started', ...limits })).rejects.toMatchObject({ code: 'bad_input' })
  }
  expect(existsSync(once.file('started'))).toBe(false)
})

test('what prints more than it may is ended as flooded, and nothing past that is kept', async () => {
  const once = scene()
  let length = 0
  const outputPath = once.file('out.log')
  const seen = await once.run({
    shell: 'yes & yes >&2',
    floodBytes: 1_000_000,
    outputPath,
    onStdout: (text) => {
      length += text.length
    },
  })
  expect(seen).toMatchObject({ flooded: true, bytes: 1_000_000, stalled: false })
  expect(statSync(outputPath).size).toBe(1_000_000)
  expect(length).toBeLessThanOrEqual(1_000_000)
  expect(once.alive()).toEqual([])
})

test('as much output as is allowed is no flood', async () => {
  expect(await scene().run({ shell: 'head -c 1000 /dev/zero', floodBytes: 1000 })).toMatchObject({
    flooded: false,
    exitCode: 0,
    bytes: 1000,
  })
})

test('an interactive process is talked to until its stdin is ended', async () => {
  let stdin: Writable | undefined
  let said = ''
  const seen = await scene().run({
    shell: 'while read -r line; do echo "got $line"; done; echo end',
    input: 'zero\n',
    interactive: true,
    onStart: (child) => {
      stdin = child.stdin
    },
    onStdout: (text) => {
      said += text
      if (said === 'got zero\n') stdin?.write('one\n')
      if (said === 'got zero\ngot one\n') stdin?.end()
    },
  })
  expect(seen).toMatchObject({ exitCode: 0, stdout: 'got zero\ngot one\nend\n' })
})

test('an interactive process that ends by itself ends its stdin; writing to it then is no error', async () => {
  const children: StartedChild[] = []
  const seen = await scene().run({ argv: ['true'], interactive: true, onStart: (child) => children.push(child) })
  expect(seen).toMatchObject({ exitCode: 0 })
  expect(children[0]?.stdin?.write('late')).toBeTypeOf('boolean')
})

test('a process that is not interactive hands out no stdin', async () => {
  const children: StartedChild[] = []
  await scene().run({ argv: ['cat'], input: 'x', onStart: (child) => children.push(child) })
  expect(children[0]).not.toHaveProperty('stdin')
})

test('a confinement is refused: it is kept elsewhere', async () => {
  const confinement = { writable: [], readable: [], hidden: [], network: 'none', env: [] } as const
  await expect(scene().run({ argv: ['true'], confinement })).rejects.toMatchObject({ code: 'bad_input' })
})

test('a tree is ended also when no descriptor is left to look at the process table with', async () => {
  const once = scene()
  const supervisor = new URL('./supervise.ts', import.meta.url).href
  writeFileSync(
    once.file('main.mjs'),
    `import { supervise } from ${JSON.stringify(supervisor)}
import { openSync, closeSync } from 'node:fs'
const stop = new AbortController()
const env = { PATH: process.env.PATH, TEST_MARK: process.env.TEST_MARK }
const shell = 'trap "" TERM; sleep 1000 & echo ready; while :; do sleep 1000; done'
const taken = []
const onStdout = () => {
  try {
    for (;;) taken.push(openSync('/dev/null'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
  }
  stop.abort()
}
const seen = await supervise({ shell, cwd: '.', env, graceMs: 100, signal: stop.signal, onStdout })
for (const file of taken) closeSync(file)
console.log(JSON.stringify({ seen, taken: taken.length }))
`,
  )
  const seen = await once.run({
    shell: `ulimit -n 400; exec '${process.execPath}' main.mjs`,
  })
  expect(seen).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(seen.stdout)).toMatchObject({ seen: { aborted: true, signal: 'SIGKILL' } })
  expect(JSON.parse(seen.stdout).seen.survivors).toBeUndefined()
  expect(seen.leftovers).toBeUndefined()
})

test('200 MB of output leave the memory as it was', async () => {
  const once = scene()
  const supervisor = new URL('./supervise.ts', import.meta.url).href
  writeFileSync(
    once.file('main.mjs'),
    `import { supervise } from ${JSON.stringify(supervisor)}
let length = 0
const seen = await supervise({ shell: 'head -c 200000000 /dev/zero', cwd: '.', env: { PATH: '/usr/bin:/bin' }, outputPath: 'big.log', onStdout: (text) => { length += text.length } })
console.log(JSON.stringify({ bytes: seen.bytes, length, rss: process.resourceUsage().maxRSS / 1024 }))
`,
  )
  const seen = await once.run({ argv: [process.execPath, once.file('main.mjs')] })
  const { bytes, length, rss } = JSON.parse(seen.stdout)
  expect({ bytes, length }).toEqual({ bytes: 200_000_000, length: 200_000_000 })
  expect(statSync(once.file('big.log')).size).toBeLessThan(64 * 1024 * 1024 + 200)
  expect(rss).toBeLessThan(150)
})
