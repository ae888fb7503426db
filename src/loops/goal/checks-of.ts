import type { CommandSpec } from '../../core/ports.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'

const playwright: CommandSpec = { name: 'npx playwright test', argv: ['npx', 'playwright', 'test'] }

/** The checks of a goal: what was asked for, and the browser tests once where those were asked for. */
export function checksOf(spec: GoalSpec): CommandSpec[] {
  const asked = spec.verify.some((check) => (check.argv?.join(' ') ?? check.shell ?? '').includes('playwright test'))
  return spec.playwright && !asked ? [...spec.verify, playwright] : [...spec.verify]
}

/** What agents are told beyond goal and criteria. */
export function guidanceOf(spec: GoalSpec): string[] {
  if (!spec.playwright) return []
  return [
    'The result is checked in a real browser with `npx playwright test`: write or update Playwright tests for what you change, and judge by what they show.',
  ]
}
