import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/e2e/{triage,triage-*,schedule,people,trigger,github-action}.test.ts'],
    // Shows the command line of triage in npm test already.
    exclude: ['test/e2e/triage-cli.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
})
