import { expect, test } from 'vitest'
import { type Disk, mended, type RepairWorldOptions, repairWorld } from '../../test/fixtures/repair.ts'
import { exitCode, runResult } from '../core/result.ts'
import type { RepairInput } from '../core/spec/repair.ts'
import { emptyView, fold } from '../core/view.ts'

const all: RepairInput['stages'] = { play: 'play', scan: 'scan', fix: 'fix', verify: 'verify', improve: 'improve' }
const speed = { command: 'bench', metric: 'speed', value: 90, direction: '>=' } as const

/** Work that goes through the app's versions, one each time it is asked. */
const versions = (...texts: string[]) => {
  const left = [...texts]
  return (disk: Disk) => {
    const next = left.shift()
    if (next !== undefined) disk.write({ 'app.js': next })
    return 0
  }
}

const app = (disk: Disk) => disk.read('app.js')?.trim() ?? ''

// ── the round ────────────────────────────────────────────────────────────────

test('what is healthy is done after one round, and nothing is fixed', async () => {
  const world = repairWorld({ command: (name) => (name === 'baseline' ? 'speed 95' : 0) })
  const run = await world.mend({ stages: all, baseline: speed })
  expect(run).toMatchObject({ status: 'done', reason: 'done' })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 1, stop_reason: 'healthy', trajectory: [95] })
  expect(world.log).toEqual(['play', 'scan', 'verify', 'baseline'])
  expect(exitCode(run)).toBe(0)
})

test.each(['play', 'scan'])('a fix runs when %s failed, and the next round plays it again', async (failing) => {
  const fix = versions('good\n')
  const world = repairWorld({
    command: (name, disk) => (name === 'fix' ? fix(disk) : name === failing && app(disk) !== 'good' ? 1 : 0),
  })
  const run = await world.mend({ stages: all })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(world.log).toEqual(['play', 'scan', 'fix', 'verify', 'play', 'scan', 'verify'])
})

test('a verify that failed is fixed in the next round; what passed before the fix is looked at again', async () => {
  const fix = versions('good\n')
  const world = repairWorld({
    command: (name, disk) => (name === 'fix' ? fix(disk) : name === 'verify' && app(disk) !== 'good' ? 1 : 0),
  })
  const run = await world.mend({ stages: all })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(world.log).toEqual(['play', 'scan', 'verify', 'play', 'scan', 'fix', 'verify', 'play', 'scan'])
})

test('a fix that breaks what played before it does not complete the loop', async () => {
  const fix = versions('verifies\n', 'good\n')
  const world = repairWorld({
    command: (name, disk) => {
      if (name === 'fix') return fix(disk)
      if (name === 'verify') return app(disk) === 'start' ? 1 : 0
      return name === 'play' && app(disk) === 'verifies' ? 1 : 0
    },
  })
  const run = await world.mend({ stages: all })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 4 })
  expect(mended(run).history[1]).toMatchObject({ verdict: 'next', reasons: ['play: exit 1'] })
})

test('improve runs when only the baseline fails, until the metric is good enough', async () => {
  const improve = versions('60\n', '92\n')
  const world = repairWorld({
    command: (name, disk) => {
      if (name === 'improve') return improve(disk)
      return name === 'baseline' ? `speed ${Number(app(disk)) || 40}` : 0
    },
  })
  const run = await world.mend({ stages: all, baseline: speed })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3, trajectory: [40, 60, 92] })
  expect(world.log.filter((name) => name === 'improve')).toHaveLength(2)
  expect(await world.emitted(run.id, 'metric')).toEqual([
    { name: 'speed', value: 40, best: 40, ok: false, wanted: '>= 90' },
    { name: 'speed', value: 60, best: 60, ok: false, wanted: '>= 90' },
    { name: 'speed', value: 92, best: 92, ok: true, wanted: '>= 90' },
  ])
})

test('nothing is improved while something else fails, and nothing is measured while verify fails', async () => {
  const world = repairWorld({ command: (name) => (name === 'verify' ? 1 : name === 'baseline' ? 'speed 1' : 0) })
  await world.mend({ stages: all, baseline: speed, rounds: 2 })
  expect(world.log).not.toContain('improve')
  expect(world.log).not.toContain('baseline')
})

