import { expect, test } from 'vitest'
import { quiet } from '../../../test/fixtures/kernel.ts'
import { mortal } from '../../../test/fixtures/mortal.ts'
import { mended, repairWorld } from '../../../test/fixtures/repair.ts'
import type { Store } from '../../core/ports.ts'
import { memoryStore } from '../../store/memory.ts'
import { FakeClock } from '../../testing/clock.ts'

/** A repair of seven rounds: a fix, a metric that gets worse, a verify that breaks, and an improvement that does it. */
function world(store?: Store, clock = new FakeClock()) {
  const made = repairWorld({
    kernel: { clock, ...(store === undefined ? {} : { store }) },
    command: (name, disk) => {
      const app = disk.read('app.js')?.trim() ?? ''
      const round = made.commands.at(-1)?.options.env?.LOOPWRIGHT_ROUND ?? ''
      if (name === 'play') return app === 'start' ? 1 : 0
      if (name === 'verify') return app === 'broken' ? 1 : 0
      if (name === 'baseline') return `speed ${app}`
      if (name === 'improve')
        disk.write({ 'app.js': `${{ 2: '30', 4: 'broken', 6: '95' }[round]}\n`, [`try-${round}`]: 'x\n' })
      return 0
    },
    agent: (_request, disk) => {
      disk.write({ 'app.js': '40\n' })
      return 'LESSON: it was not started'
    },
  })
  return made
}

const spec = {
  stages: { play: 'play', fix: { agent: 'mend' }, verify: 'verify', improve: 'improve' },
  baseline: { command: 'bench', metric: 'speed', value: 90 },
  limits: { consecutiveFailures: 5 },
}

/** What a run came to, but for the names of its commits. */
const facts = (result: ReturnType<typeof mended>) => ({
  completed: result.completed,
  trajectory: result.trajectory,
  output: result.final_output.replace(/\(exit.*?\)/g, ''),
  rounds: result.history.map(
    ({ stages, verdict, reasons, rolled_back, lesson, changed_files, consecutive_failures }) => ({
      stages: stages.map(({ stage, ok }) => `${stage} ${ok}`),
      because: rolled_back?.because,
      ...{ verdict, reasons, lesson, changed_files, consecutive_failures },
    }),
  ),
})

test.each(['before', 'after'] as const)(
  'a driver that dies %s any append of a repair is replaced, and the run comes to the same end',
  async (when) => {
    const whole = world()
    const expected = facts(mended(await whole.mend(spec)))
    expect(expected.trajectory).toEqual([40, 40, 30, 40, null, 40, 95])
    expect(expected.rounds.map(({ because }) => because !== undefined)).toEqual([
      false,
      false,
      true,
      false,
      true,
      false,
      false,
    ])
    let deaths = 0
    for (let n = 2; ; n++) {
      const clock = new FakeClock()
      const { store, died } = mortal(memoryStore({ now: () => clock.now() }), n, when)
      const first = world(store, clock)
      const run = await first.begin(spec)
      const driving = first.runs.drive(run.id).catch(() => {})
      for (let turns = 0; turns < 400 && !died(); turns++) await Promise.race([quiet(), driving])
      if (!died()) break
      deaths++
      const done = await first.other().drive(run.id)
      expect(facts(mended(done)), `death at append ${n}`).toEqual(expected)
      const show = (file: string) => first.memory.show('/project', `loopwright/${run.id}`, file)
      expect([show('app.js'), show('try-2'), show('try-4'), show('try-6')]).toEqual([
        '95\n',
        undefined,
        undefined,
        'x\n',
      ])
      // Only what was in flight ran twice.
      expect(first.log.length - whole.log.length).toBeLessThanOrEqual(1)
    }
    expect(deaths).toBeGreaterThan(60)
  },
)
