import { withPlaywright } from '../../core/playwright.ts'
import type { CommandSpec } from '../../core/ports.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'

/** The checks of a goal: what was asked for, and the browser tests once where those were asked for. */
export function checksOf(spec: GoalSpec): readonly CommandSpec[] {
  return spec.playwright ? withPlaywright(spec.verify) : spec.verify
}

/** What agents are told beyond goal and criteria. */
export function guidanceOf(spec: GoalSpec): string[] {
  if (!spec.playwright) return []
  return [
    'The result is checked in a real browser with `npx playwright test`: write or update Playwright tests for what you change, and judge by what they show.',
  ]
}