test('the best of the samples counts, and what is printed on the error stream is read too', async () => {
  const values = [80, 91, 85]
  const world = repairWorld({
    command: (name, _disk, times) => (name === 'baseline' ? { stderr: `speed=${values[times - 1]}` } : 0),
  })
  const run = await world.mend({ stages: all, baseline: { ...speed, regex: 'speed=(\\d+)', samples: 3 } })
  expect(mended(run)).toMatchObject({ completed: true, trajectory: [91] })
  expect(mended(run).history[0]?.metric).toMatchObject({ samples: values, best: 91 })
})

test('with improve alone the metric must get better than it was at first', async () => {
  const improve = versions('40\n', '41\n')
  const world = repairWorld({
    command: (name, disk) =>
      name === 'improve' ? improve(disk) : name === 'baseline' ? `${Number(app(disk)) || 40}` : 0,
  })
  const run = await world.mend({ stages: all, baseline: { command: 'bench', improve: true } })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3, trajectory: [40, 40, 41] })
})

test.each<[string, NonNullable<ReturnType<NonNullable<RepairWorldOptions['command']>>>]>([
  ['a command without a number', 'none'],
  ['a command that fails', { exitCode: 1, stdout: '95' }],
  ['a command that was ended', { exitCode: 0, stdout: '95', failure: 'oom' }],
  ['not a number', 'speed nan'],
])('%s does not meet the baseline', async (_name, outcome) => {
  const world = repairWorld({ command: (name) => (name === 'baseline' ? outcome : 0) })
  const run = await world.mend({ stages: all, baseline: speed, rounds: 1 })
  expect(run).toMatchObject({ status: 'stopped' })
  expect(mended(run)).toMatchObject({ completed: false, trajectory: [null] })
  expect(world.log).not.toContain('improve')
})

// ── completion by code ───────────────────────────────────────────────────────

test.each(['timeout', 'stalled', 'oom', 'flood', 'crash'] as const)(
  'a %s in the latest results is no pass',
  async (failure) => {
    for (const stage of ['play', 'scan', 'verify'] as const) {
      const world = repairWorld({ command: (name) => (name === stage ? { exitCode: 0, failure } : 0) })
      const run = await world.mend({ stages: all, rounds: 1 })
      expect(mended(run)).toMatchObject({ completed: false })
      expect(mended(run).history[0]?.reasons).toContain(`${stage}: ${failure}`)
      expect(mended(run).history[0]?.stages.find((one) => one.stage === stage)).toMatchObject({ ok: false, failure })
    }
  },
)

test('a verify that ran no test proves nothing', async () => {
  const world = repairWorld({ command: (name) => (name === 'verify' ? '# tests 0\n# pass 0\n' : 0) })
  const run = await world.mend({ stages: all, rounds: 1 })
  expect(mended(run).completed).toBe(false)
  expect(mended(run).history[0]?.reasons).toEqual([expect.stringContaining('exit 0, but no test ran: # ')])
})

test('a fix that fails does not complete the loop in its round, though verify passes', async () => {
  const world = repairWorld({
    command: (name, _disk, times) => (name === 'fix' ? 1 : name === 'play' && times === 1 ? 1 : 0),
  })
  const run = await world.mend({ stages: all })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(mended(run).history[0]?.reasons).toEqual(['play: exit 1', 'fix: exit 1'])
})

test('a stage whose log was not written is no pass where the others have one', async () => {
  const world = repairWorld({ command: (name) => (name === 'verify' ? ({ outputPath: undefined } as never) : 0) })
  const run = await world.mend({ stages: all, rounds: 1 })
  expect(mended(run).history[0]?.reasons).toEqual(['verify left no log'])
  const without = repairWorld({ logs: false })
  expect(mended(await without.mend({ stages: all }))).toMatchObject({ completed: true })
})

