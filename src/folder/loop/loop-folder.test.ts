import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleRun, journal } from '../../../test/fixtures/journals.ts'
import { scratch } from '../../../test/fixtures/repo.ts'
import type { EventBody, JournalEvent } from '../../core/event.ts'
import type { Json } from '../../core/json.ts'
import { emptyView, type RunView, reduce } from '../../core/view.ts'
import { openRunFolder } from '../folder.ts'
import type { Heartbeat } from './heartbeat.ts'
import { type LoopFolder, openLoopFolder, withLoopFolder } from './loop-folder.ts'
import type { CommandNews } from './pulse.ts'

const spec = {
  kind: 'repair',
  mission: 'keep it healthy',
  stages: { verify: { shell: 'npm test' } },
  baseline: { metric: 'score', value: 0.9 },
}
const run = exampleRun({ loop: 'repair', kind: 'repair', spec, caps: { iterations: 5 }, lastSeq: 1_000 })
const driver = { id: 'not told', pid: 4711, started: '99', host: 'here' }

const emitted = (name: string, data: Json): EventBody => ({ kind: 'emitted', key: '0/:0', name, data })
const stage = (name: string, more: object = {}) => ({
  ...{ stage: name, ok: true, failure: null, exit_code: 0, duration: 10, log: `/loop/logs/r/${name}.log`, error: null },
  ...more,
})
const begin: EventBody[] = [
  { kind: 'run_started', loop: 'repair', version: '1', spec },
  { kind: 'run_claimed', driver: 'd', version: '1' },
]
const round = (number: number, more: { readonly ok: boolean; readonly value?: number; readonly duration?: number }) => {
  const verify = stage('verify', {
    ok: more.ok,
    duration: more.duration ?? 10,
    ...(more.ok ? {} : { exit_code: 1, error: 'exit 1' }),
  })
  const metric = { name: 'score', value: more.value ?? null, best: more.value ?? null, ok: false, wanted: '>= 0.9' }
  return [
    { kind: 'iteration_started', key: `0/:${number}`, name: 'iteration', iteration: number },
    emitted('stage_started', { stage: 'verify' }),
    emitted('stage_finished', verify),
    ...(more.value === undefined ? [] : [emitted('metric', metric)]),
    ...(more.ok ? [] : [emitted('lesson', { text: `round ${number}: failed: verify: exit 1` })]),
    emitted('round_finished', {
      item: {
        iteration: number,
        stages: [verify],
        metric: more.value === undefined ? null : metric,
        verdict: 'next',
        reasons: [],
        consecutive_failures: more.ok ? 0 : number,
      },
    }),
  ] as EventBody[]
}

