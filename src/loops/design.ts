import { z } from 'zod'
import type { Role } from '../core/role.ts'
import { parseWith } from '../core/spec/loop.ts'
import type { LoopDefinition } from '../engine/define.ts'

/** How often an agent may try. */
export const designTries = 3

/** What a loop file is wanted for. */
const designSpec = z.strictObject({
  goal: z.string().trim().min(1).max(1_000_000),
  kind: z.enum(['goal', 'repair']),
  criteria: z.array(z.string()).default([]),
  verify: z.array(z.string()).default([]),
  /** Iterations of the loop that is designed. */
  iterations: z.int().min(1).optional(),
  /** A valid file of this kind, to go by. */
  example: z.string(),
})
export type DesignSpec = z.output<typeof designSpec>

export type DesignResult = {
  readonly completed: boolean
  readonly stop_reason: string
  readonly iterations: number
  /** The text of a valid file; else what was wrong with the last one. */
  readonly final_output: string
}

interface Draft {
  readonly text: string
  readonly problem: string
}

export const designerRole: Role<{ readonly spec: DesignSpec; readonly last: Draft | undefined }, string> = {
  name: 'designer',
  system: `You write loop files: YAML that says what an agent shall reach and how code decides that it is reached. Look at the project first, and change nothing in it. Take checks that exist in this project, end by themselves, and fail as long as the goal is not reached. Use only keys of the example. Answer with the whole file in one fenced yaml block, and nothing else.`,
  prompt: ({ spec, last }) =>
    [
      `Write a loop file of kind ${spec.kind} for this:\n${spec.goal}`,
      spec.criteria.length === 0 ? '' : `It is reached when:\n${spec.criteria.map((one) => `- ${one}`).join('\n')}`,
      spec.verify.length === 0 ? '' : `These commands must pass:\n${spec.verify.map((one) => `- ${one}`).join('\n')}`,
      spec.iterations === undefined ? '' : `At most ${spec.iterations} iterations.`,
      `A valid file of this kind:\n\`\`\`yaml\n${spec.example}\`\`\``,
      last === undefined
        ? ''
        : `Your last file:\n\`\`\`yaml\n${last.text}\n\`\`\`\nIt is not valid. Mend it:\n${last.problem}`,
    ]
      .filter((part) => part !== '')
      .join('\n\n'),
  context: ({ spec, last }) => ({ goal: spec.goal, kind: spec.kind, feedback: last?.problem ?? '' }),
  parse: (text) => fileIn(text),
}

/**
 * An agent writes a loop file, and hears what is wrong with it until it is valid or has tried three times.
 *
 * @param problemOf what is wrong with the text of a file of this kind; undefined: it is valid
 */
export function designer(
  problemOf: (text: string, kind: DesignSpec['kind']) => string | undefined,
): LoopDefinition<DesignSpec, DesignResult> {
  return {
    name: 'design',
    kind: 'design',
    version: '1',
    parse: (value) => parseWith(designSpec, value),
    async run(loop, spec) {
      let last: Draft | undefined
      for (let tries = 1; tries <= designTries; tries++) {
        await loop.iteration()
        const answer = await loop.agent(designerRole, { spec, last })
        if (!answer.ok) {
          const why = answer.error ?? `the agent ended: ${answer.outcome}`
          return { completed: false, stop_reason: 'loop_agent_error', iterations: tries, final_output: why }
        }
        const text = answer.value ?? ''
        const problem = await loop.step('look', () => problemOf(text, spec.kind) ?? '')
        if (problem === '') return { completed: true, stop_reason: 'valid', iterations: tries, final_output: text }
        last = { text: text.slice(0, 20_000), problem }
      }
      return {
        completed: false,
        stop_reason: `not valid after ${designTries} tries`,
        iterations: designTries,
        final_output: last?.problem ?? '',
      }
    },
  }
}

/** The file in an answer: what its first fenced block holds, else all of it. */
function fileIn(text: string): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const opens = lines.findIndex((line) => /^\s*```/.test(line))
  if (opens === -1) return `${text.trim()}\n`
  const length = lines.slice(opens + 1).findIndex((line) => /^\s*```\s*$/.test(line))
  return `${lines
    .slice(opens + 1, length === -1 ? undefined : opens + 1 + length)
    .join('\n')
    .trim()}\n`
}
