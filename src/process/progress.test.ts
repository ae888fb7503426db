import { expect, test, vi } from 'vitest'
import type { CommandProgress } from '../core/ports.ts'
import { commandRunner } from './command.ts'
import { followProgress } from './progress.ts'

test('an observer hears of a command when it has started, and once a second what it printed', () => {
  vi.useFakeTimers({ now: 0, toFake: ['setInterval', 'clearInterval'] })
  try {
    const heard: CommandProgress[] = []
    let at = 0
    const { options, end } = followProgress(
      (progress) => heard.push(progress),
      () => at,
    )
    options.onStart?.({ pid: 7, started: '1', marker: 'm' })
    options.onStdout?.('äb')
    options.onStderr?.('c')
    at = 1000
    vi.advanceTimersByTime(1000)
    end()
    vi.advanceTimersByTime(5000)
    expect(heard).toEqual([
      { pid: 7, bytes: 0, elapsedMs: 0 },
      { pid: 7, bytes: 4, elapsedMs: 1000 },
    ])
  } finally {
    vi.useRealTimers()
  }
})

test('an observer that throws does no harm to the command, and is told the pid it runs under', async () => {
  const run = commandRunner({ PATH: process.env.PATH ?? '' })
  const pids: number[] = []
  const { signal } = new AbortController()
  const result = await run(
    { shell: 'echo $$' },
    {
      cwd: '/',
      signal,
      onProgress: ({ pid }) => {
        pids.push(pid)
        throw new Error('not interested')
      },
    },
  )
  expect(result).toMatchObject({ exitCode: 0, stdout: `${pids[0]}\n` })
})
