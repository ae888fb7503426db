import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RoundItem } from '../../src/core/round.ts'
import { readProcess } from '../../src/process/table.ts'
import { processesOf, until } from '../fixtures/engine.ts'
import { type LoopWorld, loopWorld } from '../fixtures/loops.ts'
import { git, write } from '../fixtures/repo.ts'

const stages = ['play', 'scan', 'fix', 'verify', 'baseline', 'improve'] as const

/** Waits where it is told to, with a process beside it that no terminal and no group holds. */
const gate = `[ -e "AT/hold-$LOOPWRIGHT_STAGE" ] || exit 0
setsid sleep 300 &
echo "$LOOPWRIGHT_STAGE waits"
while [ -e "AT/hold-$LOOPWRIGHT_STAGE" ]; do sleep 0.05; done
`

/** A fix in round 1, a metric that is too low, an improvement in round 2, and all is well in round 3. What changes files is half done when it waits. */
function scene(): LoopWorld {
  const world = loopWorld({ 'app.sh': 'echo 1\n' })
  write(world.at, { 'gate.sh': gate.replaceAll('AT', world.at) })
  const first = `sh ${world.at}/gate.sh`
  const command = (line: string) => `{ shell: ${JSON.stringify(line)} }`
  world.loop(`mission: "print 3"
rounds: 5
stages:
  play: ${command(`${first}; [ "$(sh app.sh)" != 1 ]`)}
  scan: ${command(`${first}; sh -n app.sh`)}
  fix: ${command(`echo half >app.sh; ${first}; echo 'echo 2' >app.sh`)}
  verify: ${command(`${first}; [ "$(sh app.sh)" -ge 2 ]`)}
  improve: ${command(`echo half >app.sh; ${first}; echo 'echo 3' >app.sh`)}
baseline: { command: ${command(`${first} >/dev/null; sh app.sh`)}, metric: score, value: 3 }
`)
  return world
}

/** What a run came to, without what differs between any two. */
function outcome(world: LoopWorld, result: { readonly run_id: string; readonly history: readonly RoundItem[] }) {
  return {
    rounds: result.history.map(({ stages: ran, verdict, reasons, metric, changed_files, rolled_back, lesson }) => ({
      stages: ran.map(({ stage, ok, failure, exit_code, error }) => ({ stage, ok, failure, exit_code, error })),
      ...{ verdict, reasons, metric, changed_files, rolled_back, lesson },
    })),
    tree: git(world.project, 'rev-parse', `loopwright/${result.run_id}^{tree}`),
    commits: git(world.project, 'log', '--format=%s', `loopwright/${result.run_id}`),
    logs: world.logs(result.run_id),
    lessons: world.read('knowledge/lessons.md').replace(/ <!--.*-->/g, ''),
    progress: world
      .read('progress.md')
      .split('\n')
      .map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|run \S+$|\(\d.*| <!--.*-->/g, '').trim())
      .filter((line) => !line.endsWith('goes on')),
  }
}

let calm: Promise<ReturnType<typeof outcome>> | undefined
async function calmOutcome() {
  using world = scene()
  const ran = await world.run()
  expect(ran.result, ran.err).toMatchObject({ completed: true, iterations: 3 })
  return outcome(world, ran.result)
}

test.each(stages)('killed twice while %s runs, a repair comes to the same end', async (stage) => {
  calm ??= calmOutcome()
  const expected = await calm
  using world = scene()
  const hold = join(world.at, `hold-${stage}`)
  write(world.at, { [`hold-${stage}`]: '' })
  let run: string | undefined
  for (const time of [1, 2]) {
    const driver =
      run === undefined ? world.start('run', world.folder, '--quiet') : world.start('resume', run, '--quiet')
    const beat = await world.beats(
      `${stage} runs, time ${time}`,
      ({ driver: by, step, pid }) => by.pid === driver.pid && step === stage && pid !== null,
    )
    run = beat.run_id
    await until('it waits', () => processesOf(beat.run_id).length >= 2)
    driver.kill('SIGKILL')
    await driver.ended
    expect(await world.status()).toMatchObject({ status: 'interrupted', alive: false, heartbeat: { step: stage } })
    expect((await world.type('status', world.folder)).out).toMatch(
      new RegExp(`^status +interrupted \\(process ${driver.pid} is gone\\)[\\s\\S]*loopwright resume ${run}$`, 'm'),
    )
    await until('nothing of the run is left', () => processesOf(beat.run_id).length === 0)
    expect(readProcess(beat.pid ?? 0)?.zombie ?? true).toBe(true)
  }
  rmSync(hold)
  const ended = await world.type('resume', run ?? '', '--json', '--quiet')
  expect(ended.code, ended.err).toBe(0)
  expect(outcome(world, JSON.parse(ended.out))).toEqual(expected)
  expect(world.beat()).toMatchObject({ status: 'complete', round: 3, pid: null, normal: true })
  const marks = world.read('progress.md').match(/<!-- \S+ \d+ -->/g) ?? []
  expect(new Set(marks).size).toBe(marks.length)
  expect(world.read('progress.md').match(/goes on/g)).toHaveLength(2)
  expect(git(world.project, 'status', '--porcelain')).toBe('')
  expect(processesOf(run ?? '')).toEqual([])
})
