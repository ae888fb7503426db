import type { GoalSpec } from '../../core/spec/goal.ts'
import type { WorkerResult } from '../../core/verdict.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { Subgoal } from './answers.ts'
import { checksOf } from './checks-of.ts'
import { type Brief, workerRole } from './roles.ts'

interface Job {
  readonly brief: Brief
  readonly feedback: string
  readonly subgoals: readonly Subgoal[]
  readonly isolated: boolean
}

/**
 * A worker per subgoal. Where the work is isolated they run at the same time, each in its own worktree, and are merged in plan
 * order; otherwise one after the other in the same directory. A worker that fails, or does not merge, is a failed result.
 */
export async function fanOut(loop: LoopContext, spec: GoalSpec, job: Job): Promise<WorkerResult[]> {
  const { subgoals, isolated } = job
  const apart = isolated && spec.parallel && subgoals.length > 1
  if (!apart) {
    const results: WorkerResult[] = []
    for (const subgoal of subgoals) results.push(await work(loop, spec, job, subgoal))
    return results
  }
  const worktree = (index: number) => `i${loop.iterationNumber}-${index + 1}`
  const results = await loop.parallel(subgoals, (branch, subgoal) => work(branch, spec, job, subgoal), {
    concurrency: spec.concurrency,
    workspaces: (_, index) => worktree(index),
  })
  const merges = await loop.merge(subgoals.map(({ id }, index) => ({ id: worktree(index), title: id })))
  return results.map((result, index) => {
    const merge = merges[index]
    if (!merge || merge.merged) return result
    const where = `its work is kept on branch loopwright/${loop.run.id}.${merge.id}`
    return {
      ...result,
      ok: false,
      error: `merge conflict with the work of another worker in ${merge.conflicts.join(', ')}; ${where}`,
    }
  })
}

async function work(loop: LoopContext, spec: GoalSpec, job: Job, subgoal: Subgoal): Promise<WorkerResult> {
  const env = { LOOPWRIGHT_SUBGOAL: subgoal.id }
  const before = await loop.hooks('beforeWorker', env)
  if (before.blocked) return failed(subgoal, `blocked by a hook: ${before.feedback}`)
  const checks = checksOf(spec).map((check) => check.argv?.join(' ') ?? check.shell ?? '')
  const { brief, feedback } = job
  const done = await loop.agent(workerRole, { brief, subgoal, feedback, checks }, { subgoal })
  const after = await loop.hooks('afterWorker', env)
  if (after.blocked) return failed(subgoal, `blocked by a hook: ${after.feedback}`)
  return { ...subgoal, ok: done.ok, output: done.text, error: done.error }
}

function failed(subgoal: Subgoal, error: string): WorkerResult {
  return { ...subgoal, ok: false, output: '', error }
}
