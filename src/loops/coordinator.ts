import { z } from 'zod'
import { capsOf } from '../core/caps.ts'
import type { Json } from '../core/json.ts'
import { numberOf, objectOf, textOf } from '../core/peek.ts'
import { parseLoop, parseWith } from '../core/spec/loop.ts'
import type { ChildResult } from '../engine/branch.ts'
import type { LoopDefinition } from '../engine/define.ts'

/** Loops to run together. */
const coordinatorSpec = z.strictObject({
  loops: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe('what it is called in lists'),
        project: z.string().min(1).describe('the directory it is about; absolute'),
        spec: z.unknown().transform((value) => parseLoop(value)),
      }),
    )
    .min(1, 'there is no loop to run'),
  concurrency: z.int().min(1).max(64).default(8),
})
export type CoordinatorSpec = z.output<typeof coordinatorSpec>

/** What the loops came to, in their order. */
export type CoordinatorResult = {
  readonly completed: boolean
  readonly stop_reason: string
  readonly iterations: number
  readonly final_output: string
  readonly runs: readonly {
    readonly name: string
    readonly run: string
    readonly completed: boolean
    readonly stop_reason: string
  }[]
}

/** Several loops at once under one budget, each a run of its own in a workspace of its own; complete when all are. */
export const coordinator: LoopDefinition<CoordinatorSpec, CoordinatorResult> = {
  name: 'coordinator',
  kind: 'coordinator',
  version: '1',
  parse: (value) => parseWith(coordinatorSpec, value),
  async run(loop, { loops, concurrency }) {
    const ended = await loop.parallel(
      loops,
      (branch, { name, project, spec }) =>
        branch.child(spec.kind, spec as unknown as Json, { name, project, caps: capsOf(spec) }),
      { concurrency },
    )
    const runs = ended.map((child, at) => ({ name: loops[at]?.name ?? child.run, ...outcomeOf(child) }))
    const done = runs.filter((one) => one.completed).length
    return {
      completed: done === runs.length,
      stop_reason: done === runs.length ? 'all_complete' : `${runs.length - done} of ${runs.length} not complete`,
      iterations: ended.reduce((sum, { value }) => sum + (numberOf(objectOf(value).iterations) ?? 0), 0),
      final_output: runs.map(({ name, run, stop_reason: why }) => `${name}: ${why} (${run})`).join('\n'),
      runs,
    }
  },
}

function outcomeOf({ run, status, reason, value }: ChildResult) {
  const own = objectOf(value)
  const completed = status === 'done' && own.completed === true
  const why = completed || status === 'done' ? textOf(own.stop_reason) : reason
  return { run, completed, stop_reason: why ?? status }
}
