import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/sandbox/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
    // The figures are part of what the tests show.
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
})
