import { problemError } from '../../core/spec/loop.ts'
import { type Problem, pathText } from '../../core/spec/problems.ts'
import { isLevel, type Level } from '../../core/triage/level.ts'
import { requireSmall } from './bounds.ts'
import { linesOf, slugOf, wordsOf } from './markdown.ts'
import { cellOf, numberOf, type Row, rowsOf } from './tables.ts'

/** What a `loop-budget.md` allows one loop. What it does not say is absent. */
export interface LoopBudget {
  /** The pattern's id, as the name of the loop gives it. */
  readonly id: string
  readonly runsPerDay?: number
  readonly tokensPerDay?: number
  /** Agents that a run may start besides its first; by level where the table says so. */
  readonly spawnsPerRun?: number
  readonly spawnsByLevel?: Readonly<Partial<Record<Level, number>>>
  /** Where it stands, from 1. */
  readonly line: number
}

/**
 * Reads the table of a `loop-budget.md`: loops with their most runs and tokens a day and sub-agents a run. A file without such a table
 * limits nothing. Throws `bad_input` with file and line for a limit that cannot be read: a limit must not be missed.
 */
export function parseBudget(text: string, path: string): LoopBudget[] {
  requireSmall(text, path, 'keep the table, and move what is old')
  const rows = rowsOf(
    linesOf(text),
    (headings) =>
      headings.some((one) => /^(?:loop|pattern)/.test(one)) && headings.some((one) => one.startsWith('max ')),
  )
  const problems: (Problem & { line: number })[] = []
  const budgets = rows.flatMap((row): LoopBudget[] => {
    const id = slugOf(cellOf(row, 'loop', 'pattern') ?? '')
    if (id === '') return []
    const read = (what: string, ...words: string[]) => {
      const found = limitOf(row, words)
      if (found === 'unreadable')
        problems.push({
          path: [id, what],
          line: row.line,
          message: `${pathText([id, what])}: cannot tell what ${JSON.stringify((cellOf(row, ...words) ?? '').slice(0, 60))} allows`,
          hint: 'write a number such as 4, 100k or 500,000, or – for no limit',
        })
      return typeof found === 'number' ? found : undefined
    }
    const runs = read('runs/day', 'runs')
    const tokens = read('tokens/day', 'tokens')
    const byLevel = byLevelOf(cellOf(row, 'spawn', 'sub-agent') ?? '')
    const spawns = byLevel === undefined ? read('sub-agent spawns/run', 'spawn', 'sub-agent') : undefined
    return [
      {
        id,
        ...(runs === undefined ? {} : { runsPerDay: runs }),
        ...(tokens === undefined ? {} : { tokensPerDay: tokens }),
        ...(spawns === undefined ? {} : { spawnsPerRun: spawns }),
        ...(byLevel === undefined ? {} : { spawnsByLevel: byLevel }),
        line: row.line,
      },
    ]
  })
  if (problems.length === 0) return budgets
  const places = new Map<Problem, number>(problems.map((one) => [one, one.line]))
  throw problemError(problems, (one) => `${path}:${places.get(one) ?? 1}: `)
}

/** What a pattern may spend; of several rows with its name each lowest number counts. */
export function budgetOf(budgets: readonly LoopBudget[], pattern: string): Omit<LoopBudget, 'id' | 'line'> {
  const own = budgets.filter(({ id }) => id === pattern)
  const lowest = (of: (one: LoopBudget) => number | undefined) =>
    own.reduce<number | undefined>((least, one) => lower(least, of(one)), undefined)
  const [runs, tokens, spawns] = [
    lowest((o) => o.runsPerDay),
    lowest((o) => o.tokensPerDay),
    lowest((o) => o.spawnsPerRun),
  ]
  const byLevel = own.find((one) => one.spawnsByLevel !== undefined)?.spawnsByLevel
  return {
    ...(runs === undefined ? {} : { runsPerDay: runs }),
    ...(tokens === undefined ? {} : { tokensPerDay: tokens }),
    ...(spawns === undefined ? {} : { spawnsPerRun: spawns }),
    ...(byLevel === undefined ? {} : { spawnsByLevel: byLevel }),
  }
}

/** The lower of two limits; one that is absent limits nothing. */
export function lower(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}

function limitOf(row: Row, words: readonly string[]): number | 'unreadable' | undefined {
  const cell = wordsOf(cellOf(row, ...words) ?? '')
  if (/^(?:[-–—]*|n\/a|∞|unlimited|no limit|any)$/i.test(cell)) return undefined
  return numberOf(cell) ?? 'unreadable'
}

/** `0 (L1) / 2 (L2)`: what it does not name it does not limit. */
function byLevelOf(cell: string): Partial<Record<Level, number>> | undefined {
  const found: Partial<Record<Level, number>> = {}
  for (const [, count, level] of wordsOf(cell).matchAll(/(\d{1,6})\s{0,5}\((L[0-3])\)/g))
    if (level !== undefined && isLevel(level)) found[level] = Number(count)
  return Object.keys(found).length > 0 ? found : undefined
}
