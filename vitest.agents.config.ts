import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/agents/**/*.test.ts'],
    testTimeout: 120_000,
    // An agent that is not in the cache yet is installed from npm first.
    hookTimeout: 320_000,
    pool: 'forks',
    // An agent takes up to 760 MB, and more than a core while it starts.
    maxWorkers: 2,
    reporters: ['verbose'],
  },
})
