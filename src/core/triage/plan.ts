import { LoopwrightError } from '../errors.ts'
import { isLevel, type Level, type Permissions, permissions } from './level.ts'
import type { Cadence, Pattern } from './pattern.ts'

/** A pattern made ready for a level: what a tick of it may do and spend. Plain JSON. */
export interface Plan {
  readonly pattern: Pattern
  readonly level: Level
  readonly permissions: Permissions
  readonly cadence: Cadence
  /** Tokens per UTC day. */
  readonly dailyTokenCap: number
  /** What a tick does, in its order. */
  readonly stages: readonly string[]
  /** What people should know before they start it. */
  readonly notes: readonly string[]
}

/** Makes the plan of a pattern at a level; the pattern's own week-one level by default. Throws `bad_input` for a level that does not exist. */
export function buildPlan(pattern: Pattern, options: { readonly level?: Level } = {}): Plan {
  const level = options.level ?? pattern.weekOneMode
  if (!isLevel(level)) {
    throw new LoopwrightError('bad_input', `there is no level ${String(level)}`, { hint: 'L0, L1, L2 or L3' })
  }
  const may = permissions[level]
  const acting = may.change
    ? ['implement', 'verify', 'gate', may.merge ? 'merge, propose or escalate' : 'propose or escalate']
    : []
  return {
    pattern,
    level,
    permissions: may,
    cadence: pattern.cadence,
    dailyTokenCap: pattern.cost.suggestedDailyCap,
    stages: ['discover', 'triage', ...acting, ...(may.record ? ['record'] : [])],
    notes: notesOf(pattern, level),
  }
}

function notesOf(pattern: Pattern, level: Level): string[] {
  const above = level > pattern.weekOneMode
  return [
    ...(above ? [`the registry starts this pattern at ${pattern.weekOneMode}, and ${level} goes further`] : []),
    ...(level === 'L3' && pattern.risk !== 'low' ? [`risk ${pattern.risk}: watch it at L2 first`] : []),
  ]
}
