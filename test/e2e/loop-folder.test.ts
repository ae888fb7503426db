import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LoopFolderStatus } from '../../src/folder/loop/status.ts'
import { git, scratch, write } from '../fixtures/repo.ts'
import { root } from './docs-blocks.ts'

const launcher = join(root, 'bin', 'loopwright.mjs')

/** The demo project in a repository of its own, and a way to type commands there. */
function setUp() {
  const temporary = scratch()
  const demo = join(temporary.path, 'demo')
  cpSync(join(root, 'examples', 'demo_project'), demo, { recursive: true })
  const env = { PATH: process.env.PATH, HOME: temporary.path, LOOPWRIGHT_HOME: join(temporary.path, 'home') }
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [launcher, ...args], { cwd: demo, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        text += part
      })
    }
    const ended = once(child, 'close').then(([code]) => ({ code: Number(code), text }))
    return Object.assign(child, { ended })
  }
  const type = (...args: string[]) => start(...args).ended
  return {
    demo,
    start,
    type,
    commit: () => {
      git(demo, 'init', '-q', '-b', 'main')
      git(demo, 'add', '-A')
      git(demo, 'commit', '-q', '-m', 'demo')
    },
    status: async (): Promise<LoopFolderStatus> => JSON.parse((await type('status', 'loop', '--json')).text),
    read: (path: string) => readFileSync(join(demo, path), 'utf8'),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

test('the example repairs the demo in three rounds, its metric rising past the baseline', async () => {
  using world = setUp()
  cpSync(join(root, 'examples', 'repair'), join(world.demo, 'loop'), { recursive: true })
  world.commit()
  expect(await world.type('trust', '--yes', 'loop/loop.yaml')).toMatchObject({ code: 0 })
  const ran = await world.type('run', 'loop')
  expect(ran.text).toContain('completed in 3 round(s)')
  expect(ran.code).toBe(0)
  expect(await world.status()).toMatchObject({
    valid: true,
    status: 'complete',
    trajectory: [0.001, 0.001, 1],
    heartbeat: { round: 3, total_rounds: 5, verify: { ok: true }, baseline: { value: 1, best: 1, ok: true } },
  })
  const run = (await world.status()).heartbeat?.run_id ?? ''
  expect(readdirSync(join(world.demo, 'loop', 'logs', run))).toContain('round1_fix.log')
  expect(JSON.parse(world.read('loop/artifacts/round-1.json'))).toMatchObject({ run_id: run, verdict: 'next' })
  expect(world.read('loop/progress.md')).toContain('complete: healthy')
  expect(world.read('loop/knowledge/lessons.md')).toContain('every sum over items must use the quantity')
  expect(git(world.demo, 'status', '--porcelain')).toBe('?? loop/knowledge/\n')
  expect(git(world.demo, 'show', `loopwright/${run}:src/cart.js`)).toContain('item.price * item.quantity')
  expect(existsSync(join(world.demo, 'loop', '.loopwright.lock'))).toBe(false)
})

test('the quick start with an openloop.json works as it is typed', async () => {
  using world = setUp()
  const made = await world.type('init', '--kind', 'repair', 'loop', '--project-root', '.')
  expect(made).toMatchObject({ code: 0 })
  expect((await world.type('init', '--kind', 'repair', 'loop')).text).toContain('--force')
  expect((await world.type('doctor', 'loop')).text).toContain('loop.yaml, valid')
  cpSync(join(root, 'examples', 'openloop.demo.json'), join(world.demo, 'loop', 'openloop.json'))
  expect((await world.type('doctor', 'loop')).text).toContain('openloop.json, valid')
  expect(await world.type('trust', '--yes', 'loop/openloop.json')).toMatchObject({ code: 0 })
  const first = await world.type('run', 'loop', '--max-rounds', '1')
  expect(first.text).toContain('fix')
  expect(await world.status()).toMatchObject({
    status: 'stopped',
    heartbeat: { round: 1, total_rounds: 1, verify: { ok: true }, baseline: { value: 0.001, ok: false } },
  })
  // It works in place: what is mended stays, and the next run goes on from there.
  for (let more = 0; more < 2 && (await world.status()).status !== 'complete'; more++) await world.type('run', 'loop')
  expect(await world.status()).toMatchObject({ status: 'complete', heartbeat: { baseline: { value: 1, ok: true } } })
  expect(world.read('src/cart.js')).toContain('item.price * item.quantity')
})

test('a loop that is killed in the middle of a stage is shown as interrupted, and its folder goes on after a resume', async () => {
  using world = setUp()
  write(world.demo, {
    'loop/loop.yaml': `kind: repair
mission: wait for it
project: ..
folder: .
isolation: inplace
stages:
  play: { shell: 'echo "$$" && while [ ! -e go ]; do sleep 0.05; done' }
  verify: node smoke.js
rounds: 1
`,
  })
  await world.type('trust', '--yes', 'loop/loop.yaml')
  const child = world.start('run', 'loop')
  const until = async (fits: (status: LoopFolderStatus) => boolean) => {
    for (let at = 0; at < 200; at++) {
      const status = await world.status()
      if (fits(status)) return status
    }
    throw new Error('it never came to that')
  }
  const running = await until((status) => status.heartbeat?.pid !== null && status.heartbeat?.step === 'play')
  expect(running).toMatchObject({ status: 'running', alive: true, notes: [expect.stringMatching(/^held by run/)] })
  const run = running.heartbeat?.run_id ?? ''
  const second = await world.type('run', 'loop')
  expect(second.text).toContain(`is held by run ${run}`)
  expect(second.code).not.toBe(0)

  child.kill('SIGKILL')
  await child.ended
  expect(await world.status()).toMatchObject({ status: 'interrupted', alive: false })
  write(world.demo, { go: '' })
  await world.type('resume', run)
  expect(await world.status()).toMatchObject({ status: 'stopped', heartbeat: { run_id: run, verify: { ok: false } } })
  const lines = world.read('loop/progress.md').split('\n')
  for (const part of ['started', 'round 1 begins', 'goes on', 'play ok', 'verify FAILED'])
    expect(lines.filter((line) => line.includes(part))).toHaveLength(1)
  const marks = lines.flatMap((line) => /<!-- \S+ (\d+) -->/.exec(line)?.[1] ?? [])
  expect(new Set(marks).size).toBe(marks.length)
})
