import { join } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import type { GatePolicy } from '../../core/triage/gate.ts'
import type { Pattern } from '../../core/triage/pattern.ts'
import { builtinPatterns } from '../../formats/triage/patterns.ts'
import { parseRegistry } from '../../formats/triage/registry.ts'

/** What a project's own files say about its triage loops. */
export interface TriageProject {
  /** The registry's, then those that come with loopwright and it does not name. */
  readonly patterns: readonly Pattern[]
  readonly gate: GatePolicy
  /** Rules in plain words, for agents. */
  readonly rules: readonly string[]
  readonly maxAttempts: number
  /** Tokens of a pattern per UTC day; null: no cap. */
  capOf(pattern: Pattern): number | null
  skillsOf(pattern: Pattern): readonly { readonly name: string; readonly text: string }[]
}

/** Where a registry lies, from the top of the project; the first that is there counts. */
export const registryPlaces = ['registry.yaml', join('patterns', 'registry.yaml')]

/** Reads the triage files of a project. Rejects with `bad_input` for one that cannot be used. */
export async function loadProject(root: string): Promise<TriageProject> {
  const own = await registryOf(root)
  const ids = new Set(own.map(({ id }) => id))
  return {
    patterns: [...own, ...builtinPatterns.filter(({ id }) => !ids.has(id))],
    gate: { denylist: [], maxFiles: 10, autoMergeAllowlist: [] },
    rules: [],
    maxAttempts: 3,
    capOf: (pattern) => (pattern.cost.suggestedDailyCap > 0 ? pattern.cost.suggestedDailyCap : null),
    skillsOf: () => [],
  }
}

async function registryOf(root: string): Promise<Pattern[]> {
  for (const place of registryPlaces) {
    const path = join(root, place)
    const text = await readOptional(path)
    if (text !== undefined) return parseRegistry(text, path)
  }
  return []
}
