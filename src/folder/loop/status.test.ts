import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../../test/fixtures/repo.ts'
import { findLoopFile } from '../../config.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { displayWidth } from '../../core/plain.ts'
import { isAlive, processIdentity } from '../../process/identity.ts'
import type { Heartbeat } from './heartbeat.ts'
import { holdLoopFolder } from './hold.ts'
import { loopStatusText, readLoopFolder, type StatusOptions } from './status.ts'

const now = Date.parse('2026-01-01T00:00:05Z')
const options: StatusOptions = { find: findLoopFile, validate: async () => {}, isAlive, host: hostname(), now }
const beat: Heartbeat = {
  status: 'running',
  reason: null,
  run_id: 'run-1',
  round: 3,
  total_rounds: 10,
  step: 'verify',
  pid: 4711,
  command: 'npm test',
  log_path: '/logs/round3_verify.log',
  started_at: '2026-01-01T00:00:00.000Z',
  elapsed_seconds: 5,
  speed: 1200,
  eta_seconds: 12,
  normal: true,
  last_error: 'verify: exit 1',
  last: { step: 'fix', ok: true, failure: null, exit_code: 0, duration_seconds: 3, log_path: null },
  verify: { ok: false, round: 2, error: 'exit 1' },
  baseline: { metric: 'score', value: 0.5, target: 0.9, wanted: '>= 0.9', best: 0.6, ok: false },
  consecutive_failures: 2,
  blocked: null,
  driver: { ...processIdentity(), host: hostname() },
  updated_at: '2026-01-01T00:00:04.000Z',
}

function setUp(given: unknown = beat) {
  const temporary = scratch()
  write(temporary.path, {
    'loop.yaml': 'kind: repair\n',
    'heartbeat.json': typeof given === 'string' ? given : JSON.stringify(given),
    'artifacts/round-1.json': JSON.stringify({ run_id: 'run-1', metric: { value: 0.2 } }),
    'artifacts/round-2.json': JSON.stringify({ run_id: 'run-1', metric: { value: 0.5 } }),
    'artifacts/round-3.json': JSON.stringify({ run_id: 'another', metric: { value: 99 } }),
  })
  return temporary
}

test('a status says what runs, since when, how it goes, and where the metric went, on one screen', async () => {
  using folder = setUp()
  const status = await readLoopFolder(folder.path, options)
  expect(status).toMatchObject({
    valid: true,
    problem: null,
    status: 'running',
    alive: true,
    age_seconds: 1,
    trajectory: [0.2, 0.5],
    heartbeat: beat,
  })
  const text = loopStatusText(status, 200)
  for (const part of [
    'loop.yaml, valid',
    'running, round 3 of 10, run run-1',
    'verify, pid 4711, for 5s, about 12s left, 1200 B/s',
    'npm test',
    '/logs/round3_verify.log',
    'FAILED: exit 1 (round 2)',
    'score 0.5, wanted >= 0.9, best 0.6 ▁█',
    '2 round(s) in a row',
    '1s ago',
  ])
    expect(text).toContain(part)
  expect(text.split('\n').length).toBeLessThan(24)
  for (const line of loopStatusText(status, 60).split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(60)
})

test('a process that was killed is seen: interrupted, and how to go on', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  using folder = setUp({ ...beat, driver: { ...processIdentity(child.pid), host: hostname() } })
  expect((await readLoopFolder(folder.path, options)).status).toBe('running')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const status = await readLoopFolder(folder.path, options)
  expect(status).toMatchObject({ status: 'interrupted', alive: false })
  expect(loopStatusText(status)).toContain(`interrupted (process ${child.pid} is gone)`)
  expect(loopStatusText(status)).toContain('loopwright resume run-1')
})

