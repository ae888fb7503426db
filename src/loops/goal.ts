import type { GoalSpec } from '../core/spec/goal.ts'
import { parseGoal } from '../core/spec/loop.ts'
import { aggregate, decide } from '../core/verdict.ts'
import type { LoopDefinition } from '../engine/define.ts'
import { attempts } from './goal/attempts.ts'
import { backlog } from './goal/backlog.ts'
import { fanOut } from './goal/fan-out.ts'
import { type GoalResult, History } from './goal/history.ts'
import { intake } from './goal/intake.ts'
import { decompose, reviewWork } from './goal/judgement.ts'
import { Repetition } from './goal/repetition.ts'
import { keepTime } from './goal/time-limit.ts'

/**
 * The goal loop:
 *
 *     intake → decompose → workers → merge → checkpoint → checks → review → accept? done
 *                  ↑                                                          │
 *                  └────────────────────────── feedback ──────────────────────┘
 */
export const goal: LoopDefinition<GoalSpec, GoalResult> = {
  name: 'goal',
  kind: 'goal',
  version: '1',
  parse: parseGoal,
  async run(loop, spec) {
    if ((spec.attempts ?? 1) > 1) return await attempts(loop, spec)
    if (spec.plan) return await backlog(loop, spec, spec.plan.stories)

    const history = new History(loop)
    const workspace = await loop.workspace()
    const repetition = new Repetition(loop)
    const brief = await intake(loop, history, spec)
    let feedback = ''
    for (;;) {
      await keepTime(loop, spec)
      const iteration = await loop.iteration() // out of budget, the run stops here and can go on from here
      const before = await loop.hooks('beforeIteration')

      history.phase('decompose')
      const subgoals = await decompose(loop, spec, { brief, feedback, isolated: workspace.isolated })
      await keepTime(loop, spec)
      history.phase('execute')
      const results = await fanOut(loop, spec, { brief, feedback, subgoals, isolated: workspace.isolated })
      history.workers(subgoals, results)
      const work = await loop.checkpoint(`loopwright: iteration ${iteration}`)

      await keepTime(loop, spec)
      const checks = loop.stopping ? [] : await history.checks(spec)
      await keepTime(loop, spec)
      history.phase('review')
      const review = await reviewWork(loop, {
        brief,
        work: aggregate(results),
        changedFiles: work.totalChangedFiles,
        checks,
      })
      const hook = await loop.hooks('beforeAccept')
      const blocked = [before, hook].find((one) => one.blocked)?.feedback
      const verdict = decide({ results, checks, review, ...(blocked === undefined ? {} : { blocked }) })
      history.finish(review, verdict)
      await loop.hooks('afterIteration')

      if (verdict.accept) {
        await loop.hooks('afterAccept')
        return history.accepted()
      }
      feedback = verdict.feedback
      if (workspace.isolated) await repetition.see(work, feedback)
    }
  },
}
