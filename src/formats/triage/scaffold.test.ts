import { describe, expect, it } from 'vitest'
import { parseBudget } from './budget.ts'
import { parseConstraints } from './constraints.ts'
import { defaultGate, parseGate } from './gate.ts'
import { parseLedger } from './ledger.ts'
import { parseLoopPage } from './loop-md.ts'
import { builtinPatterns } from './patterns.ts'
import { parseRegistry } from './registry.ts'
import { readRunLog } from './run-log.ts'
import { registryText, triageFiles } from './scaffold.ts'
import { parseSkill, skillPaths } from './skill.ts'
import { readState } from './state.ts'

describe.each(builtinPatterns.map((pattern) => [pattern.id, pattern] as const))(
  'what %s begins with',
  (id, pattern) => {
    const files = new Map(
      triageFiles({ pattern, project: 'shop', agent: 'claude-code' }).map((file) => [file.path, file]),
    )
    const text = (path: string) => files.get(path)?.text ?? ''

    it('is read by ourselves as it is meant', () => {
      const { origin, ...read } = parseRegistry(text('registry.yaml'), 'registry.yaml')[0] ?? pattern
      expect(read).toEqual(pattern)
      expect(origin).toBe('registry.yaml')
      expect(parseGate(text('gate.yaml'), 'gate.yaml')).toEqual({ ...defaultGate, origin: 'gate.yaml' })
      expect(parseBudget(text('loop-budget.md'), 'b')).toMatchObject([
        { id, tokensPerDay: pattern.cost.suggestedDailyCap, spawnsByLevel: { L1: 0, L2: 2, L3: 2 } },
      ])
      expect(parseConstraints(text('loop-constraints.md')).limits).toEqual({ maxAttempts: 3, reportOnlyAt: 0.8 })
      expect(parseLoopPage(text('LOOP.md'))).toMatchObject({
        loops: [{ id, cadence: pattern.cadence, level: pattern.weekOneMode, paused: false }],
        budget: { tokensPerDay: pattern.cost.suggestedDailyCap, spawnsPerRun: 2 },
      })
      expect(readState(text(pattern.state))).toEqual({ items: [] })
      expect(readRunLog(text('loop-run-log.md'))).toEqual([])
      expect(parseLedger(text('loop-ledger.json'), 'l')).toMatchObject({ pattern: id, attempts: [] })
    })

    it('has a skill for each that it names, where its agent looks for them', () => {
      for (const name of pattern.skills) {
        const path = `.claude/skills/${name}/SKILL.md`
        expect(skillPaths(name)).toContain(path)
        expect(parseSkill(text(path), name, path).description, name).toBeTruthy()
      }
    })
  },
)

it('a pattern with names that YAML would take for something else keeps them', () => {
  const [first] = builtinPatterns
  if (first === undefined) throw new Error('there is none')
  const odd = {
    ...first,
    name: 'Yes: "no" # x',
    goal: 'true\nand more than that',
    phases: ['null', '1.0'],
    state: 'a b.md',
  }
  expect(parseRegistry(registryText(odd), 'r.yaml')[0]).toEqual({ ...odd, origin: 'r.yaml' })
})
