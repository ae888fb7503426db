import { expect, test } from 'vitest'
import { kernel } from '../../test/fixtures/kernel.ts'
import type { Agent } from '../core/ports.ts'
import { memoryWorkspaces } from '../workspace/memory.ts'
import { designer, designerRole } from './design.ts'

const example = 'kind: goal\n'
const spec = {
  goal: 'make it green',
  kind: 'goal',
  criteria: ['all tests pass'],
  verify: ['npm test'],
  example,
} as const

test('an agent hears what is wrong with its file until that is valid', async () => {
  const said: string[] = []
  const agent: Agent = {
    name: 'scripted',
    run: async ({ prompt }) => {
      said.push(prompt)
      return { text: said.length === 2 ? '```yaml\ngood: 1\n```' : 'bad', outcome: 'done' }
    },
  }
  const memory = memoryWorkspaces()
  memory.lay('/p', { 'a.txt': 'a' })
  const judge = (text: string) => (text.includes('good') ? undefined : `line 1: ${text.trim()} is wrong`)
  const { play } = kernel([designer(judge)], {
    services: {
      role: () => ({ agent, retries: 0 }),
      workspace: () => memory.open({ run: 'r', project: '/p', isolation: 'inplace' }),
    },
  })
  const { result } = await play({ spec })
  expect(result).toMatchObject({ completed: true, iterations: 2, final_output: 'good: 1\n' })
  expect(said[0]).toMatch(/make it green.*all tests pass.*npm test.*kind: goal/s)
  expect(said[1]).toContain('line 1: bad is wrong')
})

test.each([
  ['kind: goal', 'kind: goal\n'],
  ['See:\r\n```yaml\r\nkind: goal\r\n```\r\nthat is all', 'kind: goal\n'],
  ['```\nkind: goal\ngoal: x', 'kind: goal\ngoal: x\n'],
  ['', '\n'],
])('the file in %j is found', (text, file) => {
  expect(designerRole.parse?.(text, { spec: { ...spec, criteria: [], verify: [] }, last: undefined })).toBe(file)
})
