import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AuditSignals, auditBadge, auditMarkdown, auditSignalNames, auditSignals, scoreAudit } from './audit.ts'
import { levels } from './level.ts'

const all = Object.fromEntries(auditSignalNames.map((name) => [name, `${name}.md`])) as AuditSignals

test('all signals are worth a hundred, and make L3', () => {
  expect(Object.values(auditSignals).reduce((sum, one) => sum + one.points, 0)).toBe(100)
  expect(scoreAudit(all)).toMatchObject({ score: 100, level: 'L3', suggestions: [], missing: [] })
})

test('nothing is nothing: L0, and every signal has a suggestion that says what to do', () => {
  const audit = scoreAudit({})
  expect(audit).toMatchObject({ score: 0, level: 'L0', missing: ['stateFile', 'loopConfig'] })
  expect(audit.suggestions).toHaveLength(auditSignalNames.length)
  expect(audit.suggestions[0]?.signal).toBe('stateFile')
})

test('without a gate there is no L2, whatever the score', () => {
  const { 'governance.gateYaml': _, ...rest } = all
  expect(scoreAudit(rest)).toMatchObject({ score: 94, level: 'L1', missing: ['governance.gateYaml'] })
  expect(scoreAudit(rest).suggestions[0]?.text).toContain('loopwright gate check')
})

test('one signal more never lowers score or level', () => {
  fc.assert(
    fc.property(fc.subarray([...auditSignalNames]), fc.constantFrom(...auditSignalNames), (some, extra) => {
      const of = (names: readonly string[]) => scoreAudit(Object.fromEntries(names.map((name) => [name, 'x'])))
      const [before, after] = [of(some), of([...some, extra])]
      expect(after.score).toBeGreaterThanOrEqual(before.score)
      expect(levels.indexOf(after.level)).toBeGreaterThanOrEqual(levels.indexOf(before.level))
    }),
  )
})

test('the page and the badge say score and level', () => {
  const audit = scoreAudit({ stateFile: 'STATE.md', loopConfig: 'a|b.md' })
  expect(auditMarkdown(audit)).toContain('# Loop readiness: 14 / 100 (L0)')
  expect(auditMarkdown(audit)).toContain('| loopConfig | a\\|b.md | 7 / 7 |')
  expect(auditBadge(audit)).toMatch(/^<svg xmlns="[^"]+" width="\d+" height="20" .*14 · L0<\/text><\/g><\/svg>$/)
})