test('a person’s hook can say no', async () => {
  const world = repairWorld({
    hooks: { beforeAccept: [{ shell: 'look' }] },
    command: (name, _disk, times) => (name === 'beforeAccept' && times === 1 ? { exitCode: 2, stderr: 'not yet' } : 0),
  })
  const run = await world.mend()
  expect(mended(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(mended(run).history[0]?.reasons).toEqual(['blocked by a hook: not yet'])
})

// ── ends ─────────────────────────────────────────────────────────────────────

test('more failed rounds in a row than allowed block the run, with the reason and what to do', async () => {
  const world = repairWorld({ command: (name) => (name === 'verify' ? { exitCode: 1, stdout: 'boom' } : 0) })
  const run = await world.mend({ stages: all })
  expect(run.status).toBe('done')
  expect(mended(run)).toMatchObject({ completed: false, stop_reason: 'blocked', iterations: 4 })
  expect(mended(run).blocked).toEqual({
    reason: '4 rounds in a row failed: verify: exit 1',
    what_to_do: expect.stringContaining('/runs/round4_verify.out'),
  })
  expect(mended(run).final_output).toContain('blocked: 4 rounds in a row failed')
  expect(exitCode(run)).toBe(1)
})

test('a round that brings the metric on is no failed one; one that does not is', async () => {
  const improve = versions('50\n', '60\n', '70\n')
  const world = repairWorld({
    command: (name, disk) =>
      name === 'improve' ? improve(disk) : name === 'baseline' ? `${Number(app(disk)) || 40}` : 0,
  })
  const run = await world.mend({ stages: all, baseline: speed, limits: { consecutiveFailures: 1 } })
  expect(mended(run)).toMatchObject({ stop_reason: 'blocked', trajectory: [40, 50, 60, 70, 70, 70] })
  expect(mended(run).history.map((item) => item.consecutive_failures)).toEqual([0, 0, 0, 0, 1, 2])
})

test('when the rounds are used up the run stops, and goes on when it gets more', async () => {
  const fix = versions('worse\n', 'good\n')
  const world = repairWorld({
    command: (name, disk) => (name === 'fix' ? fix(disk) : name === 'play' && app(disk) !== 'good' ? 1 : 0),
  })
  const run = await world.mend({ stages: all, rounds: 1 })
  expect(run).toMatchObject({ status: 'stopped', reason: 'max_iterations (1) reached' })
  expect(mended(run)).toMatchObject({ completed: false, iterations: 1 })
  await world.runs.reopen(run.id, { iterations: 5 })
  expect(mended(await world.drive(run.id))).toMatchObject({ completed: true, iterations: 3 })
})

// ── the ratchet ──────────────────────────────────────────────────────────────

test('work that breaks a verify that passed is rolled back, and the branch keeps the try', async () => {
  const improve = versions('broken\n', '95\n')
  const world = repairWorld({
    command: (name, disk) => {
      if (name === 'improve') return improve(disk)
      if (name === 'verify') return app(disk) === 'broken' ? 1 : 0
      return name === 'baseline' ? `${Number(app(disk)) || 40}` : 0
    },
  })
  const run = await world.mend({ stages: all, baseline: speed })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 4, trajectory: [40, null, 40, 95] })
  expect(mended(run).history[1]?.rolled_back?.because).toBe('verify passed in round 1 and fails now')
  expect(world.log).not.toContain('fix')
  expect(await world.emitted(run.id, 'rolled_back')).toHaveLength(1)
  expect(world.memory.show('/project', `loopwright/${run.id}`, 'app.js')).toBe('95\n')
})

test('work that worsens the metric is rolled back; within the tolerance it is noise', async () => {
  const improve = versions('30\n', '39\n', '95\n')
  const world = repairWorld({
    command: (name, disk) =>
      name === 'improve' ? improve(disk) : name === 'baseline' ? `${Number(app(disk)) || 40}` : 0,
  })
  const run = await world.mend({ stages: all, baseline: { ...speed, tolerance: '5%' } })
  expect(mended(run)).toMatchObject({ completed: true, trajectory: [40, 30, 40, 39, 95] })
  expect(mended(run).history.map((item) => item.rolled_back?.because ?? '')).toEqual([
    '',
    'speed fell from 40 to 30',
    '',
    '',
    '',
  ])
})

