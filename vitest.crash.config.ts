import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    testTimeout: 540_000,
    hookTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
    // What was killed where is part of what the test shows.
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
})
