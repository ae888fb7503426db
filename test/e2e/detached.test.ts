import { expect, test } from 'vitest'
import { driveBehind } from '../../src/compose/behind.ts'
import { openApp } from '../../src/compose.ts'
import { parseGoal } from '../../src/core/spec/loop.ts'
import { listProcesses } from '../../src/process/table.ts'
import { until } from '../fixtures/engine.ts'
import { mcpScene } from '../fixtures/mcp.ts'

const slow = `
acceptOnIteration: 1
subgoals: [the work]
replies:
  - { role: worker, text: written, delayMs: 600000 }
`

test('a run in the background is no child of what began it: a client that ends all its descendants does not end it', async () => {
  await using scene = mcpScene(slow)
  const { client, transport, call } = await scene.connect()
  const goal = { goal: 'write', success_criteria: ['x'], backend: scene.backend, cwd: scene.repository }
  const { run_id: run } = await call('orchestrate', goal)
  const server = transport.pid ?? 0
  // As some agents do when they end: everything below their servers, by its parents.
  for (const pid of [...below(server), server]) end(pid)
  await client.close().catch(() => {})
  await until('the server is gone', () => !listProcesses().some((row) => row.pid === server))

  const next = await scene.connect()
  expect(await next.call('orchestrate_status', { run_id: run })).toMatchObject({ running: true, status: 'running' })
  await next.call('orchestrate_stop', { run_id: run })
  expect(await next.call('orchestrate_result', { run_id: run, wait: true })).toMatchObject({ status: 'stopped' })
})

test('a driver that cannot start is told of, with its own words and where its log is', async () => {
  await using scene = mcpScene()
  const app = await openApp({ cwd: scene.repository, env: scene.env })
  try {
    const run = await app.start({ spec: parseGoal({ goal: 'write', agent: scene.backend }) })
    await expect(driveBehind(app, { ...scene.env, NODE_OPTIONS: '--no-such-flag' }, run)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('--no-such-flag'),
      hint: expect.stringContaining('driver.log'),
    })
  } finally {
    await app.close()
  }
})

/** All descendants of a process by their parents. */
function below(pid: number): number[] {
  const children = listProcesses().filter((row) => row.parent === pid)
  return children.flatMap((row) => [...below(row.pid), row.pid])
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    // It ended before.
  }
}