function setUp(given: { readonly folder?: string } = {}) {
  const temporary = scratch()
  const folder = given.folder ?? join(temporary.path, 'loop')
  mkdirSync(folder, { recursive: true })
  let now = 2_000_000
  const pending = new Set<{ at: number; call: () => void }>()
  const clock = {
    now: () => now,
    after(ms: number, call: () => void) {
      const timer = { at: now + ms, call }
      pending.add(timer)
      return () => void pending.delete(timer)
    },
  }
  const advance = (ms: number) => {
    const end = now + ms
    for (;;) {
      const due = [...pending].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      pending.delete(due)
      now = due.at
      due.call()
    }
    now = end
  }
  const warnings: string[] = []
  const open = (more: Partial<typeof run> = {}) =>
    openLoopFolder({ run: { ...run, ...more }, folder, driver, clock, warn: (message) => warnings.push(message) })
  return {
    folder,
    top: temporary.path,
    warnings,
    advance,
    clock,
    open,
    read: (path: string) => readFileSync(join(folder, path), 'utf8'),
    beat: (): Heartbeat => JSON.parse(readFileSync(join(folder, 'heartbeat.json'), 'utf8')),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

function play(loop: LoopFolder, events: readonly JournalEvent[], from: RunView = emptyView(run)): RunView {
  let view = from
  for (const event of events) {
    view = reduce(view, event)
    loop.onEvent(view, event)
  }
  return view
}

const news = (state: CommandNews['state'], more: Partial<CommandNews> = {}): CommandNews => ({
  ...{ state, name: 'verify', iteration: 3, command: 'npm test', outputPath: '/logs/round3_verify.log' },
  ...more,
})

test('a heartbeat stands before, every second while, and after a command, with speed, ETA and normality', () => {
  using world = setUp()
  const loop = world.open()
  expect(world.beat()).toMatchObject({ status: 'running', run_id: run.id, round: 0, total_rounds: 5, pid: null })
  const events = [
    ...begin,
    ...round(1, { ok: false, duration: 8 }),
    ...round(2, { ok: true, value: 0.5, duration: 12 }),
  ]
  play(loop, journal(events))
  loop.onCommand(news('starting'))
  expect(world.beat()).toMatchObject({
    status: 'running',
    round: 3,
    step: 'verify',
    pid: null,
    command: 'npm test',
    log_path: '/logs/round3_verify.log',
    elapsed_seconds: 0,
    eta_seconds: 10,
    normal: true,
    last_error: null,
    verify: { ok: true, round: 2, error: null },
    baseline: { metric: 'score', value: 0.5, target: 0.9, wanted: '>= 0.9', best: 0.5, ok: false },
    consecutive_failures: 0,
    driver: { pid: 4711, started: '99', host: 'here' },
  })
  loop.onCommand(news('running', { progress: { pid: 77, bytes: 0, elapsedMs: 0 } }))
  world.advance(2_000)
  loop.onCommand(news('running', { progress: { pid: 77, bytes: 3_000, elapsedMs: 2_000 } }))
  expect(world.beat()).toMatchObject({ pid: 77, elapsed_seconds: 2, eta_seconds: 8, speed: 1_500, normal: true })

  // Nobody tells anything; the heart beats on.
  const before = world.beat().updated_at
  world.advance(1_000)
  expect(world.beat().updated_at > before).toBe(true)
  expect(world.beat()).toMatchObject({ pid: 77, elapsed_seconds: 3 })
  world.advance(37_000)
  expect(world.beat()).toMatchObject({ elapsed_seconds: 40, eta_seconds: 0, normal: false, speed: 0 })

  loop.onCommand(news('ended', { result: { exitCode: 0, duration: 40 } }))
  expect(world.beat()).toMatchObject({
    pid: null,
    command: null,
    elapsed_seconds: null,
    speed: null,
    eta_seconds: null,
    normal: true,
    log_path: '/logs/round3_verify.log',
    last: { step: 'verify', ok: true, duration_seconds: 12 },
  })
  loop.close()
})

test('a stage an agent performs is seen by its events, and its speed by its log', () => {
  using world = setUp()
  const loop = world.open()
  const log = loop.logPath('round1_fix') ?? ''
  const events = [
    ...begin,
    { kind: 'iteration_started', key: '0/:1', name: 'iteration', iteration: 1 } as const,
    emitted('stage_started', { stage: 'fix' }),
  ]
  play(loop, journal(events))
  loop.logPath('round1_fix')
  world.advance(1_000)
  expect(world.beat()).toMatchObject({ step: 'fix', pid: null, log_path: log, eta_seconds: null })
  appendFileSync(log, 'x'.repeat(50_000))
  world.advance(1_000)
  expect(world.beat().speed).toBeGreaterThan(0)
  loop.close()
})

test('a late event of the stage before does not hide the command that runs', () => {
  using world = setUp()
  const loop = world.open()
  const [first, second, third, starts, ends] = journal([...begin, ...round(1, { ok: true })])
  if (!first || !second || !third || !starts || !ends) throw new Error('five events')
  const view = play(loop, [first, second, third])
  loop.onCommand(news('starting', { name: 'baseline', command: 'bench', iteration: 1 }))
  loop.onCommand(news('running', { name: 'baseline', command: 'bench', progress: { pid: 5, bytes: 1, elapsedMs: 1 } }))
  play(loop, [starts, ends], view)
  world.advance(1_000)
  expect(world.beat()).toMatchObject({ step: 'baseline', pid: 5, command: 'bench' })
  loop.close()
})

test('a stage that was ended is not normal, and its duration is no history', () => {
  using world = setUp()
  const loop = world.open()
  const ended = stage('verify', {
    ok: false,
    failure: 'stalled',
    error: 'neither printed nor worked for 300s',
    duration: 900,
  })
  play(loop, journal([...begin, emitted('stage_finished', ended)]))
  loop.onCommand(news('starting'))
  expect(world.beat()).toMatchObject({
    normal: false,
    eta_seconds: null,
    last_error: 'verify: neither printed nor worked for 300s',
    last: { failure: 'stalled' },
  })
  loop.close()
})

test.each([
  ['complete', { status: 'done', result: { completed: true } }, undefined],
  [
    'blocked',
    {
      status: 'done',
      result: { completed: false, stop_reason: 'blocked', blocked: { reason: 'why', what_to_do: 'look' } },
    },
    { reason: 'why', what_to_do: 'look' },
  ],
  ['stopped', { status: 'stopped', reason: 'max_iterations (5) reached' }, undefined],
  ['paused', { status: 'paused', reason: 'a person' }, undefined],
  ['failed', { status: 'failed', reason: 'disk' }, undefined],
] as const)('the last heartbeat of a run that is let go says %s, and stays', (status, record, blocked) => {
  using world = setUp()
  const loop = world.open()
  const view = play(loop, journal([...begin, ...round(1, { ok: false })]))
  loop.onCommand(news('starting'))
  loop.finish(
    { ...view, status: record.status, result: 'result' in record ? record.result : undefined, reason: undefined },
    {
      ...run,
      ...record,
    },
  )
  expect(world.beat()).toMatchObject({ status, pid: null, command: null, blocked: blocked ?? null })
  loop.close()
  world.advance(5_000)
  expect(world.beat().status).toBe(status)
})

test('who leaves a run that goes on is shown as interrupted', () => {
  using world = setUp()
  const loop = world.open()
  play(loop, journal(begin))
  loop.close()
  expect(world.beat().status).toBe('interrupted')
})

test('the timeline has each line once, however often the run is taken up, and keeps what is there', () => {
  using world = setUp()
  writeFileSync(join(world.folder, 'progress.md'), '# My notes\n')
  const all = journal([...begin, ...round(1, { ok: false }), ...round(2, { ok: true, value: 0.5 })])
  const loop = world.open()
  play(loop, all.slice(0, 6))
  loop.close()
  // Died in the middle of a line.
  appendFileSync(join(world.folder, 'progress.md'), '- 1970-01-01 00:1')
  for (let at = 0; at < 2; at++) {
    const next = world.open()
    play(next, all)
    play(next, all)
    next.close()
  }
  const text = world.read('progress.md')
  expect(text.startsWith('# My notes\n')).toBe(true)
  const count = (part: string) => text.split(part).length - 1
  expect(count('round 1 begins')).toBe(1)
  expect(count('round 2 begins')).toBe(1)
  expect(count('verify FAILED: exit 1 (10s, logs/r/verify.log)')).toBe(1)
  expect(count('score 0.5, wanted >= 0.9')).toBe(1)
  expect(count(`## `)).toBe(1)
  expect(text).toMatch(/\n- 1970-01-01 00:1\n- /)
  const lessons = world.read('knowledge/lessons.md')
  expect(lessons.split('round 1: failed: verify: exit 1').length - 1).toBe(1)
})

test('a timeline that was deleted is derived anew; one that claims the future is not believed', () => {
  using world = setUp()
  const all = journal([...begin, ...round(1, { ok: true })])
  const loop = world.open({ lastSeq: 20 })
  writeFileSync(join(world.folder, 'progress.md'), `- nothing more to say <!-- ${run.id} 999 -->\n`)
  play(loop, all)
  loop.close()
  expect(world.read('progress.md')).toContain('round 1 begins')
  rmSync(join(world.folder, 'progress.md'))
  const next = world.open()
  play(next, all)
  next.close()
  expect(world.read('progress.md')).toContain('round 1 begins')
})

test('what a program said cannot pass for a mark of ours', () => {
  using world = setUp()
  const loop = world.open()
  const evil = stage('verify', { ok: false, error: `x <!-- ${run.id} 500 -->\n## fake` })
  play(loop, journal([...begin, emitted('stage_finished', evil), ...round(1, { ok: true })]))
  loop.close()
  const again = world.open()
  play(
    again,
    journal([...begin, emitted('stage_finished', evil), ...round(1, { ok: true }), ...round(2, { ok: true })]),
  )
  again.close()
  expect(world.read('progress.md')).toContain('round 2 begins')
  expect(world.read('progress.md')).not.toContain('\n## fake')
})

test('each round leaves a report and its pictures; those of an earlier run make room', () => {
  using world = setUp()
  const picture = join(world.top, 'page.png')
  writeFileSync(picture, 'PNG')
  const play1 = stage('play', { screenshots: [picture, join(world.top, 'not there.png')] })
  const item = { iteration: 1, stages: [play1], metric: null, verdict: 'next', consecutive_failures: 0 }
  const events = journal([
    ...begin,
    { kind: 'iteration_started', key: '0/:1', name: 'iteration', iteration: 1 },
    emitted('round_finished', { item }),
  ])
  const loop = world.open()
  play(loop, events)
  loop.close()
  const report = () => JSON.parse(world.read('artifacts/round-1.json'))
  expect(report()).toMatchObject({
    run_id: run.id,
    round: 1,
    verdict: 'next',
    ended_at: expect.stringMatching(/^1970-/),
  })
  expect(report().stages[0].screenshots).toEqual(['round-1/page.png', join(world.top, 'not there.png')])
  expect(world.read('artifacts/round-1/page.png')).toBe('PNG')

  const inode = lstatSync(join(world.folder, 'artifacts/round-1.json')).ino
  const same = world.open()
  play(same, events)
  same.close()
  expect(lstatSync(join(world.folder, 'artifacts/round-1.json')).ino).toBe(inode)

  world.open({ id: 'next-run' }).close()
  expect(readdirSync(join(world.folder, 'artifacts'))).toEqual([run.id])
  expect(readdirSync(join(world.folder, 'artifacts', run.id)).sort()).toEqual(['round-1', 'round-1.json'])
})

test('links planted in the folder are not followed', () => {
  using world = setUp()
  const precious = join(world.top, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'keep\n')
  for (const name of ['heartbeat.json', 'progress.md']) symlinkSync(join(precious, 'file'), join(world.folder, name))
  for (const name of ['logs', 'artifacts', 'knowledge']) symlinkSync(precious, join(world.folder, name))
  const loop = world.open()
  play(loop, journal([...begin, ...round(1, { ok: false })]))
  expect(loop.logPath('round1_verify')).toBeUndefined()
  loop.close()
  expect(readdirSync(precious)).toEqual(['file'])
  expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('keep\n')
  expect(lstatSync(join(world.folder, 'heartbeat.json')).isFile()).toBe(true)
  expect(loop.knowledge()).toBe('')
  expect(world.warnings.filter((text) => /symbolic link|ELOOP/.test(text)).map((text) => text.split(' ')[0])).toEqual([
    'artifacts',
    'progress.md',
    'knowledge/lessons.md',
    'logs',
  ])
})

test('a folder that is deleted meanwhile is one warning each, and disturbs nobody', () => {
  using world = setUp()
  const loop = world.open()
  const all = journal([...begin, ...round(1, { ok: false }), ...round(2, { ok: false })])
  const view = play(loop, all.slice(0, 3))
  rmSync(world.folder, { recursive: true })
  play(loop, all.slice(3), view)
  loop.onCommand(news('starting'))
  world.advance(10_000)
  loop.onCommand(news('ended'))
  expect(loop.logPath('a')).toBeUndefined()
  loop.close()
  expect(existsSync(world.folder)).toBe(false)
  expect(new Set(world.warnings).size).toBe(world.warnings.length)
  expect(world.warnings.length).toBeLessThanOrEqual(5)
})

test('lines that could not be written for a while are written later', () => {
  using world = setUp()
  const loop = world.open()
  const all = journal([...begin, ...round(1, { ok: true }), ...round(2, { ok: true })])
  mkdirSync(join(world.folder, 'progress.md'))
  const view = play(loop, all.slice(0, 6))
  rmSync(join(world.folder, 'progress.md'), { recursive: true })
  play(loop, all.slice(6), view)
  loop.close()
  const text = world.read('progress.md')
  for (const part of ['started', 'round 1 begins', 'round 2 begins']) expect(text.split(part)).toHaveLength(2)
  expect(world.warnings).toEqual([expect.stringContaining('progress.md')])
})

test('a heartbeat is never seen half: every read of it while it is replaced is whole', async () => {
  using world = setUp()
  const loop = world.open()
  play(loop, journal(begin))
  let reads = 0
  for (let at = 0; at < 300; at++) {
    loop.onCommand(news(at % 2 === 0 ? 'starting' : 'ended', { command: 'x'.repeat(900) }))
    if (world.beat().run_id === run.id) reads++
  }
  loop.close()
  expect(reads).toBe(300)
  expect(readdirSync(world.folder).filter((name) => name.includes('.tmp'))).toEqual([])
})

test('what people wrote and runs learnt is knowledge: bounded, each lesson once, the newest last', () => {
  using world = setUp()
  const loop = world.open()
  expect(loop.knowledge()).toBe('')
  mkdirSync(join(world.folder, 'knowledge'), { recursive: true })
  writeFileSync(join(world.folder, 'knowledge', 'notes.md'), 'The database is in memory.\u001b[31m\n')
  writeFileSync(join(world.folder, 'knowledge', 'picture.png'), 'no text')
  const lessons = Array.from({ length: 300 }, (_, at) => `- round ${at}: lesson ${at % 150} <!-- r ${at} -->`)
  writeFileSync(join(world.folder, 'knowledge', 'lessons.md'), `${lessons.join('\n')}\n`)
  const text = loop.knowledge()
  expect(text.startsWith('The database is in memory.\n\n- round ')).toBe(true)
  expect(text.endsWith('- round 299: lesson 149')).toBe(true)
  expect(text.length).toBeLessThan(4_000)
  expect(text).not.toContain('<!--')
  expect(text.match(/lesson 149\b/g)).toHaveLength(1)
  loop.close()
})

test('a run folder with a loop folder puts its logs there and tells it of every event', () => {
  using world = setUp()
  const project = join(world.top, 'project')
  mkdirSync(project)
  const record = { ...run, project }
  const inner = openRunFolder({ run: record, home: join(world.top, 'home'), clock: world.clock })
  const both = withLoopFolder(inner, world.open())
  const log = both.workersPath('round1_verify')
  expect(log).toBe(join(world.folder, 'logs', run.id, 'round1_verify.log'))
  writeFileSync(log, '')
  const view = both.onEvents(journal([...begin, ...round(1, { ok: true })]), emptyView(record))
  expect(view.iteration).toBe(1)
  both.finish({ ...view, status: 'done', result: { completed: true } }, { ...record, status: 'done' })
  both.close()
  expect(world.beat().status).toBe('complete')
  expect(existsSync(join(world.folder, 'artifacts', 'round-1.json'))).toBe(true)
  expect(readFileSync(join(inner.path, 'events.jsonl'), 'utf8')).toContain('round_finished')
})

test('what a killed process had half written is removed when it is old, and nothing else', () => {
  using world = setUp()
  const old = ['.heartbeat.json.1.tmp', '.loopwright.lock.1.ab', '.my-own.tmp', 'notes.json.1.tmp']
  for (const name of [...old, '.heartbeat.json.2.tmp']) {
    writeFileSync(join(world.folder, name), 'half')
    if (old.includes(name)) utimesSync(join(world.folder, name), 1, 1)
  }
  world.open().close()
  expect(readdirSync(world.folder).sort()).toEqual(
    ['.heartbeat.json.2.tmp', '.my-own.tmp', 'artifacts', 'heartbeat.json', 'notes.json.1.tmp'].sort(),
  )
})

test('a loop folder that does not exist is said at once', () => {
  using world = setUp()
  expect(() => openLoopFolder({ run, folder: join(world.folder, 'nowhere'), driver })).toThrow(/no such loop folder/)
})
