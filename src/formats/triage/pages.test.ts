import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { budgetOf, parseBudget } from './budget.ts'
import { parseConstraints } from './constraints.ts'
import { parseLoopPage } from './loop-md.ts'
import { parseSkill, skillPaths } from './skill.ts'

const model = (name: string) =>
  readFileSync(new URL(`../../../test/fixtures/triage/project/${name}`, import.meta.url), 'utf8')
const huge = [
  '|'.repeat(9000),
  '| - '.repeat(200_000),
  `max ${'a '.repeat(400_000)}`,
  '[('.repeat(400_000),
  '# '.repeat(400_000),
  '`'.repeat(900_000),
  '---\n'.repeat(200_000),
  'a\0b',
  '__proto__: constructor',
  '* '.repeat(400_000),
]

describe('a budget', () => {
  it('is the table of a page', () => {
    const budgets = parseBudget(model('loop-budget.md'), 'loop-budget.md')
    expect(budgets).toEqual([
      { id: 'daily-triage', runsPerDay: 4, tokensPerDay: 100_000, spawnsByLevel: { L1: 0, L2: 2 }, line: 5 },
      { id: 'ci-sweeper', runsPerDay: 96, tokensPerDay: 500_000, spawnsPerRun: 2, line: 6 },
    ])
    expect(budgetOf(budgets, 'ci-sweeper')).toEqual({ runsPerDay: 96, tokensPerDay: 500_000, spawnsPerRun: 2 })
    expect(budgetOf(budgets, 'constructor')).toEqual({})
  })

  it('may have its columns in any order, more of them, and numbers as people write them', () => {
    const text =
      '|**Loop**|Max draft PRs/day|Max tokens/day|Max runs/day|\n|:-|-|-:|-|\n| [Daily Triage](x.md) (L1) | 2 | ~1.5M | – |\n|daily-triage||80 k tokens|2|\n'
    const budgets = parseBudget(text, 'b.md')
    expect(budgets.map(({ tokensPerDay, runsPerDay }) => [tokensPerDay, runsPerDay])).toEqual([
      [1_500_000, undefined],
      [80_000, 2],
    ])
    expect(budgetOf(budgets, 'daily-triage')).toEqual({ runsPerDay: 2, tokensPerDay: 80_000 })
  })

  it('says in which line a limit cannot be read', () => {
    const text = '# B\n\n| Loop | Max runs/day | Max tokens/day |\n|---|---|---|\n| ci-sweeper | few | 80-100k |\n'
    expect(() => parseBudget(text, 'loop-budget.md')).toThrow(
      /^loop-budget\.md:5: ci-sweeper\.runs\/day: cannot tell what "few" allows\nloop-budget\.md:5: ci-sweeper\.tokens\/day: cannot tell what "80-100k"/,
    )
    expect(parseBudget('no table', 'b.md')).toEqual([])
    expect(parseBudget('```\n| Loop | Max runs/day |\n|---|---|\n| x | few |\n```\n', 'b.md')).toEqual([])
  })
})

describe('constraints', () => {
  it('are the lines of a page, and the limits stated beyond doubt', () => {
    expect(parseConstraints(model('loop-constraints.md'))).toEqual({
      rules: [
        'Never change anything in `prices/` without asking.',
        'Every change has a test that failed before it.',
        'At most 2 attempts per item; then a human looks.',
        'At 70% of the daily cap switch to report-only.',
        '`loop-pause-all` set: exit at once.',
      ],
      limits: { maxAttempts: 2, reportOnlyAt: 0.7 },
    })
  })

  it.each([
    ['Max implementer attempts per item: **3**', { maxAttempts: 3 }],
    ['maximum of 4 fix attempts', { maxAttempts: 4 }],
    ['- max 3 attempts per item\n- at most 2 tries', { maxAttempts: 2 }],
    ['If spend hits 80% of the daily cap, switch to report-only mode', { reportOnlyAt: 0.8 }],
    ['No more than 5 files in a change', { maxFiles: 5 }],
    ['Max changed files: 7', { maxFiles: 7 }],
    ['There is no max 3 attempts rule', {}],
    ['max 0 attempts', {}],
    ['3 attempts were made yesterday', {}],
    ['<!-- max 1 files -->', {}],
    ['Report-only at 80%', {}],
  ])('%j', (text, limits) => {
    expect(parseConstraints(text).limits).toEqual(limits)
  })

  it('name what they stand under, and are bounded', () => {
    expect(parseConstraints('# R\n## Paths\n1. `.env`\n\n```\nmax 1 files\n```\n').rules).toEqual(['Paths: `.env`'])
    const many = parseConstraints(`- ${'x'.repeat(5000)}\n`.repeat(200)).rules
    expect(many.length).toBeLessThanOrEqual(200)
    expect(many[0]?.length).toBeLessThanOrEqual(500)
  })
})

