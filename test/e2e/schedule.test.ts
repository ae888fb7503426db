import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { until } from '../fixtures/engine.ts'
import { makeRepo, scratch } from '../fixtures/repo.ts'
import { root } from './docs-blocks.ts'

const entry = (id: string, cadence: string) => `  - id: ${id}
    name: ${id}
    file: ${id}.md
    goal: Looks after the project for the test
    cadence: ${cadence}
    risk: low
    tools: [claude-code]
    skills: []
    state: STATE.md
    phases: [report, act-small-wins]
    human_gates: [design-decisions]
    starter: starters/minimal-loop
    week_one_mode: L1
    token_cost: low
    cost: { tokens_noop: 1, tokens_report: 2, tokens_action: 3, stable_fraction: 0, suggested_daily_cap: 100000, early_exit_required: false }
    sources: [todo]
`
const registry = `patterns:\n${entry('sweeper', '30m-2h')}${entry('nightly', '"0 3 1 1 *"')}`

/** Says that it was called, and answers when it is let go. */
const agent = `
const { appendFileSync, existsSync } = require('node:fs')
appendFileSync(process.env.SCHEDULE_TEST + '/called', 'x')
const answer = () => {
  if (!existsSync(process.env.SCHEDULE_TEST + '/go')) return setTimeout(answer, 20)
  console.log('nothing that matters')
}
answer()
`

const alive = new Set<ChildProcess>()
afterEach(() => {
  for (const child of alive) child.kill('SIGKILL')
})

function scene(folder: string) {
  const project = makeRepo(join(folder, 'project'), { 'registry.yaml': registry, 'src/a.ts': '// TODO: finish this\n' })
  const script = join(folder, 'agent.cjs')
  writeFileSync(script, agent)
  const settings = join(folder, '.config', 'loopwright')
  mkdirSync(settings, { recursive: true })
  const command = JSON.stringify([process.execPath, script])
  writeFileSync(
    join(settings, 'config.yaml'),
    `agent: gate\nagents:\n  gate:\n    command: ${command}\n    env: { SCHEDULE_TEST: ${JSON.stringify(folder)} }\n`,
  )
  const env = {
    ...process.env,
    HOME: folder,
    XDG_CONFIG_HOME: '',
    LOOPWRIGHT_HOME: join(folder, 'home'),
    LOOPWRIGHT_AGENT: '',
    NO_COLOR: '1',
    TZ: 'UTC',
  }
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'bin', 'loopwright.mjs'), ...args], {
      cwd: project,
      env,
      stdio: 'pipe',
    })
    alive.add(child)
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const gone = new Promise<string | number>((resolve) => {
      child.once('close', (code, signal) => {
        alive.delete(child)
        resolve(signal ?? code ?? -1)
      })
    })
    return { child, pid: child.pid ?? 0, gone, out: () => out, err: () => err }
  }
  const schedules = join(folder, 'home', 'schedules')
  const file = (end: RegExp) => {
    const name = existsSync(schedules) ? readdirSync(schedules).find((one) => end.test(one)) : undefined
    return name === undefined ? undefined : join(schedules, name)
  }
  return {
    folder,
    start,
    schedules,
    stateFile: () => file(/^[0-9a-f]+\.json$/) ?? '',
    lock: () => file(/^[0-9a-f]+\.lock$/),
    calls: () => (existsSync(join(folder, 'called')) ? readFileSync(join(folder, 'called'), 'utf8').length : 0),
    letGo: () => writeFileSync(join(folder, 'go'), ''),
    async json(...args: string[]) {
      const told = start(...args, '--json')
      expect(await told.gone, told.err()).toBe(0)
      return JSON.parse(told.out())
    },
    async does(...args: string[]) {
      const told = start(...args)
      expect(await told.gone, told.err()).toBe(0)
      return told
    },
  }
}