test('a metric cannot creep down by steps that are noise each', async () => {
  const improve = versions('98\n', '96\n', '94\n', '92\n')
  const world = repairWorld({
    command: (name, disk) =>
      name === 'improve' ? improve(disk) : name === 'baseline' ? `${Number(app(disk)) || 100}` : 0,
  })
  const limits = { consecutiveFailures: 10 }
  const run = await world.mend({ stages: all, baseline: { ...speed, value: 200, tolerance: 5 }, rounds: 5, limits })
  expect(mended(run).trajectory).toEqual([100, 98, 96, 94, 96])
})

test('a slower fix of what did not work stays: a figure of something broken is no mark', async () => {
  const fix = versions('50\n')
  const improve = versions('95\n')
  const world = repairWorld({
    command: (name, disk, times) => {
      if (name === 'fix') return times === 2 ? fix(disk) : 0
      if (name === 'improve') return improve(disk)
      if (name === 'play') return app(disk) === 'start' ? 1 : 0
      return name === 'baseline' ? `${Number(app(disk)) || 1000}` : 0
    },
  })
  const run = await world.mend({ stages: all, baseline: speed })
  expect(mended(run)).toMatchObject({ completed: true, trajectory: [1000, 50, 50, 95] })
  expect(mended(run).history.every((item) => item.rolled_back === null)).toBe(true)
})

test('a verify that fails on files that did not change is not undone', async () => {
  const world = repairWorld({
    command: (name, _disk, times) =>
      name === 'verify' ? (times === 2 ? 1 : 0) : name === 'baseline' ? (times > 1 ? '95' : '40') : 0,
  })
  const run = await world.mend({ stages: all, baseline: speed })
  expect(await world.emitted(run.id, 'rolled_back')).toEqual([])
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3 })
  expect(world.log.filter((name) => name === 'fix')).toHaveLength(1)
})

test('in place nothing is rolled back, and people are told so once', async () => {
  const improve = versions('broken\n')
  const world = repairWorld({
    isolated: false,
    command: (name, disk) => {
      if (name === 'improve') return improve(disk)
      if (name === 'verify') return app(disk) === 'broken' ? 1 : 0
      return name === 'baseline' ? '40' : 0
    },
  })
  const run = await world.mend({ stages: all, baseline: speed, rounds: 4, isolation: 'inplace' })
  const warned = (await world.emitted(run.id, 'warned')).map(({ text }) => text)
  expect(warned).toEqual(['verify passed in round 1 and fails now; working in place, nothing is rolled back'])
  expect(world.log.filter((name) => name === 'fix')).toHaveLength(2)
  expect(await world.emitted(run.id, 'rolled_back')).toEqual([])
})

// ── what may change ──────────────────────────────────────────────────────────

test('work that changes what it must not is undone, and the agent is told', async () => {
  const world = repairWorld({
    command: (name, disk) => (name === 'play' && app(disk) !== 'good' ? 1 : 0),
    agent: (request, disk) => {
      disk.write(
        request.prompt.includes('round 1') ? { 'app.js': 'good\n' } : { 'app.js': 'good\n', 'lock.json': 'x\n' },
      )
      return 'done'
    },
  })
  const stages = { ...all, fix: { agent: 'mend' } }
  const run = await world.mend({ stages, changes: { deny: '*.json', maxFiles: 3 } })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3 })
  expect(mended(run).history[0]?.reasons).toContain('fix: changed what must not change: lock.json')
  expect(world.requests[0]?.prompt).toContain('do not change: *.json; change at most 3 files in all')
  expect(world.requests[1]?.prompt).toContain('fix (changed what must not change: lock.json)')
  expect(world.memory.show('/project', `loopwright/${run.id}`, 'lock.json')).toBeUndefined()
})

test('in place a change that must not be keeps the loop from completing', async () => {
  const world = repairWorld({
    isolated: false,
    command: (name, disk, times) => {
      if (name === 'fix') disk.write({ 'lock.json': 'x\n' })
      return name === 'play' && times === 1 ? 1 : 0
    },
  })
  const run = await world.mend({ stages: all, changes: { deny: '*.json' }, rounds: 2, isolation: 'inplace' })
  expect(mended(run)).toMatchObject({ completed: false })
  expect(mended(run).history[1]?.reasons).toEqual(['changed what must not change: lock.json'])
})

