import { expect, test } from 'vitest'
import { kernel } from '../../test/fixtures/kernel.ts'
import type { Agent } from '../core/ports.ts'
import { defineLoop } from '../engine/define.ts'
import { memoryWorkspaces } from '../workspace/memory.ts'
import { coordinator } from './coordinator.ts'

/** Stands in for a goal: ends as its goal says. */
function world(options: { readonly atOnce?: (running: number) => void } = {}) {
  let running = 0
  const projects: string[] = []
  const child = defineLoop({
    name: 'goal',
    kind: 'goal',
    async run(loop, spec: { goal: string }) {
      await loop.iteration()
      projects.push(loop.run.project)
      await loop.step('work', async () => {
        options.atOnce?.(++running)
        await Promise.resolve()
        running--
        return true
      })
      if (spec.goal === 'break') throw new Error('broken')
      return { completed: spec.goal === 'good', stop_reason: spec.goal, iterations: 1 }
    },
  })
  return { ...kernel([coordinator, child]), projects }
}

const loops = (...goals: string[]) =>
  goals.map((goal, at) => ({ name: `${goal}-${at}`, project: `/p${at}`, spec: { kind: 'goal', goal } }))

test('loops run as runs of their own, each about its own project, and the result names them in order', async () => {
  const { play, projects } = world()
  const { result } = await play({ spec: { loops: loops('good', 'bad', 'break') } })
  expect(result).toMatchObject({
    completed: false,
    stop_reason: '2 of 3 not complete',
    runs: [
      { name: 'good-0', completed: true, stop_reason: 'good' },
      { name: 'bad-1', completed: false, stop_reason: 'bad' },
      { name: 'break-2', completed: false, stop_reason: expect.stringContaining('broken') },
    ],
  })
  expect(projects.sort()).toEqual(['/p0', '/p1', '/p2'])
})

test('all complete is complete, and no more run at once than asked for', async () => {
  let most = 0
  const { play } = world({
    atOnce: (running) => {
      most = Math.max(most, running)
    },
  })
  const { result } = await play({ spec: { loops: loops('good', 'good', 'good', 'good'), concurrency: 2 } })
  expect(result).toMatchObject({ completed: true, stop_reason: 'all_complete', iterations: 4 })
  expect(most).toBeLessThanOrEqual(2)
})

test('one budget holds for all of them together', async () => {
  const { play, runs } = world()
  const run = await play({ spec: { loops: loops('good', 'good', 'good'), concurrency: 1 }, caps: { iterations: 2 } })
  const children = (await runs.list()).filter((one) => one.parent?.run === run.id)
  expect(children.map((one) => one.status).sort()).toEqual(['done', 'done', 'stopped'])
})

test.each(['tokens', 'microUsd'] as const)('one cap on %s holds for loops that have none of their own', async (cap) => {
  let calls = 0
  const spending = defineLoop({
    name: 'goal',
    kind: 'goal',
    async run(loop, _: { goal: string }) {
      const role = { name: 'worker', system: '', prompt: () => 'go on' }
      for (;;) {
        const number = await loop.iteration()
        if (number > 20) return { completed: false, stop_reason: 'it went on and on', iterations: number }
        await loop.agent(role, {})
      }
    },
  })
  const agent: Agent = {
    name: 'scripted',
    run: async () => {
      calls++
      return { outcome: 'done', text: 'did it', usage: { inputTokens: 100 } }
    },
  }
  const memory = memoryWorkspaces()
  memory.lay('/p', { 'a.txt': 'a' })
  const { play } = kernel([coordinator, spending], {
    services: {
      role: () => ({ agent, retries: 0 }),
      workspace: () => memory.open({ run: 'r', project: '/p', isolation: 'inplace' }),
      amounts: () => ({ [cap]: 100 }),
    },
  })
  const { result } = await play({ spec: { loops: loops('a', 'b'), concurrency: 1 }, caps: { [cap]: 400 } })
  expect(JSON.stringify(result)).not.toContain('on and on')
  expect(calls).toBe(4)
})

test('a loop that is none is refused with where it is', () => {
  expect(() => coordinator.parse({ loops: [] })).toThrow(/there is no loop to run/)
  expect(() => coordinator.parse({ loops: [{ name: 'a', project: '/p', spec: { kind: 'goal' } }] })).toThrow(/goal/)
})
