import type { Caps } from './budget.ts'
import type { GoalSpec } from './spec/goal.ts'
import type { LoopSpec } from './spec/loop.ts'

/** Budget settings as people write them: seconds, US dollars, whole numbers. */
export type BudgetSettings = { readonly [K in keyof Omit<GoalSpec['budget'], 'seconds'>]?: number | undefined }

/** The ledger's caps for a budget: whole numbers, milliseconds, millionths of a dollar. */
export function toCaps(budget: BudgetSettings): Caps {
  const { iterations, agentCalls, agents, tokens, cost, duration } = budget
  return {
    ...(iterations === undefined ? {} : { iterations }),
    ...(agentCalls === undefined ? {} : { agentCalls }),
    ...(agents === undefined ? {} : { agents }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(cost === undefined ? {} : { microUsd: Math.round(cost * 1_000_000) }),
    ...(duration === undefined ? {} : { activeMs: Math.round(duration * 1000) }),
  }
}

/** The caps of a run by its spec. With several attempts at a goal each has its own iterations; the rest is for all together. */
export function capsOf(spec: LoopSpec): Caps {
  const { iterations, ...shared } = toCaps(spec.budget)
  const alone = spec.kind !== 'goal' || (spec.attempts ?? 1) <= 1
  return alone && iterations !== undefined ? { ...shared, iterations } : shared
}
