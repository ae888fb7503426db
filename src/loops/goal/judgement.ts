import type { CheckResult } from '../../core/ports.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'
import type { ReviewOutcome } from '../../core/verdict.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { Subgoal } from './answers.ts'
import { type Brief, decomposerRole, reviewerRole } from './roles.ts'

/** The subgoals of this iteration. A plan that cannot be read becomes one subgoal: the goal. */
export async function decompose(
  loop: LoopContext,
  spec: GoalSpec,
  input: { readonly brief: Brief; readonly feedback: string; readonly isolated: boolean },
): Promise<Subgoal[]> {
  const { brief, feedback, isolated } = input
  const { maxSubgoals, parallel } = spec
  const plan = await loop.agent(decomposerRole, { brief, feedback, maxSubgoals, parallel: parallel && isolated })
  const planned = plan.value ?? [{ id: 'goal', description: brief.goal }]
  const subgoals = planned.slice(0, maxSubgoals)
  loop.emit('decomposed', {
    subgoals,
    ...(planned.length > subgoals.length ? { left_out: planned.length - subgoals.length } : {}),
    ...(plan.value ? {} : { degraded: plan.error ?? 'the plan could not be read' }),
  })
  return subgoals
}

/** The reviewer's judgement; one that failed or cannot be read is no pass. */
export async function reviewWork(
  loop: LoopContext,
  input: {
    readonly brief: Brief
    readonly work: string
    readonly changedFiles: readonly string[]
    readonly checks: readonly CheckResult[]
  },
): Promise<ReviewOutcome> {
  const answer = await loop.agent(reviewerRole, input)
  if (answer.value) return { review: answer.value }
  return { error: answer.error ?? 'its answer holds no verdict' }
}