test('a reused pid is not the process; a heartbeat of elsewhere is dead when it is old', async () => {
  using reused = setUp({ ...beat, driver: { ...beat.driver, started: 'another time' } })
  expect((await readLoopFolder(reused.path, options)).status).toBe('interrupted')
  using far = setUp({ ...beat, driver: { ...beat.driver, host: 'elsewhere' } })
  expect(await readLoopFolder(far.path, options)).toMatchObject({ status: 'running', alive: null })
  expect(await readLoopFolder(far.path, { ...options, now: now + 60_000 })).toMatchObject({ status: 'interrupted' })
})

test('a run that is over stays what it was, though its process is gone', async () => {
  const blocked = { reason: '4 rounds in a row failed', what_to_do: 'look at the log' }
  using folder = setUp({ ...beat, status: 'blocked', blocked, driver: { ...beat.driver, started: 'gone' } })
  const status = await readLoopFolder(folder.path, options)
  expect(status.status).toBe('blocked')
  expect(loopStatusText(status)).toMatch(/blocked {4}4 rounds in a row failed\nwhat to do look at the log/)
  expect(loopStatusText(status)).not.toContain('command')
})

test('what is wrong with the loop file is said, with what to do', async () => {
  using folder = setUp()
  const validate = async () => {
    throw new LoopwrightError('bad_input', 'loop.yaml:1:1: mission is missing\nmore', { hint: 'add "mission: …"' })
  }
  const status = await readLoopFolder(folder.path, { ...options, validate })
  expect(status).toMatchObject({ valid: false, problem: 'loop.yaml:1:1: mission is missing', hint: 'add "mission: …"' })
  expect(loopStatusText(status)).toContain('NOT valid: loop.yaml:1:1: mission is missing')

  using empty = scratch()
  expect(await readLoopFolder(empty.path, options)).toMatchObject({ valid: false, loop_file: null, status: null })
  expect(loopStatusText(await readLoopFolder(empty.path, options), 200)).toContain('no loop in this folder')
  await expect(readLoopFolder(join(empty.path, 'nowhere'), options)).rejects.toMatchObject({ code: 'not_found' })
})

test('an openloop.json that somebody brought is the loop file, and the other one is named', async () => {
  using folder = setUp()
  writeFileSync(join(folder.path, 'openloop.json'), '{}')
  expect(await readLoopFolder(folder.path, options)).toMatchObject({
    loop_file: join(folder.path, 'openloop.json'),
    notes: ['loop.yaml is there too, and not used: remove one of them'],
  })
})

test.each([
  ['', 'no json'],
  ['half', '{"status": "run'],
  ['no heartbeat', '[1, 2]'],
  ['an unknown status', JSON.stringify({ ...beat, status: 'dancing' })],
])('a heartbeat that is %s is a note, and no status', async (_, text) => {
  using folder = setUp(text)
  const status = await readLoopFolder(folder.path, options)
  expect(status).toMatchObject({ status: null, heartbeat: null, notes: [expect.stringContaining('cannot be read')] })
})

test('a heartbeat full of rubbish and escape sequences shows neither', async () => {
  const rubbish = Object.fromEntries(Object.keys(beat).map((key) => [key, { evil: ['\u001b[2J'] }]))
  using folder = setUp({
    ...rubbish,
    status: 'running',
    run_id: 'x\u001b[31m\nfake: line',
    round: 1e300,
    last_error: '\u001b]0;t\u0007e',
  })
  const text = loopStatusText(await readLoopFolder(folder.path, options))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  expect(text).not.toMatch(/^fake/m)
})

test('a link in the place of the heartbeat is not read, and who holds the folder is named', async () => {
  using folder = scratch()
  write(folder.path, { 'secret.json': JSON.stringify(beat) })
  mkdirSync(join(folder.path, 'loop'))
  symlinkSync(join(folder.path, 'secret.json'), join(folder.path, 'loop', 'heartbeat.json'))
  const holder = { ...processIdentity(), host: hostname(), run: 'run-9' }
  const hold = holdLoopFolder(join(folder.path, 'loop'), { holder, isAlive })
  const status = await readLoopFolder(join(folder.path, 'loop'), options)
  expect(status.heartbeat).toBeNull()
  expect(status.notes).toContain('held by run run-9')
  hold.release()
})
