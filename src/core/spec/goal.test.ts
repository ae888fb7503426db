import { expect, test } from 'vitest'
import { goalJsonSchema, goalSpec } from './goal.ts'
import { parseGoal, parseLoop } from './loop.ts'

function complaint(value: unknown): string {
  try {
    parseLoop(value)
  } catch (error) {
    if (error instanceof Error && 'hint' in error)
      return error.message + (error.hint === undefined ? '' : `\n→ ${String(error.hint)}`)
    throw error
  }
  return 'accepted'
}

test('a goal alone gets every default', () => {
  expect(parseLoop({ goal: '  fix it \n' })).toMatchInlineSnapshot(`
    {
      "agentProtocol": "text",
      "approvals": {
        "mode": "edits",
        "rules": [],
      },
      "ask": false,
      "budget": {
        "iterations": 4,
      },
      "cleanup": "auto",
      "concurrency": 8,
      "criteria": [],
      "goal": "fix it",
      "hooks": {
        "afterAccept": [],
        "afterIteration": [],
        "afterWorker": [],
        "beforeAccept": [],
        "beforeIteration": [],
        "beforeWorker": [],
      },
      "isolation": "worktree",
      "kind": "goal",
      "labels": {},
      "maxSubgoals": 12,
      "parallel": true,
      "playwright": false,
      "retries": 1,
      "roles": {},
      "sandbox": {
        "env": [],
        "read": [],
        "write": [],
      },
      "skipPermissions": false,
      "verify": [],
      "workspace": {
        "copy": [],
        "setup": [],
      },
    }
  `)
})

test('a parsed spec is JSON and parses again to itself', () => {
  const spec = parseGoal({
    goal: 'g',
    criteria: 'one',
    verify: ['npm test', { name: 'lint', run: ['npx', 'biome'], timeout: '2m' }, { shell: 'a | b' }],
    verifyTimeout: '1h30m',
    budget: { iterations: 2, duration: '90s', cost: 1.5, seconds: 3 },
    hooks: { beforeWorker: 'echo hi' },
    workspace: { setup: ['npm ci'], copy: '.env.local' },
    plan: { stories: [{ id: 'S1', title: 't' }] },
    attempts: 2,
  })
  expect(spec.verify[0]).toEqual({ name: 'npm test', argv: ['npm', 'test'] })
  expect(spec.verify[1]).toEqual({ name: 'lint', argv: ['npx', 'biome'], timeoutMs: 120_000 })
  expect(spec.verify[2]).toEqual({ shell: 'a | b' })
  expect(spec.verifyTimeout).toBe(5400)
  expect(parseLoop(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
})

test.each<[string, unknown]>([
  ['no goal', {}],
  ['an empty goal', { goal: '  ' }],
  ['a goal that is a number', { goal: 5 }],
  ['a list', []],
  ['nothing', null],
  ['unknown keys', { goal: 'g', itterations: 2, verfiy: 'x', zzzzzz: 1 }],
  ['an unknown key inside', { goal: 'g', budget: { iteration: 2 }, roles: { wroker: {} } }],
  ['an unknown key in a command', { goal: 'g', verify: [{ comand: 'npm test' }] }],
  ['bad numbers', { goal: 'g', concurrency: 100, retries: -1, attempts: 1.5, budget: { cost: 0 } }],
  ['a bad duration', { goal: 'g', timeout: 'soon' }],
  ['a duration of the wrong type', { goal: 'g', timeout: [1] }],
  ['a bad choice', { goal: 'g', isolation: 'worktre', cleanup: 'maybe' }],
  ['a pipe without a shell', { goal: 'g', verify: 'npm test | tee x' }],
  ['a pipe in a list', { goal: 'g', verify: ['npm test', { run: 'a && b' }] }],
  ['a check without a command', { goal: 'g', verify: [{ name: 'x' }] }],
  ['a check with two commands', { goal: 'g', verify: [{ run: 'x', shell: 'y' }] }],
  ['yes for true', { goal: 'g', ask: 'yes' }],
  ['another kind', { kind: 'triage', every: '1h' }],
  ['a mistyped kind', { kind: 'gaol', goal: 'g' }],
  [
    'a story used twice',
    {
      goal: 'g',
      plan: {
        stories: [
          { id: 'a', title: 'x' },
          { id: 'a', title: 'y' },
        ],
      },
    },
  ],
  ['agents of no attempts', { goal: 'g', attemptAgents: ['x'] }],
])('%s is refused with a clear message', (name, value) => {
  expect(`${name}\n${complaint(value)}`).toMatchSnapshot()
})

test('a goal of one million characters is taken, one more is refused', () => {
  expect(parseGoal({ goal: 'x'.repeat(1_000_000) }).goal).toHaveLength(1_000_000)
  expect(complaint({ goal: 'x'.repeat(1_000_001) })).toBe(
    'goal: the goal is too long: 1000001 characters, at most 1000000',
  )
})

test('every field is described in the JSON Schema', () => {
  const schema = goalJsonSchema()
  expect(schema.required).toEqual(['goal'])
  for (const [key, field] of Object.entries(schema.properties as Record<string, { description?: string }>))
    expect(field.description, key).toMatch(/\w/)
  expect(Object.keys(schema.properties as object)).toEqual(Object.keys(goalSpec.shape))
})
