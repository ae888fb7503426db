import { join } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import type { GatePolicy } from '../../core/triage/gate.ts'
import type { Level } from '../../core/triage/level.ts'
import type { Pattern } from '../../core/triage/pattern.ts'
import { budgetOf, lower, parseBudget } from '../../formats/triage/budget.ts'
import { parseConstraints } from '../../formats/triage/constraints.ts'
import { defaultGate, parseGate } from '../../formats/triage/gate.ts'
import { type LoopPage, parseLoopPage } from '../../formats/triage/loop-md.ts'
import { builtinPatterns } from '../../formats/triage/patterns.ts'
import { parseRegistry } from '../../formats/triage/registry.ts'
import { parseSkill, skillPaths } from '../../formats/triage/skill.ts'

/** What a pattern may use, as the project's files say it; the tightest of all that is said. */
export interface PatternLimits {
  /** Tokens per UTC day; null: no cap. */
  readonly tokensPerDay: number | null
  readonly runsPerDay?: number
  /** Calls of agents in one tick. */
  readonly agentCalls?: number
}

/** What a project's own files say about its triage loops. */
export interface TriageProject {
  /** The registry's, then those that come with loopwright and it does not name. */
  readonly patterns: readonly Pattern[]
  /** What the project itself set up, by id: its registry, without what its LOOP.md pauses. */
  readonly active: readonly string[]
  readonly gate: GatePolicy
  /** Rules in plain words, for agents. */
  readonly rules: readonly string[]
  readonly maxAttempts: number
  /** The share of a day's tokens from which it only reports. */
  readonly reportOnlyAt: number
  limitsOf(pattern: Pattern, level?: Level): PatternLimits
  skillsOf(pattern: Pattern): Promise<readonly { readonly name: string; readonly text: string }[]>
}

/** Where files lie, from the top of the project; the first that is there counts. */
export const registryPlaces = ['registry.yaml', 'patterns/registry.yaml', '.loopwright/registry.yaml']
export const gatePlaces = ['gate.yaml', '.loopwright/gate.yaml']
const mostAttempts = 3
const reportOnlyAt = 0.8

/** Reads the triage files of a project. Rejects with `bad_input` for one that cannot be used. */
export async function loadProject(root: string): Promise<TriageProject> {
  const registry = await firstOf(root, registryPlaces)
  const own = registry === undefined ? [] : parseRegistry(registry.text, registry.path)
  const gateFile = await firstOf(root, gatePlaces)
  const gate = gateFile === undefined ? defaultGate : parseGate(gateFile.text, gateFile.path)
  const constraints = await firstOf(root, ['loop-constraints.md'])
  const { rules, limits } = parseConstraints(constraints?.text ?? '', constraints?.path)
  const budget = await firstOf(root, ['loop-budget.md'])
  const budgets = budget === undefined ? [] : parseBudget(budget.text, budget.path)
  const pageFile = await firstOf(root, ['LOOP.md'])
  const page = parseLoopPage(pageFile?.text ?? '', pageFile?.path)
  const ids = new Set(own.map(({ id }) => id))
  return {
    patterns: [...own, ...builtinPatterns.filter(({ id }) => !ids.has(id))],
    active: activeOf(own, page),
    gate: limits.maxFiles === undefined ? gate : { ...gate, maxFiles: Math.min(gate.maxFiles, limits.maxFiles) },
    rules,
    maxAttempts: Math.min(mostAttempts, limits.maxAttempts ?? mostAttempts),
    reportOnlyAt: Math.min(reportOnlyAt, limits.reportOnlyAt ?? reportOnlyAt),
    limitsOf(pattern, level) {
      const said = budgetOf(budgets, pattern.id)
      const { suggestedDailyCap } = pattern.cost
      const tokens = lower(
        lower(suggestedDailyCap > 0 ? suggestedDailyCap : undefined, said.tokensPerDay),
        page.budget.tokensPerDay,
      )
      const runs = lower(said.runsPerDay, page.budget.runsPerDay)
      const spawns = lower(
        (level === undefined ? undefined : said.spawnsByLevel?.[level]) ?? said.spawnsPerRun,
        page.budget.spawnsPerRun,
      )
      return {
        tokensPerDay: tokens ?? null,
        ...(runs === undefined ? {} : { runsPerDay: runs }),
        ...(spawns === undefined ? {} : { agentCalls: spawns + 1 }),
      }
    },
    async skillsOf({ skills }) {
      const found = await Promise.all(
        skills.map(async (name) => {
          const file = await firstOf(root, skillPaths(name))
          return file === undefined ? [] : [parseSkill(file.text, name, file.path)]
        }),
      )
      return found.flat().map(({ name, text }) => ({ name, text }))
    },
  }
}

/** The loops that a LOOP.md lists and does not pause; without such a list all of the registry. */
function activeOf(own: readonly Pattern[], page: LoopPage): string[] {
  const paused = new Set(page.loops.filter((loop) => loop.paused).map(({ id }) => id))
  return own.map(({ id }) => id).filter((id) => !paused.has(id))
}

async function firstOf(
  root: string,
  places: readonly string[],
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  for (const place of places) {
    const path = join(root, place)
    const text = await readOptional(path, root)
    if (text !== undefined) return { path, text }
  }
  return undefined
}