describe('a LOOP.md', () => {
  it('lists loops, gates, budget, connectors and links', () => {
    expect(parseLoopPage(model('LOOP.md'))).toEqual({
      loops: [
        {
          id: 'daily-triage',
          cadence: { kind: 'range', text: '1d', minMs: 86_400_000, maxMs: 86_400_000 },
          level: 'L1',
          paused: false,
          status: 'active (L1)',
          command: 'loopwright run daily-triage --level L1',
          line: 7,
        },
        {
          id: 'ci-sweeper',
          cadence: { kind: 'range', text: '15m', minMs: 900_000, maxMs: 900_000 },
          paused: true,
          status: 'paused',
          command: 'loopwright run ci-sweeper',
          line: 8,
        },
      ],
      humanGates: ['Prices and everything that customers pay', 'More than one module in a change'],
      budget: { tokensPerDay: 100_000, spawnsPerRun: 2 },
      connectors: ['GitHub, read only'],
      links: [
        { text: 'State', url: 'STATE.md' },
        { text: 'Run log', url: 'loop-run-log.md' },
      ],
    })
  })

  it('may describe its loops under headings of their own', () => {
    const text =
      '## Active Loops\n\n### PR Babysitter (L2 — by hand)\n- Cadence: 10–15m during the day\n- Status: paused\n\n### Notes\nwords\n\n## Other\n### X\n- Cadence: 1d\n'
    expect(parseLoopPage(text).loops).toEqual([
      {
        id: 'pr-babysitter',
        cadence: { kind: 'range', text: '10m-15m', minMs: 600_000, maxMs: 900_000 },
        level: 'L2',
        paused: true,
        status: 'paused',
        line: 3,
      },
    ])
    expect(parseLoopPage('').loops).toEqual([])
  })
})

describe('a skill', () => {
  it('is its description and its words', () => {
    const skill = parseSkill(model('skills/minimal-fix/SKILL.md'), 'minimal-fix', 'SKILL.md')
    expect(skill.description).toBe('Mend one thing with the smallest change.')
    expect(skill.text).toMatch(/^Mend one thing with the smallest change\.\n\n# A small fix\n/)
  })

  it('stays where its front matter is broken, and is cut off where it is too long', () => {
    expect(parseSkill('---\nname: [\n---\nDo it.', 'x', 'p').text).toBe('Do it.')
    expect(parseSkill('---\nname: x\ndescription: When: always\n---\nDo it.', 'x', 'p').description).toBe(
      'When: always',
    )
    expect(parseSkill('---\nDo it.', 'x', 'p').text).toBe('---\nDo it.')
    const long = parseSkill('é'.repeat(50_000), 'x', 'p').text
    expect(long.length).toBeLessThanOrEqual(20_000)
    expect(long).toContain('cut off here')
    expect(parseSkill('---\n__proto__: {description: x}\n---\na', 'x', 'p')).toEqual({ name: 'x', text: 'a' })
  })

  it('is looked for nowhere but below the folders of skills', () => {
    expect(skillPaths('minimal-fix')).toContain('.claude/skills/minimal-fix/SKILL.md')
    expect([skillPaths('../../etc'), skillPaths('a/b'), skillPaths('.git'), skillPaths('')]).toEqual([[], [], [], []])
  })
})

it.each(huge)('hostile pages are read: %.10j', { timeout: 60_000 }, (text) => {
  for (const read of [parseConstraints, parseLoopPage]) expect(() => read(text, 'x.md')).not.toThrow()
  expect(() => parseBudget(text, 'x.md')).not.toThrow()
  expect(() => parseSkill(text, 'x', 'x.md')).not.toThrow()
  for (const read of [parseBudget, parseConstraints, parseLoopPage])
    expect(() => read('x'.repeat(1_100_000), 'x.md')).toThrow(/x\.md: the file is too large/)
})
