import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/{contract,e2e,sim}/**/*.test.ts'],
    // These start servers and whole ticks by the dozen: npm run test:mcp, npm run test:triage.
    exclude: [
      'test/e2e/mcp*.test.ts',
      'test/e2e/{triage,schedule,people,trigger,github-action}.test.ts',
      'test/e2e/triage-!(cli).test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // By default one core is left free, and of two that is half of all.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { 'src/engine/**': { lines: 80 }, 'src/loops/**': { lines: 80 } },
    },
  },
})
