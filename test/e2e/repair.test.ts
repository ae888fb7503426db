import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readProcess } from '../../src/process/table.ts'
import { main } from '../../src/surfaces/cli/main.ts'
import { loopWorld } from '../fixtures/loops.ts'
import { git, hashes, write } from '../fixtures/repo.ts'
import { root } from './docs-blocks.ts'
import { fakeIo } from './fake-io.ts'

/** What the files of the project, its index and its references are; the run's own branch and folder left out. */
function asItWas(project: string) {
  const own = /^\.git\/|^\.loopwright\//
  return {
    files: [...hashes(project)].filter(([path]) => !own.test(path)).sort(),
    status: git(project, '--no-optional-locks', 'status', '--porcelain'),
    head: git(project, 'rev-parse', 'HEAD'),
  }
}

test.concurrent('a bug and a slow function are repaired in three rounds, on a branch that merges', async () => {
  using world = loopWorld({ 'a.txt': 'a\n' })
  const { project, folder } = world
  cpSync(join(root, 'examples', 'demo_project'), project, { recursive: true })
  write(project, { 'notes.txt': 'one\n', 'staged.txt': 'one\n' })
  git(project, 'add', '-A')
  git(project, 'commit', '-qm', 'demo')
  write(project, { 'notes.txt': 'mine, not committed\n', 'staged.txt': 'mine, staged\n', 'new.txt': 'mine, new\n' })
  git(project, 'add', 'staged.txt')
  cpSync(join(root, 'examples', 'repair', 'agent.yaml'), join(folder, 'agent.yaml'))
  const text = readFileSync(join(root, 'examples', 'repair', 'loop.yaml'), 'utf8')
  write(folder, {
    'loop.yaml': text
      .replace('project: ..', `project: ${project}`)
      .replace(/agent: scripted:\S+/, `agent: scripted:${folder}/agent.yaml`),
  })
  const before = asItWas(project)

  const { code, result, err } = await world.run()
  expect(code, err).toBe(0)
  expect(result).toMatchObject({
    status: 'done',
    completed: true,
    iterations: 3,
    stop_reason: 'healthy',
    spend: { agent_calls: 2 },
    workspace: { changed_files: ['src/cart.js', 'src/catalog.js'], branch: `loopwright/${result.run_id}` },
  })
  const [first, , last] = result.trajectory
  expect(first).toBeLessThan(0.1)
  expect(last).toBeGreaterThan(0.9)
  expect(result.history[0]).toMatchObject({
    iteration: 1,
    verdict: 'next',
    results: [
      { id: 'play', ok: false, error: 'exit 1' },
      { id: 'scan', ok: true, error: null },
      { id: 'fix', ok: true },
      { id: 'verify', ok: true },
      { id: 'baseline', ok: true },
    ],
    verification: [{ name: 'verify', ok: true, exit_code: 0 }],
    metric: { name: 'score', ok: false, wanted: '>= 0.9' },
    changed_files: ['src/cart.js'],
    rolled_back: null,
    consecutive_failures: 1,
  })
  expect(result.history[2]).toMatchObject({ verdict: 'complete', reasons: [], consecutive_failures: 0 })
  for (const { stages } of result.history) {
    for (const { log } of stages) expect(existsSync(log), log).toBe(true)
  }
  expect(asItWas(project)).toEqual(before)

  git(project, 'stash', '-q', '-u')
  expect(await world.type('merge', result.run_id)).toMatchObject({ code: 0 })
  expect(git(project, 'show', 'HEAD:src/cart.js')).toContain('item.quantity')
})

const broken = { 'app.sh': 'echo 1\n', 'test.sh': '[ "$(sh app.sh)" = 3 ]\n' }
const edits = (...texts: string[]) =>
  `replies:\n${texts.map((text, at) => `  - { role: '*', iteration: ${at + 1}, edits: [{ write: app.sh, content: "${text}\\n" }], text: "tried\\nLESSON: round ${at + 1} wrote ${text}" }\n`).join('')}`

