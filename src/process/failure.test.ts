import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { CommandFailure } from '../core/ports.ts'
import { commandRunner } from './command.ts'
import { failureOf } from './failure.ts'
import { type Supervised, supervise } from './supervise.ts'

const cwd = mkdtempSync(join(tmpdir(), 'failure-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))

const floodBytes = 100_000
const node = `'${process.execPath}'`

/** A real program, what it may, and what its end is to be called. */
interface Case {
  readonly name: string
  readonly shell: string
  readonly timeoutMs?: number
  readonly stallMs?: number
  readonly is: CommandFailure | 'none'
}

const says = (line: string, end: string) => `echo '${line}' >&2; ${end}`
const busy = (ms: number) => `${node} -e 'const end = Date.now() + ${ms}; while (Date.now() < end) Math.random()'`
const heap = `${node} --max-old-space-size=16 -e 'const all = []; for (;;) all.push(new Array(1000).fill(Math.random()))'`

const timeouts: readonly Case[] = [
  { name: 'a sleeper', shell: 'exec sleep 1000', timeoutMs: 100, is: 'timeout' },
  { name: 'a busy one', shell: 'while :; do :; done', timeoutMs: 200, is: 'timeout' },
  { name: 'one that prints', shell: 'while :; do echo .; sleep 0.05; done', timeoutMs: 200, is: 'timeout' },
  { name: 'one that ignores TERM', shell: 'trap "" TERM; sleep 1000; sleep 1000', timeoutMs: 100, is: 'timeout' },
  {
    name: 'a sleeper with time left to be silent',
    shell: 'sleep 1000',
    timeoutMs: 100,
    stallMs: 60_000,
    is: 'timeout',
  },
  { name: 'one that exits 0 on TERM', shell: 'trap "exit 0" TERM; sleep 1000 & wait', timeoutMs: 200, is: 'timeout' },
  {
    name: 'one that exits 137 on TERM',
    shell: 'trap "exit 137" TERM; sleep 1000 & wait',
    timeoutMs: 200,
    is: 'timeout',
  },
  {
    name: 'one that tells of memory on TERM',
    shell: 'trap "echo MemoryError >&2; exit 1" TERM; sleep 1000 & wait',
    timeoutMs: 200,
    is: 'timeout',
  },
  { name: 'one that waits for a session of its own', shell: 'setsid -w sleep 1000', timeoutMs: 100, is: 'timeout' },
]

const stalls: readonly Case[] = [
  { name: 'a sleeper', shell: 'sleep 1000', stallMs: 200, is: 'stalled' },
  { name: 'one that spoke first', shell: 'echo begun; sleep 1000', stallMs: 200, is: 'stalled' },
  { name: 'one that worked first', shell: `${busy(300)}; sleep 1000`, stallMs: 300, is: 'stalled' },
  { name: 'an idle Node', shell: `${node} -e 'setInterval(() => {}, 100)'`, stallMs: 500, is: 'stalled' },
  { name: 'one that waits for a pipe', shell: 'mkfifo wait.fifo; cat wait.fifo', stallMs: 200, is: 'stalled' },
  { name: 'a stopped one', shell: 'kill -STOP $$; echo never', stallMs: 200, is: 'stalled' },
  { name: 'many sleepers', shell: 'for i in 1 2 3 4 5; do sleep 1000 & done; wait', stallMs: 200, is: 'stalled' },
  { name: 'one that ignores TERM', shell: 'trap "" TERM; sleep 1000; sleep 1000', stallMs: 200, is: 'stalled' },
  { name: 'one with time left', shell: 'sleep 1000', stallMs: 200, timeoutMs: 60_000, is: 'stalled' },
]

const memory: readonly Case[] = [
  { name: 'a full heap', shell: `exec ${heap}`, is: 'oom' },
  { name: 'a full heap below a shell', shell: `${heap}; exit $?`, is: 'oom' },
  { name: 'a full heap whose parent exits 1', shell: `${heap} || exit 1`, is: 'oom' },
  { name: 'Python', shell: says('MemoryError', 'exit 1'), is: 'oom' },
  {
    name: 'C++',
    shell: says('terminate called after throwing an instance of std::bad_alloc', 'kill -ABRT $$'),
    is: 'oom',
  },
  { name: 'Go', shell: says('fatal error: runtime: out of memory', 'exit 2'), is: 'oom' },
  {
    name: 'Java',
    shell: says('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', 'exit 1'),
    is: 'oom',
  },
  { name: 'Rust', shell: says('memory allocation of 8589934592 bytes failed', 'kill -ABRT $$'), is: 'oom' },
  { name: 'a shell that cannot fork', shell: says('sh: fork: Cannot allocate memory', 'exit 254'), is: 'oom' },
]

const crashes: readonly Case[] = [
  ...['SEGV', 'ABRT', 'BUS', 'FPE', 'ILL', 'TRAP', 'SYS', 'KILL'].map(
    (signal): Case => ({ name: `SIG${signal}`, shell: `kill -${signal} $$`, is: 'crash' }),
  ),
  { name: 'a child’s SIGSEGV, told by the shell', shell: 'sh -c "kill -SEGV \\$\\$"; exit $?', is: 'crash' },
  { name: 'a child’s SIGKILL, told by the shell', shell: 'sh -c "kill -KILL \\$\\$"; exit $?', is: 'crash' },
  { name: 'an abort of Node', shell: `exec ${node} -e 'process.abort()'`, is: 'crash' },
  { name: 'exit 139', shell: 'exit 139', is: 'crash' },
  { name: 'exit 137 of its own choice', shell: 'exit 137', is: 'crash' },
  { name: 'a TERM of somebody else', shell: 'kill -TERM $$', is: 'crash' },
]

const floods: readonly Case[] = [
  { name: 'one stream', shell: 'yes', is: 'flood' },
  { name: 'both streams', shell: 'yes & yes >&2', is: 'flood' },
  { name: 'one that ignores TERM', shell: 'trap "" TERM PIPE; while :; do yes; done', is: 'flood' },
  { name: 'a grandchild', shell: 'sh -c "setsid yes & wait"', is: 'flood' },
  { name: 'one byte too much of one that has ended', shell: `head -c ${floodBytes + 1} /dev/zero`, is: 'flood' },
  { name: 'one byte too much', shell: `head -c ${floodBytes + 1} /dev/zero; sleep 1000`, is: 'flood' },
]

const others: readonly Case[] = [
  { name: 'exit 0', shell: 'exit 0', is: 'none' },
  { name: 'exit 1', shell: 'exit 1', is: 'none' },
  { name: 'exit 143 of its own choice', shell: 'exit 143', is: 'none' },
  { name: 'exit 255', shell: 'exit 255', is: 'none' },
  { name: 'one that says out of memory and exits 0', shell: says('out of memory', 'exit 0'), is: 'none' },
  { name: 'one that says out of memory and exits 1', shell: says('the GPU is out of memory', 'exit 1'), is: 'none' },
  {
    name: 'a runtime’s words and exit 0',
    shell: says('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'exit 0'),
    is: 'none',
  },
  { name: 'a runtime’s words on stdout, as a test prints them', shell: 'echo MemoryError; exit 1', is: 'none' },
  { name: 'work without a word', shell: busy(1500), stallMs: 500, is: 'none' },
  {
    name: 'words without work',
    shell: 'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.2; done',
    stallMs: 1500,
    is: 'none',
  },
  { name: 'a sleeper under its stall time', shell: 'sleep 0.3', stallMs: 10_000, is: 'none' },
  { name: 'as much output as is allowed', shell: `head -c ${floodBytes} /dev/zero`, is: 'none' },
  { name: 'one that ends just in time', shell: 'sleep 0.1', timeoutMs: 20_000, is: 'none' },
  { name: 'one that is not there', shell: 'no-such-command', is: 'none' },
]

const run = commandRunner({ PATH: process.env.PATH ?? '' }, undefined, (options) =>
  supervise({ ...options, floodBytes, graceMs: 300, drainMs: 200 }),
)

async function classOf({ shell, timeoutMs, stallMs }: Case): Promise<readonly [string, string | undefined]> {
  const seen = await run(
    { shell, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    { cwd, signal: new AbortController().signal, ...(stallMs === undefined ? {} : { stallMs }) },
  )
  expect(seen.error === undefined).toBe(seen.failure === undefined)
  return [seen.failure ?? 'none', seen.error]
}

for (const [what, cases] of Object.entries({ timeouts, stalls, memory, crashes, floods, others })) {
  test.each(cases)(`${what}: $name is $is`, async (one) => {
    const [failure] = await classOf(one)
    expect(failure).toBe(one.is)
  })
}

test('each says what happened and what to do', async () => {
  const error = async (cases: readonly Case[], at = 0) => (cases[at] ? (await classOf(cases[at]))[1] : undefined)
  expect(await error(timeouts)).toBe('timed out after 0.1s')
  expect(await error(stalls)).toMatch(/^stalled: it printed nothing and did no work for 0\.2s; look what it waits for/)
  expect(await error(memory, 3)).toBe(
    'ran out of memory: it said: MemoryError; give it more memory, or run fewer at once',
  )
  expect(await error(floods)).toMatch(/^flooded: it was ended after 100000 bytes of output; make it print less/)
  expect(await error(crashes)).toBe('ended by SIGSEGV, which nobody here sent')
  expect(await error(crashes, 9)).toBe('exit code 137: ended by SIGKILL, which nobody here sent')
})

const ended: Supervised = {
  exitCode: null,
  signal: 'SIGKILL',
  stdout: '',
  stderr: '',
  bytes: 0,
  durationMs: 1,
  timedOut: false,
  aborted: false,
  stalled: false,
  flooded: false,
}

test('what we did ourselves comes before what it looks like', () => {
  const oom = { evidence: 'the kernel says so' }
  expect(failureOf({ ...ended, oom })?.failure).toBe('oom')
  expect(failureOf({ ...ended, oom, timedOut: true })?.failure).toBe('timeout')
  expect(failureOf({ ...ended, oom, stalled: true })?.failure).toBe('stalled')
  expect(failureOf({ ...ended, oom, flooded: true })?.failure).toBe('flood')
  expect(failureOf({ ...ended, oom, aborted: true })).toBeUndefined()
  expect(failureOf({ ...ended, signal: null, spawnError: 'command not found: x' })).toBeUndefined()
  expect(failureOf({ ...ended, bytes: 5 * 1024 ** 3, flooded: true })?.error).toMatch(/5120 MiB/)
})
