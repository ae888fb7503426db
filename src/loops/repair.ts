import type { RepairResult } from '../core/round.ts'
import { parseRepair } from '../core/spec/loop.ts'
import type { RepairSpec } from '../core/spec/repair.ts'
import type { LoopDefinition } from '../engine/define.ts'
import { keepTime } from './goal/time-limit.ts'
import { Rounds } from './repair/history.ts'
import { Knowledge, lessonOf } from './repair/knowledge.ts'
import { Ratchet } from './repair/ratchet.ts'
import { Round } from './repair/round.ts'

/**
 * The repair loop:
 *
 *     play → scan → fix, if something failed → verify → baseline → improve, if only that fails → record → healthy? done
 *       ↑                                                                                           │
 *       └───────────────── what was learnt; back to the last good state, if it got worse ───────────┘
 */
export const repair: LoopDefinition<RepairSpec, RepairResult> = {
  name: 'repair',
  kind: 'repair',
  version: '1',
  parse: parseRepair,
  async run(loop, spec) {
    const rounds = new Rounds(loop, spec)
    const ratchet = new Ratchet(loop, spec, await loop.workspace())
    const knowledge = await Knowledge.open(loop, spec)
    let last: Round | undefined
    for (;;) {
      await keepTime(loop, spec)
      const number = await loop.iteration() // out of budget, the run stops here and can go on from here
      const round = new Round({ loop, spec, number, last, ratchet, knowledge, metric: rounds.metricText })
      await round.hook('beforeIteration')

      await round.play()
      await round.scan()
      if (round.needsFix) await round.fix()
      await round.verify()
      await round.confirm()
      await round.measure()
      const rolledBack = await round.ratchet()
      if (round.needsImproving) await round.improve()

      if (round.healthy) await round.hook('beforeAccept')
      const { facts, cut } = round
      const changed = ratchet.takeChanged()
      const lesson = cut ? undefined : lessonOf({ number, facts, changed, rolledBack, said: round.lessons })
      knowledge.add(lesson)
      const { verdict } = rounds.finish({ number, facts, ratchet, rolledBack, lesson, cut })
      await loop.hooks('afterIteration')

      if (verdict === 'blocked') return rounds.blocked()
      if (verdict === 'complete') {
        await loop.hooks('afterAccept')
        return rounds.complete()
      }
      last = round
    }
  },
}
