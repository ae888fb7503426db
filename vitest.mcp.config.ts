import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/mcp/**/*.test.ts', 'test/e2e/mcp*.test.ts'],
    testTimeout: 180_000,
    // The suite is installed from npm first when it is not in the cache yet.
    hookTimeout: 320_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['verbose'],
  },
})
