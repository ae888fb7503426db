import type { CommandSpec } from './ports.ts'

const playwright: CommandSpec = { name: 'npx playwright test', argv: ['npx', 'playwright', 'test'] }

/** The checks with `npx playwright test` at their end, unless one of them runs Playwright already. */
export function withPlaywright(checks: readonly CommandSpec[]): readonly CommandSpec[] {
  const there = checks.some((check) => /\bplaywright test\b/.test(check.shell ?? (check.argv ?? []).join(' ')))
  return there ? checks : [...checks, playwright]
}