test('a change of too many lines is undone', async () => {
  const world = repairWorld({
    command: (name, disk, times) => {
      if (name === 'fix') disk.write({ 'app.js': times === 1 ? 'x\n'.repeat(50) : 'good\n' })
      return name === 'play' && app(disk) !== 'good' ? 1 : 0
    },
  })
  const run = await world.mend({ stages: all, changes: { maxLines: 10 } })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3 })
  expect(mended(run).history[0]?.reasons.at(-1)).toMatch(/^fix: changed \d+ lines, at most 10 may change$/)
})

// ── agents, browsers, knowledge ──────────────────────────────────────────────

test('an agent fixes with the mission, what failed, and what was learnt', async () => {
  const world = repairWorld({
    knowledge: 'the port is 8080',
    command: (name, disk) =>
      name === 'verify' && app(disk) !== 'good' ? { exitCode: 1, stdout: 'boom at line 3' } : 0,
    agent: (_request, disk) => {
      if (world.requests.length === 2) disk.write({ 'app.js': 'good\n' })
      return 'I looked.\n**LESSON:** the cause is in app.js'
    },
  })
  const run = await world.mend({ stages: { ...all, fix: { agent: 'mend with care' } } })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 3 })
  const [first, second] = world.requests
  expect(first?.role).toBe('fixer')
  for (const text of [
    'keep it healthy',
    'mend with care',
    'Failed: verify: exit 1',
    'boom at line 3',
    'the port is 8080',
    '- play',
    '- verify',
  ])
    expect(first?.prompt).toContain(text)
  expect(second?.prompt).toContain(
    '- round 2: failed: verify: exit 1. tried: fix, nothing changed. the cause is in app.js',
  )
  const lessons = (await world.emitted(run.id, 'lesson')).map(({ text }) => text)
  expect(lessons).toEqual([
    'round 1: failed: verify: exit 1',
    'round 2: failed: verify: exit 1. tried: fix, nothing changed. the cause is in app.js',
    'round 3: nothing failed. tried: fix, changed app.js. verify passes since. the cause is in app.js',
  ])
})

test('without knowledge nothing is learnt', async () => {
  const world = repairWorld({ knowledge: 'secret', command: (name) => (name === 'play' ? 1 : 0) })
  const run = await world.mend({ stages: { ...all, fix: { agent: '' } }, knowledge: false, rounds: 3 })
  expect(world.requests.some(({ prompt }) => prompt.includes('taught'))).toBe(false)
  expect(await world.emitted(run.id, 'lesson')).toEqual([])
})

test('what an agent learns stays bounded', async () => {
  const world = repairWorld({
    knowledge: 'k'.repeat(100_000),
    command: (name) => (name === 'play' ? { exitCode: 1, stdout: 'y'.repeat(100_000) } : 0),
    agent: () => `LESSON: ${'z'.repeat(100_000)}`,
  })
  const limits = { consecutiveFailures: 100 }
  await world.mend({ stages: { ...all, fix: { agent: '' } }, rounds: 40, limits })
  expect(Math.max(...world.requests.map(({ prompt }) => prompt.length))).toBeLessThan(25_000)
})

test.each<[string, string, boolean]>([
  ['passes', 'All fine.\nVERDICT: PASS', true],
  ['fails', 'VERDICT: FAIL the page is empty', false],
  ['says both, the last counts', 'VERDICT: PASS\nno:\n**VERDICT: FAIL** broken', false],
  ['says nothing of the kind', 'looks good to me', false],
])('an agent that verifies and %s', async (_name, text, ok) => {
  const world = repairWorld({ agent: () => text })
  const run = await world.mend({ stages: { verify: { agent: 'look' } }, rounds: 1 })
  expect(mended(run).completed).toBe(ok)
  expect(world.requests[0]?.role).toBe('verifier')
})

