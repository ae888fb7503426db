import type { Json } from '../../core/json.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'
import type { ChildResult } from '../../engine/branch.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { GoalResult } from './history.ts'
import { judgeRole } from './roles.ts'

interface Attempt {
  readonly run: string
  readonly result: GoalResult
  readonly passedChecks: number
}

/** What several attempts came to: the chosen one's result, and which run it is. */
export type AttemptsResult = GoalResult & {
  readonly attempts: readonly { readonly run: string; readonly completed: boolean; readonly stop_reason: string }[]
  /** The run whose branch holds the chosen work. */
  readonly chosen: string | null
}

/** Independent attempts, each a run of its own; the best by checks, then by a judge's word among equals. */
export async function attempts(loop: LoopContext, spec: GoalSpec): Promise<AttemptsResult> {
  const { attempts: wanted = 1, attemptAgents = [], ...single } = spec
  const numbers = Array.from({ length: wanted }, (_, i) => i)
  const ended = await loop.parallel(
    numbers,
    (branch, i) => {
      const agent = attemptAgents[i % attemptAgents.length]
      const own = agent === undefined ? single : { ...single, agent }
      const caps = { iterations: spec.budget.iterations }
      return branch.child('goal', own as unknown as Json, { name: `attempt ${i + 1}`, caps })
    },
    { concurrency: spec.concurrency },
  )
  const all = ended.map(readAttempt)
  const best = await choose(loop, spec, all)
  const list = all.map(({ run, result }) => ({ run, completed: result.completed, stop_reason: result.stop_reason }))
  return { ...(best?.result ?? all[0]?.result ?? none), attempts: list, chosen: best?.run ?? null }
}

const none: GoalResult = { completed: false, iterations: 0, stop_reason: 'no attempt', final_output: '', history: [] }

async function choose(loop: LoopContext, spec: GoalSpec, all: readonly Attempt[]): Promise<Attempt | undefined> {
  const rank = ({ result, passedChecks }: Attempt) => (result.completed ? 1_000 : 0) + passedChecks
  const top = Math.max(...all.map(rank))
  const equals = all.filter((attempt) => rank(attempt) === top)
  if (equals.length <= 1 || top === 0) return equals[0]
  const brief = { goal: spec.goal, criteria: spec.criteria, answers: [], guidance: [] }
  const candidates = equals.map(({ result }) => result.final_output)
  const judged = await loop.agent(judgeRole, { brief, candidates })
  return equals[(judged.value ?? 1) - 1]
}

function readAttempt(child: ChildResult): Attempt {
  const value = child.value as unknown as GoalResult | undefined
  const stopped = { stop_reason: child.reason ?? child.status }
  const result = value ? (value.completed ? value : { ...value, ...stopped }) : { ...none, ...stopped }
  const last = result.history.at(-1)
  return { run: child.run, result, passedChecks: last?.verification.filter((check) => check.ok).length ?? 0 }
}
