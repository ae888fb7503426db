import { expect, test } from 'vitest'
import { capsOf } from '../caps.ts'
import { settingsOf } from '../settings.ts'
import { parseLoop, parseRepair } from './loop.ts'
import { type RepairInput, repairJsonSchema } from './repair.ts'

const least = { kind: 'repair', mission: 'keep it healthy', stages: { verify: 'npm test' } } as const

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

const full: RepairInput = {
  kind: 'repair',
  mission: 'the page saves',
  rounds: 5,
  stages: {
    play: {
      browser: {
        url: 'http://127.0.0.1:3000',
        serve: 'node server.js --port 3000',
        timeout: '20s',
        steps: [
          { open: '/' },
          { type: { selector: '#name', text: 'x' } },
          { press: 'Enter' },
          { expect: { text: 'Saved', selector: '#note' } },
          { expect: { count: 2, selector: 'li' } },
          { wait: '#done' },
          { screenshot: 'saved' },
        ],
      },
    },
    scan: { shell: 'grep -rn TODO . | head', timeout: '1m' },
    fix: { agent: 'mend it', using: 'codex' },
    verify: ['npm', 'test'].join(' '),
    improve: { run: ['node', 'tune.js'] },
  },
  baseline: {
    command: 'node bench.js',
    metric: 'speed',
    regex: 'speed=(\\d+)',
    value: 90,
    direction: '>=',
    tolerance: '5%',
  },
  limits: { commandTimeout: '10m', stall: 'never', consecutiveFailures: 1 },
  changes: { maxFiles: 10, deny: 'package-lock.json' },
  roles: { fixer: { agent: 'aider', model: 'small' } },
}

test('a parsed spec is plain JSON and parses again to itself', () => {
  for (const input of [least, full, { ...least, baseline: { enabled: false } }]) {
    const spec = parseRepair(input)
    expect(parseLoop(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
  }
})

test('a mission and a verify are enough', () => {
  const spec = parseRepair(least)
  expect(spec).toMatchObject({
    stages: { verify: { argv: ['npm', 'test'] } },
    limits: { commandTimeout: 900, stall: 300, consecutiveFailures: 3 },
    knowledge: true,
    changes: { deny: [], allow: [] },
    budget: { iterations: 10 },
    isolation: 'worktree',
  })
  expect(capsOf(spec)).toEqual({ iterations: 10 })
})

test('rounds are the iterations of the budget, and signs are names of directions', () => {
  const spec = parseRepair(full)
  expect(spec.budget.iterations).toBe(5)
  expect('rounds' in spec).toBe(false)
  expect(parseRepair({ ...least, budget: { iterations: 7 } }).budget.iterations).toBe(7)
  expect(parseRepair({ ...least, rounds: 2, budget: { iterations: 7 } }).budget.iterations).toBe(2)
  expect(spec.baseline).toMatchObject({ direction: 'greater_equal', samples: 1, improve: false })
  expect(spec.limits.stall).toBe(0)
})

test('the settings of a repair are in its spec, and a stage may name its agent', () => {
  const settings = settingsOf({ kind: 'repair', spec: JSON.parse(JSON.stringify(parseRepair(full))) })
  expect(settings).toMatchObject({
    isolation: 'worktree',
    retries: 1,
    roles: { fixer: { agent: 'codex', model: 'small' } },
    hooks: { beforeIteration: [] },
  })
})

test.each([
  ['no mission', { ...least, mission: ' ' }],
  ['no stages', { kind: 'repair', mission: 'x' }],
  ['no verify', { kind: 'repair', mission: 'x', stages: { play: 'true' } }],
  ['an unknown stage', { ...least, stages: { verify: 'true', fixx: 'true' } }],
  ['a wrong key of a command', { ...least, stages: { verify: { run: 'true', timeot: 3 } } }],
  ['a wrong key of an agent stage', { ...least, stages: { verify: 'true', fix: { agent: 'x', usng: 'codex' } } }],
  ['an agent that is no text', { ...least, stages: { verify: 'true', fix: { agent: 5 } } }],
  ['a browser that verifies', { ...least, stages: { verify: { browser: { steps: [{ open: '/' }] } } } }],
  ['a pipe without a shell', { ...least, stages: { verify: 'a | b' } }],
  [
    'a server with a time limit',
    { ...least, stages: { verify: 'true', play: { browser: { url: '/', serve: { run: 'serve', timeout: '1m' } } } } },
  ],
  [
    'a server that is no command',
    { ...least, stages: { verify: 'true', play: { browser: { url: '/', serve: { run: 'serve', shell: 'serve' } } } } },
  ],
  [
    'a browser step of two',
    { ...least, stages: { verify: 'true', play: { browser: { steps: [{ open: '/', click: 'a' }] } } } },
  ],
  [
    'an expectation of nothing',
    { ...least, stages: { verify: 'true', play: { browser: { steps: [{ expect: {} }] } } } },
  ],
  ['an unknown browser step', { ...least, stages: { verify: 'true', play: { browser: { steps: [{ opn: '/' }] } } } }],
  ['a baseline without a command', { ...least, baseline: { value: 1 } }],
  ['a baseline without a value', { ...least, baseline: { command: 'x' } }],
  ['two ways to read', { ...least, baseline: { command: 'x', value: 1, regex: 'a', json: 'b' } }],
  ['a slow expression', { ...least, baseline: { command: 'x', value: 1, regex: '(a+)+' } }],
  ['a broken path', { ...least, baseline: { command: 'x', value: 1, json: 'a[b' } }],
  ['an unknown direction', { ...least, baseline: { command: 'x', value: 1, direction: 'up' } }],
  ['a broken tolerance', { ...least, baseline: { command: 'x', value: 1, tolerance: 'some' } }],
  ['an infinite value', { ...least, baseline: { command: 'x', value: Number.POSITIVE_INFINITY } }],
  ['equal without a value', { ...least, baseline: { command: 'x', improve: true, direction: '=' } }],
  ['no rounds', { ...least, rounds: 0 }],
])('%s is refused with a clear message', (name, value) => {
  expect(`${name}\n${complaint(value)}`).toMatchSnapshot()
})

test('editors get a schema that names every key', () => {
  const text = JSON.stringify(repairJsonSchema())
  for (const key of [
    'mission',
    'rounds',
    'stages',
    'improve',
    'browser',
    'baseline',
    'consecutiveFailures',
    'maxLines',
  ])
    expect(text).toContain(`"${key}"`)
})
