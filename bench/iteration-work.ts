import type { Json } from '../src/core/json.ts'
import type { Agent } from '../src/core/ports.ts'
import type { Role } from '../src/core/role.ts'
import { type AnyLoop, defineLoop } from '../src/engine/define.ts'
import { chars, textMaker } from './text.ts'

export interface Timed {
  /** When the run began, and when each iteration had ended, in milliseconds of `performance.now()`. */
  readonly marks: number[]
}

/** plan → work → review, N times, as three plain recorded steps: what the rivals' nodes do. */
export function stepLoop(count: number, timed: Timed): AnyLoop {
  const text = textMaker()
  return defineLoop({
    name: 'steps',
    run: async (loop) => {
      timed.marks.push(performance.now())
      for (let i = 0; i < count; i++) {
        const plan = await loop.step('plan', () => text(chars.plan))
        const work = await loop.step('work', () => text(chars.work), { input: plan })
        await loop.step('review', () => text(chars.review), { input: work })
        timed.marks.push(performance.now())
      }
      return 'done'
    },
  })
}

const role = (name: string): Role<string, Json> => ({ name, system: `You are the ${name}.`, prompt: (input) => input })
const planner = role('planner')
const worker = role('worker')
const reviewer = role('reviewer')

/**
 * The same with everything a real loop has: a counted iteration, and three agent calls, each with its start record, its reservation
 * in the budget and its settlement: seven commits.
 */
export function agentLoop(count: number, timed: Timed): AnyLoop {
  return defineLoop({
    name: 'agents',
    run: async (loop) => {
      timed.marks.push(performance.now())
      for (let i = 0; i < count; i++) {
        await loop.iteration()
        const plan = await loop.agent(planner, 'plan the next piece')
        const work = await loop.agent(worker, plan.text)
        await loop.agent(reviewer, work.text)
        timed.marks.push(performance.now())
      }
      return 'done'
    },
  })
}

/** Answers at once with new text of the role's length. */
export function mockAgent(): Agent {
  const text = textMaker()
  const lengths: Readonly<Record<string, number>> = { planner: chars.plan, worker: chars.work, reviewer: chars.review }
  return {
    name: 'mock',
    run: async ({ role: name }) => ({
      text: text(lengths[name] ?? 0),
      usage: { inputTokens: 700, outputTokens: 300 },
    }),
  }
}

/** Milliseconds per iteration over all of them, and in the first and the last tenth. */
export function paceOf({ marks }: Timed): { readonly mean: number; readonly first: number; readonly last: number } {
  const count = marks.length - 1
  const tenth = Math.max(1, Math.floor(count / 10))
  const between = (from: number, to: number) => ((marks[to] ?? 0) - (marks[from] ?? 0)) / (to - from)
  return { mean: between(0, count), first: between(0, tenth), last: between(count - tenth, count) }
}