test('an agent that stalls is a failed stage, and its failure is known', async () => {
  const world = repairWorld({
    command: (name) => (name === 'play' ? 1 : 0),
    agent: () => ({ outcome: 'stalled', message: 'no output for 5m' }),
  })
  const run = await world.mend({ stages: { ...all, fix: { agent: '' } }, rounds: 1 })
  expect(mended(run).history[0]?.stages[2]).toMatchObject({
    stage: 'fix',
    ok: false,
    failure: 'stalled',
    error: 'no output for 5m',
  })
})

test('a page is played in a browser; what it finds fails the play', async () => {
  const fix = versions('good\n')
  const world = repairWorld({
    command: (name, disk) => (name === 'fix' ? fix(disk) : 0),
    browser: (times) =>
      times > 1
        ? {}
        : {
            ok: false,
            findings: [{ kind: 'console_error', text: 'x is undefined', step: 1, fatal: true }],
            screenshots: [{ name: 'end', path: '/runs/end.png', step: 1 }],
          },
  })
  const play = { browser: { url: 'http://127.0.0.1:1', steps: [] } }
  const run = await world.mend({ stages: { ...all, play } })
  expect(mended(run)).toMatchObject({ completed: true, iterations: 2 })
  expect(mended(run).history[0]?.stages[0]).toMatchObject({
    stage: 'play',
    ok: false,
    error: 'console_error: x is undefined',
    screenshots: ['/runs/end.png'],
  })
})

test('a play gets its variables as commands do, and its server their environment', async () => {
  const world = repairWorld()
  const play = {
    browser: {
      url: 'http://127.0.0.1:80{round}/{project_root}',
      serve: { shell: 'cd {project_root} && serve {workspace} {round}', env: { AT: '{workspace}' } },
      steps: [{ open: 'file://{workspace}/a.html' }, { type: { selector: '#a', text: '{round}' } }],
    },
  }
  await world.mend({ stages: { ...all, play }, folder: '/loop folder', rounds: 1 })
  const { cwd, env } = world.plays[0]?.options ?? { cwd: '', env: {} }
  expect(cwd).not.toBe('')
  expect(world.plays[0]?.play).toEqual({
    url: `http://127.0.0.1:801/${cwd}`,
    serve: { shell: `cd ${cwd} && serve '/loop folder' 1`, env: { AT: '/loop folder' } },
    steps: [{ open: 'file:///loop%20folder/a.html' }, { type: { selector: '#a', text: '{round}' } }],
  })
  expect(env).toMatchObject({
    LOOPWRIGHT_STAGE: 'play',
    LOOPWRIGHT_ROUND: '1',
    OPENLOOP_WORKSPACE: '/loop folder',
    OPENLOOP_PROJECT_ROOT: cwd,
  })
})

// ── commands ─────────────────────────────────────────────────────────────────

test('commands get their variables, their environment, their limits and a log of their own', async () => {
  const world = repairWorld({ command: (name) => (name === 'play' ? { exitCode: 1, stdout: 'a b' } : 0) })
  const stages = {
    ...all,
    fix: { shell: 'mend {workspace} {project_root} {round} {last_error}' },
    scan: { run: 'scan {round}', timeout: '5s' },
  }
  await world.mend({ stages, folder: '/loop', rounds: 1, limits: { commandTimeout: '2m', stall: '30s' } })
  const of = (stage: string) => world.commands.find(({ options }) => options.env?.LOOPWRIGHT_STAGE === stage)
  const cwd = of('fix')?.options.cwd ?? ''
  expect(of('fix')?.command.shell).toBe(`mend /loop ${cwd} 1 'play: exit 1\na b'`)
  expect(of('scan')?.command).toMatchObject({ argv: ['scan', '1'], timeoutMs: 5_000 })
  expect(of('fix')?.options).toMatchObject({
    outputPath: '/runs/round1_fix.out',
    timeoutMs: 120_000,
    stallMs: 30_000,
    env: {
      LOOPWRIGHT_STAGE: 'fix',
      LOOPWRIGHT_ROUND: '1',
      LOOPWRIGHT_LAST_ERROR: 'play: exit 1\na b',
      OPENLOOP_WORKSPACE: '/loop',
      OPENLOOP_PROJECT_ROOT: cwd,
      OPENLOOP_ROUND: '1',
      OPENLOOP_STEP: 'fix',
    },
  })
})

