import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // A browser is a dozen processes.
    maxWorkers: 2,
    reporters: ['verbose'],
  },
})