test('a scheduler killed in a tick: the next takes its lock over, and goes on with that tick', async () => {
  using temporary = scratch()
  const place = scene(temporary.path)
  const first = place.start('start')
  await until('the agent is at work', () => place.calls() === 1)
  const before = await place.json('schedule')
  expect(before.scheduler.pid).toBe(first.pid)
  const run = before.patterns[0].under_way.run
  first.child.kill('SIGKILL')
  expect(await first.gone).toBe('SIGKILL')
  expect(place.lock()).toBeDefined()

  place.letGo()
  // What the call that was cut off had reserved counts as spent: the tick may be halted by the day's tokens.
  const next = place.start('start', '--once', '--json')
  expect([0, 1], next.err()).toContain(await next.gone)
  const { ticks } = JSON.parse(next.out())
  expect(ticks).toMatchObject([{ pattern: 'sweeper', run, result: { run, pattern: 'sweeper' } }])
  const after = await place.json('schedule')
  expect(after).toMatchObject({
    scheduler: null,
    patterns: [{ pattern: 'sweeper', ticks: 1, under_way: null, last: { run } }, { ticks: 0 }],
  })
  const runs = await place.json('runs')
  expect(runs.total).toBe(1)
  expect(place.lock()).toBeUndefined()
  // It ran just now: nothing is due.
  expect(await place.json('start', '--once')).toEqual({ ticks: [] })
})

test('of two schedulers of a project the second says who runs it; Ctrl-C pauses the tick, and the next start goes on with it', async () => {
  using temporary = scratch()
  const place = scene(temporary.path)
  const first = place.start('start')
  await until('the agent is at work', () => place.calls() === 1)
  for (const args of [['start'], ['start', '--once']]) {
    const second = place.start(...args)
    expect(await second.gone).toBe(2)
    expect(second.err()).toContain(`process ${first.pid} runs the schedule of `)
    expect(second.err()).toContain('loopwright schedule shows it')
  }
  first.child.kill('SIGINT')
  expect(await first.gone, first.err()).toBe(130)
  expect(first.out()).toContain('sweeper tick 1 is paused; loopwright start goes on with it')
  expect(place.lock()).toBeUndefined()
  place.letGo()
  const { ticks } = await place.json('start', '--once')
  expect(ticks).toHaveLength(1)
  expect((await place.json('runs')).total).toBe(1)
})

test('pause, resume and now reach a scheduler that runs, and wait for one when none does', async () => {
  using temporary = scratch()
  const place = scene(temporary.path)
  place.letGo()
  await place.does('schedule', 'pause')
  expect(await place.json('start', '--once')).toEqual({ ticks: [] })
  const running = place.start('start')
  await until('it runs', () => running.out().includes('paused'))
  await place.does('schedule', 'now', 'nightly')
  await until('it ran now, paused as it is', () => running.out().includes('nightly tick 1: '))
  await place.does('schedule', 'resume', 'sweeper')
  await until('the other goes on', () => running.out().includes('sweeper tick 1: '))
  const strange = place.start('schedule', 'pause', 'sweepr')
  expect(await strange.gone).toBe(2)
  expect(strange.err()).toContain('did you mean sweeper?')
  const { patterns } = await place.json('schedule')
  expect(patterns).toMatchObject([
    { pattern: 'sweeper', paused: false, ticks: 1 },
    { pattern: 'nightly', paused: true, ticks: 1 },
  ])
  running.child.kill('SIGTERM')
  expect(await running.gone, running.err()).toBe(0)
})

test('a schedule that cannot be read is set aside, and nothing is due at once', async () => {
  using temporary = scratch()
  const place = scene(temporary.path)
  place.letGo()
  expect((await place.json('start', '--once')).ticks).toHaveLength(1)
  writeFileSync(place.stateFile(), '{"version": 1, "patterns": [{"id"')
  const again = await place.does('start', '--once')
  expect(again.err()).toContain('was set aside as ')
  expect(again.out()).toBe('')
  expect(readdirSync(place.schedules).filter((name) => name.endsWith('.json.broken'))).toHaveLength(1)
  expect((await place.json('schedule')).patterns[0].next > new Date().toISOString()).toBe(true)
  writeFileSync(place.stateFile(), '{"version": 2}')
  const newer = place.start('start')
  expect(await newer.gone).toBe(2)
  expect(newer.err()).toContain('was written by a newer loopwright')
})