test('an observer hears of a command before, while and after it runs', async () => {
  const world = repairWorld()
  await world.mend()
  expect(world.facts.map(({ state, name, iteration, command }) => [state, name, iteration, command])).toEqual([
    ['starting', 'verify', 1, 'verify'],
    ['running', 'verify', 1, 'verify'],
    ['ended', 'verify', 1, 'verify'],
  ])
  expect(world.facts[1]).toMatchObject({ progress: { pid: 7 }, outputPath: '/runs/round1_verify.out' })
  expect(world.facts[2]).toMatchObject({ result: { exitCode: 0 } })
})

test('stages and rounds are told of as they happen', async () => {
  const world = repairWorld()
  const run = await world.mend({ stages: { play: 'play', verify: 'verify' } })
  expect((await world.emitted(run.id, 'stage_started')).map(({ stage }) => stage)).toEqual(['play', 'verify'])
  expect((await world.emitted(run.id, 'stage_finished'))[1]).toEqual({
    stage: 'verify',
    ok: true,
    failure: null,
    exit_code: 0,
    duration: 1,
    log: '/runs/round1_verify.out',
    error: null,
  })
  expect(await world.emitted(run.id, 'round_finished')).toMatchObject([
    {
      item: {
        iteration: 1,
        verdict: 'complete',
        results: [{ id: 'play' }, { id: 'verify' }],
        verification: [{ name: 'verify', ok: true }],
      },
    },
  ])
})

// ── stops ────────────────────────────────────────────────────────────────────

test.each(['play', 'fix', 'verify', 'baseline'])(
  'a stop during %s ends the round without judging the work',
  async (stage) => {
    const improve = versions('50\n')
    let id = ''
    const world = repairWorld({
      command: (name, disk, times) => {
        if (name === stage && times === (stage === 'fix' ? 1 : 2)) {
          void world.runs.stop(id, 'enough')
          return { exitCode: null, error: 'cancelled' }
        }
        if (name === 'improve') return improve(disk)
        if (name === 'play') return stage === 'fix' && times === 1 ? 1 : 0
        return name === 'baseline' ? `${Number(app(disk)) || 40}` : 0
      },
    })
    const run = await world.begin({ stages: all, baseline: speed })
    id = run.id
    const done = await world.drive(id)
    expect(done).toMatchObject({ status: 'stopped' })
    expect(await world.emitted(id, 'rolled_back')).toEqual([])
    const last = mended(done).history.at(-1)
    expect(last).toMatchObject({
      verdict: 'next',
      reasons: ['the round was cut short'],
      consecutive_failures: 0,
      lesson: null,
    })
    await world.runs.reopen(id, { iterations: 20 })
    const calls = world.log.length
    expect(['done', 'stopped']).toContain((await world.drive(id)).status)
    expect(world.log.length).toBeGreaterThan(calls)
  },
)

test('the result a client sees tells of a blocked run', async () => {
  const world = repairWorld({ command: () => 1 })
  const run = await world.mend({ limits: { consecutiveFailures: 0 } })
  const result = runResult(fold(emptyView(run), await world.journal(run.id)), run)
  expect(result).toMatchObject({
    status: 'done',
    completed: false,
    stop_reason: 'blocked',
    iterations: 1,
    history: [{ iteration: 1, verdict: 'blocked', verification: [{ name: 'verify', ok: false, exit_code: 1 }] }],
    blocked: { reason: 'the round failed: verify: exit 1' },
  })
})

test('a view shows the mission, the stage under way, and the rounds', async () => {
  const world = repairWorld()
  const run = await world.mend()
  const view = fold(emptyView(run), await world.journal(run.id))
  expect(view).toMatchObject({ goal: 'keep it healthy', phase: 'verify', kind: 'repair' })
  expect(view.history).toMatchObject([{ iteration: 1, subgoalsOk: 1, subgoalsTotal: 1, checksOk: 1, checksTotal: 1 }])
})