test.concurrent('a loop that never gets healthy ends blocked: exit code 1, why, and what to do', async () => {
  using world = loopWorld(broken)
  world.loop(
    `mission: "print 3"
stages: { play: "sh test.sh", fix: { agent: "" }, verify: "sh test.sh" }
agent: scripted:${world.folder}/agent.yaml
limits: { consecutiveFailures: 1 }
`,
    { 'agent.yaml': edits('echo 2') },
  )
  const ran = await world.type('run', world.folder)
  expect(ran.code, ran.err).toBe(1)
  expect(ran.out).toMatch(/blocked: 2 rounds in a row failed: play: exit 1; verify: exit 1/)
  const status = await world.status()
  const log = join(world.folder, 'logs', status.heartbeat?.run_id ?? '', 'round2_verify.log')
  expect(status).toMatchObject({
    status: 'blocked',
    heartbeat: {
      round: 2,
      pid: null,
      consecutive_failures: 2,
      verify: { ok: false, round: 2, error: 'exit 1' },
      last_error: expect.stringContaining('2 rounds in a row failed'),
      blocked: {
        reason: '2 rounds in a row failed: play: exit 1; verify: exit 1',
        what_to_do: expect.stringContaining(`look at ${log}`),
      },
    },
  })
  const shown = (await world.type('status', world.folder)).out
  expect(shown).toMatch(/^status +blocked/m)
  expect(shown).toMatch(/^what to do +look at .*then start the loop again$/m)
  expect(world.read('progress.md')).toContain('blocked: 2 rounds in a row failed')
  expect(world.round(2)).toMatchObject({ verdict: 'blocked', consecutive_failures: 2 })

  // Started again by a person it is a run of its own, which knows what the first one learnt.
  world.loop(
    `mission: "print 3"
stages: { play: "sh test.sh", fix: "printf %s \\"$LOOPWRIGHT_LAST_ERROR\\" >why.txt && echo 'echo 3' >app.sh", verify: "sh test.sh" }
limits: { consecutiveFailures: 1 }
`
      .replace('fix: "', 'fix: { shell: "')
      .replace('>app.sh"', '>app.sh" }'),
  )
  const again = await world.run()
  expect(again.result, again.err).toMatchObject({ completed: true, iterations: 2 })
  expect((await world.status()).heartbeat).toMatchObject({ status: 'complete', blocked: null })
  expect(git(world.project, 'show', `loopwright/${again.result.run_id}:why.txt`)).toBe('play: exit 1')
  expect(world.read('progress.md').match(/^## .* run /gm)).toHaveLength(2)
  const earlier = join(world.folder, 'artifacts', status.heartbeat?.run_id ?? '')
  expect(existsSync(join(earlier, 'round-2.json'))).toBe(true)
  expect(world.round(2).run_id).toBe(again.result.run_id)
})

test.concurrent('an openloop.json workspace runs as it is: variables, environment, a log for each command', async () => {
  using world = loopWorld({ 'app.sh': 'echo 1\n' })
  const { project, folder } = world
  const say = 'printf "%s|" {workspace} {project_root} {round} "{last_error}"; env | grep ^OPENLOOP_ | sort;'
  // From where nobody typed anything: the variables are absolute all the same.
  const made = await world.type('init', '--kind', 'repair', '../loop', '--project-root', '.', '--mission', 'print 3')
  expect(made.code, made.err).toBe(0)
  for (const name of ['mission.md', 'loop_contract.md', 'eval_criteria.md', 'knowledge', 'output', 'logs', 'artifacts'])
    expect(existsSync(join(folder, name)), name).toBe(true)
  expect(world.read('mission.md')).toContain('print 3')
  write(folder, {
    'openloop.json': JSON.stringify({
      version: 1,
      mission: 'print 3',
      total_rounds: 5,
      project_root: '../project',
      commands: {
        play: `${say} [ "$(sh app.sh)" != 1 ] || { echo "the app says 1"; exit 7; }`,
        scan: `${say} true`,
        fix: `${say} echo 'echo 2' >app.sh`,
        verify: `${say} [ "$(sh app.sh)" -ge 2 ]`,
        improve: `${say} echo 'echo 3' >app.sh; echo made >{workspace}/output/made.txt`,
      },
      baseline: {
        enabled: true,
        command: `${say} echo "score=$(sh app.sh)"`,
        metric_name: 'score',
        regex: 'score=([0-9.]+)',
        value: 3,
        direction: 'greater_equal',
      },
      limits: { command_timeout_seconds: 30, stall_timeout_seconds: 20, max_consecutive_failures: 3 },
    }),
  })
  const looked = await world.type('doctor', folder)
  expect(looked).toMatchObject({ code: 0, out: expect.stringContaining('openloop.json, valid') })
  const once = await world.type('run', folder, '--max-rounds', '1')
  expect(once.code, once.err).toBe(1)
  const { heartbeat } = await world.status()
  expect(heartbeat).toMatchObject({ status: 'stopped', round: 1, total_rounds: 1, baseline: { value: 2, target: 3 } })
  const run = heartbeat?.run_id ?? ''
  const names = ['baseline', 'fix', 'play', 'scan', 'verify']
  expect(world.logs(run)).toEqual(names.map((name) => `round1_${name}.log`))
  const told = (log: string, name: string, round: number, error: string) => {
    const [first, ...rest] = world.read(`logs/${log}/round${round}_${name}.log`).split('\n')
    expect(first, name).toBe(`${folder}|${project}|${round}|${error}|OPENLOOP_PROJECT_ROOT=${project}`)
    expect(rest.slice(0, 3), name).toEqual([
      `OPENLOOP_ROUND=${round}`,
      `OPENLOOP_STEP=${name}`,
      `OPENLOOP_WORKSPACE=${folder}`,
    ])
  }
  told(run, 'play', 1, '')
  expect(world.read(`logs/${run}/round1_fix.log`)).toContain(`${project}|1|play: exit 7\n`)
  expect(world.read(`logs/${run}/round1_fix.log`)).toContain('the app says 1|OPENLOOP_PROJECT_ROOT')
  // In place, as its words mean it: what is mended stays, and what the loop writes is no change of the project.
  expect(world.round(1)).toMatchObject({ changed_files: ['app.sh'] })
  expect(readFileSync(join(project, 'app.sh'), 'utf8')).toBe('echo 2\n')

  const { result } = await world.run()
  expect(result).toMatchObject({ completed: true, iterations: 2, trajectory: [2, 3] })
  expect(world.logs(result.run_id)).toContain('round1_improve.log')
  told(result.run_id, 'improve', 1, 'score 2, wanted >= 3')
  told(result.run_id, 'verify', 2, 'score 2, wanted >= 3')
  expect(world.read('output/made.txt')).toBe('made\n')
  const shown = (await world.type('status', folder)).out
  expect(shown).toMatch(/^status +complete, round 2 of 5/m)
  expect(shown).toMatch(/^loop file +openloop.json, valid$/m)
})

test.concurrent('a workspace inside the project it works on: what the loop writes is no change of the project', async () => {
  using world = loopWorld(broken)
  const inside = join(world.project, 'ws')
  const config = {
    version: 1,
    project_root: '..',
    total_rounds: 3,
    commands: { play: 'sh test.sh', fix: "echo 'echo 3' >app.sh", verify: 'sh test.sh' },
  }
  write(inside, { 'openloop.json': JSON.stringify(config) })
  expect(await world.type('trust', '--yes', 'ws/openloop.json')).toMatchObject({ code: 0 })
  const ran = await world.type('run', 'ws', '--json', '--quiet')
  const result = JSON.parse(ran.out)
  expect(result, ran.err).toMatchObject({ completed: true, workspace: { changed_files: ['app.sh'], branch: null } })
  for (const { changed_files } of result.history) expect(changed_files).toEqual(['app.sh'])
  expect(readFileSync(join(inside, 'knowledge', 'lessons.md'), 'utf8')).toMatch(/tried: fix, changed app\.sh\. /)
  expect((await world.type('diff', result.run_id)).out).not.toContain('ws/')
})

test.concurrent('the heartbeat tells what runs before, while and after it does, and the folder is held', async () => {
  using world = loopWorld({ 'a.txt': '' })
  const { at, folder } = world
  const wait = `echo a line; while [ ! -e ${at}/go-$LOOPWRIGHT_ROUND ]; do sleep 0.02; done`
  world.loop(
    `mission: wait\nrounds: 2\nstages: { play: { shell: '${wait}' }, verify: { shell: 'test "$LOOPWRIGHT_ROUND" = 2' } }\n`,
  )
  const running = world.start('run', folder, '--quiet')
  const first = await world.beats('play runs', ({ pid }) => pid !== null)
  expect(first).toMatchObject({
    status: 'running',
    round: 1,
    total_rounds: 2,
    step: 'play',
    command: wait,
    log_path: join(folder, 'logs', first.run_id, 'round1_play.log'),
    eta_seconds: null,
    normal: true,
    verify: null,
    driver: { pid: running.pid },
  })
  expect(readProcess(first.pid ?? 0)).toMatchObject({ zombie: false })
  expect(await world.status()).toMatchObject({ status: 'running', alive: true })
  const now = (await world.type('status', folder)).out
  expect(now).toMatch(new RegExp(`^now +play, pid ${first.pid}, for `, 'm'))

  const other = join(at, 'another-name')
  symlinkSync(folder, other)
  const held = { code: 2, err: expect.stringMatching(new RegExp(`is held by run ${first.run_id}`)) }
  expect(await world.type('run', folder)).toMatchObject(held)
  expect(await world.type('run', other)).toMatchObject(held)
  expect((await world.beats('it is still the first', () => true)).run_id).toBe(first.run_id)

  // Every second, without any news.
  const times = (beat: { elapsed_seconds: number | null }) => beat.elapsed_seconds ?? 0
  const second = await world.beats('a second beat', (beat) => times(beat) > times(first))
  const third = await world.beats('a third beat', (beat) => times(beat) > times(second))
  expect(third).toMatchObject({ pid: first.pid, step: 'play', started_at: first.started_at })
  expect(Date.parse(third.updated_at) - Date.parse(second.updated_at)).toBeLessThan(5_000)
  expect(third.speed).toBeGreaterThanOrEqual(0)

  write(at, { 'go-1': '' })
  const later = await world.beats(
    'play runs again',
    ({ pid, consecutive_failures: failed }) => pid !== null && failed === 1,
  )
  expect(later).toMatchObject({
    step: 'play',
    round: 2,
    verify: { ok: false, round: 1, error: 'exit 1' },
    last_error: 'verify: exit 1',
    consecutive_failures: 1,
    last: { step: 'verify', ok: false, exit_code: 1 },
  })
  expect(later.eta_seconds).not.toBeNull()
  write(at, { 'go-2': '' })
  expect(await running.ended).toMatchObject({ code: 0 })
  expect(world.beat()).toMatchObject({
    status: 'complete',
    round: 2,
    step: 'verify',
    pid: null,
    command: null,
    elapsed_seconds: null,
    verify: { ok: true, round: 2 },
    last_error: null,
    consecutive_failures: 0,
  })
})

test.concurrent('what breaks verify or worsens the metric is rolled back, and the branch keeps the try', async () => {
  using world = loopWorld({ 'app.sh': 'echo 5\n', 'test.sh': '[ "$(sh app.sh)" -ge 1 ]\n' })
  world.loop(
    `mission: "print 9"
rounds: 8
limits: { consecutiveFailures: 6 }
stages: { verify: "sh test.sh", improve: { agent: "" } }
baseline: { command: "sh app.sh", metric: score, value: 9 }
agent: scripted:${world.folder}/agent.yaml
`,
    { 'agent.yaml': edits('echo 3', 'unused', 'exit 4', 'unused', 'echo 9') },
  )
  const { result, err } = await world.run()
  expect(result, err).toMatchObject({ completed: true })
  const backs = result.history.map((item: { rolled_back: { because: string } | null }) => item.rolled_back?.because)
  // Each round sees what the one before left behind.
  const verify = 'verify passed in round 3 and fails now'
  expect(backs).toEqual([undefined, 'score fell from 5 to 3', undefined, verify, undefined, undefined])
  expect(result.trajectory).toEqual([5, 3, 5, null, 5, 9])
  expect(world.round(4)).toMatchObject({
    verdict: 'next',
    reasons: ['verify: exit 2'],
    rolled_back: { because: verify },
  })
  expect(world.read('progress.md')).toContain('rolled back: score fell from 5 to 3')
  const log = git(world.project, 'log', '--format=%s', `loopwright/${result.run_id}`).trim().split('\n')
  expect(log.filter((line) => line === 'loopwright: rolled back')).toHaveLength(2)
  const tries = git(world.project, 'log', '--format=%H', `loopwright/${result.run_id}`, '--', 'app.sh').trim()
  const said = tries.split('\n').map((commit) => git(world.project, 'show', `${commit}:app.sh`).trim())
  expect(said).toEqual(expect.arrayContaining(['echo 3', 'exit 4']))
  expect(said[0]).toBe('echo 9')
})

test.concurrent('a stage that changes what it must not is undone, and says so to the next', async () => {
  using world = loopWorld({ ...broken, 'big.txt': 'one\n' })
  world.loop(
    `mission: "print 3"
stages: { play: "sh test.sh", fix: { agent: "" }, verify: "sh test.sh" }
changes: { deny: [test.sh], maxLines: 3 }
agent: scripted:${world.folder}/agent.yaml
`,
    {
      'agent.yaml': `replies:
  - { role: fixer, iteration: 1, edits: [{ write: test.sh, content: "exit 0\\n" }], text: weakened }
  - { role: fixer, iteration: 2, edits: [{ write: big.txt, content: "a\\nb\\nc\\nd\\n" }], text: much }
  - { role: fixer, iteration: 3, edits: [{ write: app.sh, content: "echo 3\\n" }], text: mended }
`,
    },
  )
  const { result, err } = await world.run()
  expect(result, err).toMatchObject({ completed: true, iterations: 4 })
  const errors = result.history.map(
    ({ results }: { results: { id: string; error: string | null }[] }) => results.find(({ id }) => id === 'fix')?.error,
  )
  expect(errors).toEqual([expect.stringContaining('test.sh'), expect.stringMatching(/lines/), null, undefined])
  expect(result.workspace.changed_files).toEqual(['app.sh'])
  expect(git(world.project, 'show', `loopwright/${result.run_id}:test.sh`)).toBe(broken['test.sh'])
  expect(world.read('knowledge/lessons.md')).toMatch(/tried: fix \(.*test\.sh/)
})

test.concurrent('any program mends: as an agent by its name, which is told all, and as a plain command', async () => {
  using world = loopWorld(broken)
  const { at, home } = world
  write(home, {
    '.config/loopwright/config.yaml': `agents:\n  hand: { command: 'sh ${at}/hand.sh {prompt}' }\n`,
    '../hand.sh': `printf '%s' "$1" >${at}/prompt-$LOOPWRIGHT_ITERATION\necho 'echo 3' >app.sh\necho 'LESSON: three it is'\n`,
  })
  const loop = (fix: string) =>
    world.loop(`mission: "print three"
stages:
  play: { shell: "echo the app is wrong; sh test.sh" }
  fix: ${fix}
  verify: "sh test.sh"
`)
  loop('{ agent: "mind the gap", using: hand }')
  write(world.folder, { 'knowledge/note.md': 'the app is a shell script\n' })
  const byAgent = await world.run()
  expect(byAgent.result, byAgent.err).toMatchObject({ completed: true, iterations: 2, spend: { agent_calls: 1 } })
  const prompt = readFileSync(join(at, 'prompt-1'), 'utf8')
  for (const part of ['print three', 'mind the gap', 'the app is wrong', 'the app is a shell script', 'sh test.sh'])
    expect(prompt).toContain(part)
  expect(world.read(`logs/${byAgent.result.run_id}/round1_fix.log`)).toContain('LESSON: three it is')
  expect(world.read('knowledge/lessons.md')).toContain('three it is')

  loop('{ run: ["sh", "{workspace}/mend.sh", "{last_error}", "{round}"] }')
  write(world.folder, { 'mend.sh': `printf '%s|%s' "$1" "$2" >${at}/words\necho 'echo 3' >app.sh\n` })
  const byCommand = await world.run()
  expect(byCommand.result, byCommand.err).toMatchObject({ completed: true, spend: { agent_calls: 0 } })
  expect(readFileSync(join(at, 'words'), 'utf8')).toBe('play: exit 1\nthe app is wrong|1')
})

describe('several loops', () => {
  /** Three loops on one project; a play notes when it begins and ends, and waits until two have begun. */
  function three(stages: string, more = '') {
    const world = loopWorld(broken)
    const folders = ['one', 'two', 'three'].map((name) => join(world.at, name))
    for (const folder of folders)
      world.loop(`mission: "print 3"\n${stages.replaceAll('AT', world.at)}\n${more}`, {}, folder)
    return { ...world, folders }
  }

  test.concurrent('run at once, two at a time, each in its own worktree', async () => {
    using world = three(
      `stages:
  play: { shell: 'echo + >>AT/seen; until [ "$(grep -c + AT/seen)" -ge 2 ]; do sleep 0.02; done; echo - >>AT/seen; sh test.sh' }
  fix: { shell: 'basename {workspace} >who.txt; echo "echo 3" >app.sh' }
  verify: "sh test.sh"`,
    )
    const { folders, project, at } = world
    const ran = await world.type('run', ...folders, '--concurrency', '2', '--json', '--quiet')
    expect(ran.code, ran.err).toBe(0)
    const result = JSON.parse(ran.out)
    expect(result).toMatchObject({ completed: true, stop_reason: 'all_complete', iterations: 6 })
    expect(result.runs).toHaveLength(3)
    for (const [n, { run, name, completed }] of result.runs.entries()) {
      expect({ name, completed }).toEqual({ name: folders[n], completed: true })
      expect(git(project, 'show', `loopwright/${run}:who.txt`)).toBe(`${['one', 'two', 'three'][n]}\n`)
      expect(JSON.parse(readFileSync(join(folders[n] ?? '', 'heartbeat.json'), 'utf8'))).toMatchObject({
        run_id: run,
        status: 'complete',
      })
    }
    // Each loop plays twice: a play that failed is played again in the next round.
    const [marks, together] = [readFileSync(join(at, 'seen'), 'utf8').trim().split('\n'), { now: 0, most: 0 }]
    for (const mark of marks) {
      together.now += mark === '+' ? 1 : -1
      together.most = Math.max(together.most, together.now)
    }
    expect({ plays: marks.length, most: together.most }).toEqual({ plays: 12, most: 2 })
    expect(git(project, 'status', '--porcelain')).toBe('')
  })

  test.concurrent.each([
    ['--max-agent-calls', '4', 'max_agent_calls (4) reached'],
    ['--max-cost', '0.04', 'max_cost ($0.04) reached'],
  ])('stop together at one cap: %s', async (flag, cap, reason) => {
    using world = three(
      'stages: { play: "sh test.sh", fix: { agent: "" }, verify: "sh test.sh" }',
      'limits: { consecutiveFailures: 50 }\nrounds: 20\nagent: scripted:AGENT\n',
    )
    const agent = join(world.at, 'agent.yaml')
    write(world.at, { 'agent.yaml': 'replies: [{ role: "*", text: tried, usage: { costUsd: 0.01 } }]\n' })
    for (const folder of world.folders) {
      const text = readFileSync(join(folder, 'loop.yaml'), 'utf8')
      write(folder, { 'loop.yaml': text.replace('AGENT', agent) })
    }
    const ran = await world.type('run', ...world.folders, '--concurrency', '2', flag, cap, '--json', '--quiet')
    expect(ran.code, ran.err).toBe(1)
    const result = JSON.parse(ran.out)
    expect(result).toMatchObject({ completed: false, stop_reason: '3 of 3 not complete' })
    const reasons = result.runs.map((one: { stop_reason: string }) => one.stop_reason)
    expect(reasons).toEqual([reason, reason, reason])
    const spent = await Promise.all(
      result.runs.map(
        async ({ run }: { run: string }) => JSON.parse((await world.type('result', run, '--json')).out).spend,
      ),
    )
    expect(spent.reduce((sum: number, one: { agent_calls: number }) => sum + one.agent_calls, 0)).toBeLessThanOrEqual(4)
    const beats = world.folders.filter((folder) => existsSync(join(folder, 'heartbeat.json')))
    for (const folder of beats)
      expect(JSON.parse(readFileSync(join(folder, 'heartbeat.json'), 'utf8'))).toMatchObject({
        status: 'stopped',
        pid: null,
      })
    expect(beats.length).toBeGreaterThanOrEqual(2)
  })
})

describe('a play that does not end well has its class in the record, and nothing completes', () => {
  const node = process.execPath
  test.concurrent.each([
    ['timeout', 'while :; do sleep 0.1; echo on; done', /timed out after 1s/],
    ['stalled', 'exec sleep 300', /stalled: it printed nothing and did no work for 1s/],
    ['flood', 'exec yes', /flooded/],
    ['crash', 'kill -SEGV $$', /SIGSEGV/],
    ['oom', `ulimit -v 600000; exec '${node}' -e 'Buffer.alloc(2e9, 1)'`, /ran out of memory/],
  ])('%s', async (failure, shell, error) => {
    using world = loopWorld({ 'a.txt': '' })
    const limits = { timeout: 'commandTimeout: 1', stalled: 'stall: 1' }[failure]
    world.loop(`mission: "it works"
rounds: 1
stages: { play: { shell: ${JSON.stringify(shell)} }, verify: "true" }
${limits === undefined ? '' : `limits: { ${limits} }`}
`)
    const { code, result, err } = await world.run()
    expect(code, err).toBe(1)
    expect(result).toMatchObject({ completed: false })
    const { run_id, verdict, reasons, stages } = world.round(1)
    expect(run_id).toBe(result.run_id)
    expect(verdict).toBe('next')
    expect(reasons).toEqual([expect.stringMatching(error)])
    expect(stages).toMatchObject([
      { stage: 'play', ok: false, failure, error: expect.stringMatching(error) },
      { stage: 'verify', ok: true, failure: null },
    ])
    expect(world.beat()).toMatchObject({ normal: false, status: 'stopped', last_error: expect.stringMatching(error) })
    expect(world.read('progress.md')).toMatch(error)
  })
})

describe('a mistake is told with its place, what is wrong and what to do', () => {
  const good = 'kind: repair\nmission: m\nstages: { verify: "true" }\n'
  const openloop = (more: object) => JSON.stringify({ version: 1, commands: { verify: 'true' }, ...more }, null, 1)

  /** The command line in this process, for speed. */
  async function call(
    world: { readonly project: string; readonly env: Readonly<Record<string, string>> },
    args: string[],
  ) {
    const io = fakeIo({ cwd: world.project, env: world.env })
    const code = await main(args, io)
    return { code, out: io.out(), err: io.err() }
  }

  test.each<[string, string, string, RegExp]>([
    ['a tab', 'loop.yaml', 'kind: repair\n\tmission: m\n', /loop\.yaml:2:\d+: .*tab/i],
    ['a type', 'loop.yaml', `${good}rounds: many\n`, /loop\.yaml:4:9: rounds: /],
    ['a key', 'loop.yaml', `${good}misson: m\n`, /loop\.yaml:4:1: .*misson.*\n.*mission/],
    [
      'a stage',
      'loop.yaml',
      'kind: repair\nmission: m\nstages: { verify: "true", repair: x }\n',
      /loop\.yaml:3:\d+: .*repair/,
    ],
    ['no verify', 'loop.yaml', 'kind: repair\nmission: m\nstages: { play: "true" }\n', /loop\.yaml:3:\d+: .*verify/],
    ['no mission', 'loop.yaml', 'kind: repair\nstages: { verify: "true" }\n', /loop\.yaml:\d+:\d+: .*mission/],
    [
      'a regex',
      'loop.yaml',
      `${good}baseline: { command: x, value: 1, regex: "(" }\n`,
      /loop\.yaml:4:\d+: baseline\.regex: [\s\S]*for example/,
    ],
    ['no value', 'loop.yaml', `${good}baseline: { command: x }\n`, /loop\.yaml:4:\d+: baseline: [\s\S]*add value/],
    ['a time', 'loop.yaml', `${good}limits: { stall: soon }\n`, /loop\.yaml:4:\d+: limits\.stall: .*"soon"/],
    ['another kind', 'loop.yaml', 'kind: repare\nmission: m\n', /loop\.yaml:1:\d+: kind: /],
    [
      'a play without a page',
      'loop.yaml',
      `kind: repair\nmission: m\nstages: { play: { browser: { steps: [] } }, verify: "true" }\n`,
      /loop\.yaml:3:\d+: .*nothing is opened[\s\S]*add url/,
    ],
    ['a type', 'openloop.json', openloop({ total_rounds: '5' }), /openloop\.json:6:\d+: total_rounds: /],
    ['a key', 'openloop.json', openloop({ misson: 'm' }), /openloop\.json:6:\d+: .*misson.*\n.*mission/],
    [
      'a stage',
      'openloop.json',
      openloop({ commands: { verify: 'true', repair: 'x' } }),
      /openloop\.json:5:\d+: .*repair/,
    ],
    ['no verify', 'openloop.json', openloop({ commands: { play: 'true' } }), /openloop\.json:\d+:\d+: .*verify/],
    [
      'a regex',
      'openloop.json',
      openloop({ baseline: { enabled: true, command: 'x', value: 1, regex: '(' } }),
      /openloop\.json:10:\d+: baseline\.regex: [\s\S]*for example/,
    ],
    [
      'no value',
      'openloop.json',
      openloop({ baseline: { enabled: true, command: 'x' } }),
      /openloop\.json:6:\d+: baseline: [\s\S]*add "value"/,
    ],
    ['a comma', 'openloop.json', '{ "version": 1,, }', /openloop\.json:1:\d+: /],
    ['half a file', 'openloop.json', '{ "version": 1, "comm', /openloop\.json:1:\d+: /],
  ])('%s in %s', async (_, name, text, said) => {
    using world = loopWorld({ 'a.txt': '' })
    write(world.folder, { [name]: text })
    const ran = await call(world, ['run', world.folder])
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(ran.err).toMatch(said)
    const looked = await call(world, ['doctor', world.folder])
    expect(looked).toMatchObject({ code: 1, out: expect.stringContaining(`${name}, NOT valid: `) })
    expect(existsSync(join(world.folder, 'heartbeat.json'))).toBe(false)
  })

  test('places that are none', async () => {
    using world = loopWorld({ 'a.txt': '' })
    const { at, folder } = world
    const none = join(at, 'none')
    write(folder, { 'loop.yaml': `${good}project: ${none}\nfolder: .\n` })
    expect(await call(world, ['run', folder])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`no such directory: ${none}`),
    })
    expect(await call(world, ['run', none])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${none}: there is no such file`),
    })
    for (const command of ['doctor', 'status']) {
      const file = join(world.project, 'a.txt')
      for (const place of [none, file])
        expect(await call(world, [command, place])).toMatchObject({
          code: 2,
          err: expect.stringMatching(/no such loop folder[\s\S]*init --kind repair/),
        })
    }
    write(at, { 'empty/readme.txt': '' })
    expect(await call(world, ['run', join(at, 'empty')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no loop in this folder[\s\S]*init --kind repair/),
    })
    for (const name of ['loop.yaml', 'nowhere', 'loop.yaml/below']) {
      write(folder, { 'loop.yaml': `${good}project: ${world.project}\nfolder: ${name}\n` })
      expect(await call(world, ['run', folder])).toMatchObject({
        code: 2,
        err: expect.stringContaining(`${join(folder, name)}: there is no such loop folder`),
      })
    }
    const made = ['init', '--kind', 'repair', join(world.project, 'a.txt')]
    expect(await call(world, made)).toMatchObject({ code: 2, err: expect.stringContaining('a.txt is no directory') })
    expect(await call(world, ['init', '--kind', 'repair', join(at, 'new'), '--project-root', none])).toMatchObject({
      code: 2,
      err: expect.stringContaining(none),
    })
  })

  test('without git a project is worked on in place, and it is said that nothing can be undone', async () => {
    using world = loopWorld({ 'a.txt': '' })
    const plain = join(world.at, 'plain')
    write(plain, { 'app.sh': 'echo 1\n' })
    write(world.folder, {
      'loop.yaml': `kind: repair\nmission: m\nproject: ${plain}\nfolder: .\nstages: { play: "test -e mended", fix: "touch mended", verify: "true" }\n`,
    })
    const ran = await call(world, ['run', world.folder])
    expect(ran.code, ran.err).toBe(0)
    expect(ran.err).toContain('not a git repository: working in place, nothing can be undone')
    expect(existsSync(join(plain, 'mended'))).toBe(true)
  })
})
