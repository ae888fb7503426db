import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandRunner, runCommand } from './command.ts'
import { type SuperviseOptions, supervise } from './supervise.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'command-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const signal = new AbortController().signal
const env = { PATH: process.env.PATH ?? '' }

test('argv runs without a shell', async () => {
  const seen = await runCommand({ argv: ['echo', '$HOME;', '*'] }, { cwd, signal, env })
  expect(seen).toMatchObject({ exitCode: 0, stdout: '$HOME; *\n', stderr: '', timedOut: false })
  expect(seen.error).toBeUndefined()
  expect(seen.duration).toBeLessThan(60)
})

test('shell runs /bin/sh -c', async () => {
  expect(await runCommand({ shell: 'echo a | tr a b; exit 2' }, { cwd, signal, env })).toMatchObject({
    exitCode: 2,
    stdout: 'b\n',
  })
})

test('the command’s environment goes over the options’, and that over the runner’s', async () => {
  const run = commandRunner({ ...env, A: '1', B: '1', C: '1' })
  const seen = await run({ shell: 'echo $A$B$C', env: { C: '3' } }, { cwd, signal, env: { B: '2', C: '2' } })
  expect(seen.stdout).toBe('123\n')
})

test('a timeout says after how many seconds; the command’s own goes first', async () => {
  const seen = await runCommand({ argv: ['sleep', '1000'], timeoutMs: 100 }, { cwd, signal, env, timeoutMs: 100_000 })
  expect(seen).toMatchObject({ timedOut: true, failure: 'timeout', error: 'timed out after 0.1s', exitCode: null })
})

test('a missing command, a signal and a cancel are told in error', async () => {
  expect(await runCommand({ argv: ['foo-bar'] }, { cwd, signal, env })).toMatchObject({
    error: 'command not found: foo-bar',
    exitCode: null,
  })
  expect(await runCommand({ shell: 'kill -KILL $$' }, { cwd, signal, env })).toMatchObject({
    error: 'ended by SIGKILL, which nobody here sent',
    signal: 'SIGKILL',
    failure: 'crash',
  })
  const stop = new AbortController()
  const seen = runCommand({ argv: ['sleep', '1000'] }, { cwd, signal: stop.signal, env })
  stop.abort()
  expect(await seen).toMatchObject({ error: 'cancelled', timedOut: false })
  expect(await seen).not.toHaveProperty('failure')
})

test('stdin, tail and output file are passed on', async () => {
  const outputPath = join(cwd, 'out.log')
  const seen = await runCommand({ argv: ['cat'] }, { cwd, signal, env, stdin: 'abcdef', tailChars: 2, outputPath })
  expect(seen).toMatchObject({ stdout: 'ef', outputPath })
  expect(readFileSync(outputPath, 'utf8')).toBe('abcdef')
})

test('the stall time and the confinement reach whoever starts the process', async () => {
  const confinement = { writable: [], readable: [], hidden: [], network: 'none', env: [] } as const
  const asked: SuperviseOptions[] = []
  const run = commandRunner(env, undefined, (options) => {
    asked.push(options)
    return supervise({ argv: ['true'], cwd, env })
  })
  await run({ argv: ['npm', 'test'] }, { cwd, signal, stallMs: 9, confinement })
  expect(asked).toMatchObject([{ argv: ['npm', 'test'], stallMs: 9, confinement }])
  await expect(runCommand({ argv: ['true'] }, { cwd, signal, env, confinement })).rejects.toMatchObject({
    code: 'bad_input',
  })
})

test('a stall says for how long nothing happened', async () => {
  const seen = await runCommand({ argv: ['sleep', '1000'] }, { cwd, signal, env, stallMs: 200 })
  expect(seen).toMatchObject({ failure: 'stalled', timedOut: false, error: expect.stringContaining('for 0.2s') })
})
