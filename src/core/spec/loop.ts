import { z } from 'zod'
import { LoopwrightError } from '../errors.ts'
import { type GoalSpec, goalSpec } from './goal.ts'
import { type Problem, problemsOf } from './problems.ts'
import { type RepairSpec, repairSpec, rolesOf, stageRoles, stages } from './repair.ts'
import { type TriageSpec, triageSpec } from './triage.ts'

/** The kinds of loop a file can define. */
export const kinds = ['goal', 'repair'] as const

/** A parsed loop of a kind that files define. */
export type FileLoopSpec = GoalSpec | RepairSpec
/** A parsed loop of any kind; one tick of a triage loop is made from a pattern. */
export type LoopSpec = FileLoopSpec | TriageSpec

/** Whether the run's own agent does something: a repair may be made of commands, and of agents that its stages and roles name. */
export function usesAgents(spec: LoopSpec): boolean {
  if (spec.kind !== 'repair') return true
  const roles = rolesOf(spec)
  return stages.some((at) => {
    const stage = spec.stages[at]
    return stage !== undefined && 'agent' in stage && roles[stageRoles[at]]?.agent === undefined
  })
}

const unknownKind = z.looseObject({ kind: z.enum(kinds) })

/** The schema for a value by its `kind` (absent: goal). For a kind that is not known, a schema that refuses just that. */
export function schemaFor(value: unknown): typeof goalSpec | typeof repairSpec | typeof unknownKind {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('kind' in value)) return goalSpec
  if (value.kind === 'repair') return repairSpec
  return value.kind === 'goal' ? goalSpec : unknownKind
}

/** Parses a value against a schema; throws one `bad_input` that lists what is wrong, first first. For input without a file. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw problemError(problemsOf(schema, result.error.issues, value))
}

/** Parses a loop of any kind given as a value (by the library or from flags). Throws `bad_input`. */
export function parseLoop(value: unknown): FileLoopSpec {
  const schema = schemaFor(value)
  if (schema === repairSpec) return parseWith(repairSpec, value)
  if (schema !== goalSpec) parseWith(schema, value)
  return parseWith(goalSpec, value)
}

/** Parses a goal loop given as a value. Throws `bad_input`. */
export function parseGoal(value: unknown): GoalSpec {
  return parseWith(goalSpec, value)
}

/** Parses a repair loop given as a value. Throws `bad_input`. */
export function parseRepair(value: unknown): RepairSpec {
  return parseWith(repairSpec, value)
}

/** Parses a tick of a triage loop given as a value. Throws `bad_input`. */
export function parseTriage(value: unknown): TriageSpec {
  return parseWith(triageSpec, value)
}

/** One error for all problems: at most `limit` of them, a line each, with the first one's hint. */
export function problemError(
  problems: readonly Problem[],
  where: (problem: Problem) => string = () => '',
  limit = 10,
): LoopwrightError {
  const shown = problems.slice(0, limit)
  const lines = shown.map((problem, i) => {
    const hint = i > 0 && problem.hint !== undefined ? ` (${problem.hint})` : ''
    return `${where(problem)}${problem.message}${hint}`
  })
  if (problems.length > limit) lines.push(`and ${problems.length - limit} more`)
  const hint = shown[0]?.hint
  return new LoopwrightError('bad_input', lines.join('\n'), hint === undefined ? {} : { hint })
}
