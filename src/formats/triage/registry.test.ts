import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LoopwrightError } from '../../core/errors.ts'
import { builtinPatterns, defaultPriority, defaultSources } from './patterns.ts'
import { parseRegistry } from './registry.ts'

const entry = (change: Readonly<Record<string, string | undefined>> = {}) => {
  const fields: Record<string, string | undefined> = {
    id: 'daily-triage',
    name: 'Daily Triage',
    file: 'daily-triage.md',
    goal: 'Know each morning what matters most',
    cadence: '1d-2h',
    risk: 'low',
    tools: '[grok, claude-code]',
    skills: '[loop-triage, minimal-fix]',
    state: 'STATE.md',
    phases: '[report, act, escalate]',
    human_gates: '[design-decisions]',
    starter: 'starters/minimal-loop',
    week_one_mode: 'L1',
    token_cost: 'low',
    cost: '{ tokens_noop: 5000, tokens_report: 50000, tokens_action: 200000, stable_fraction: 0.4, suggested_daily_cap: 100000, early_exit_required: false }',
    ...change,
  }
  const lines = Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`]))
  return `  - ${lines.join('\n    ')}\n`
}
const registry = (...entries: string[]) => `# a registry\npatterns:\n${entries.join('\n')}`

function problem(text: string): LoopwrightError {
  try {
    parseRegistry(text, 'registry.yaml')
  } catch (error) {
    if (error instanceof LoopwrightError) return error
    throw error
  }
  throw new Error('it was read')
}

describe('a registry', () => {
  it('is read with all its fields, lists and costs in either style', () => {
    const block = registry(
      entry({
        id: 'ci-sweeper',
        cadence: '5m-15m',
        tools: '\n      - codex',
        cost: '\n      tokens_noop: 1\n      tokens_report: 2\n      tokens_action: 3\n      suggested_daily_cap: 4\n      early_exit_required: true',
      }),
    )
    expect(parseRegistry(block, 'r.yaml')[0]).toMatchObject({
      cadence: { kind: 'range', minMs: 300_000, maxMs: 900_000 },
      tools: ['codex'],
      cost: { tokensNoop: 1, suggestedDailyCap: 4, stableFraction: 0.35, earlyExitRequired: true },
      priority: 10,
    })
    expect(parseRegistry(registry(entry()), 'patterns/registry.yaml')).toEqual([
      {
        id: 'daily-triage',
        name: 'Daily Triage',
        file: 'daily-triage.md',
        goal: 'Know each morning what matters most',
        cadence: { kind: 'range', text: '1d-2h', minMs: 7_200_000, maxMs: 86_400_000 },
        risk: 'low',
        tools: ['grok', 'claude-code'],
        skills: ['loop-triage', 'minimal-fix'],
        state: 'STATE.md',
        phases: ['report', 'act', 'escalate'],
        humanGates: ['design-decisions'],
        starter: 'starters/minimal-loop',
        weekOneMode: 'L1',
        tokenCost: 'low',
        cost: {
          tokensNoop: 5000,
          tokensReport: 50_000,
          tokensAction: 200_000,
          stableFraction: 0.4,
          suggestedDailyCap: 100_000,
          earlyExitRequired: false,
        },
        sources: ['git', 'checks', 'todo', 'issues', 'pulls', 'ci'],
        priority: 50,
        origin: 'patterns/registry.yaml',
      },
    ])
  })

  it('may hold patterns and keys that nobody knows yet, and ours', () => {
    const given = entry({
      id: 'thin-loop',
      owner: '{ team: web }',
      sources: '[git]',
      priority: '7',
      cadence: '"0 8 * * 1-5"',
    })
    const [pattern] = parseRegistry(`version: 2\n${registry(given)}`, 'r.yaml')
    expect(pattern).toMatchObject({ id: 'thin-loop', sources: ['git'], priority: 7, cadence: { kind: 'cron' } })
    expect(pattern).not.toHaveProperty('owner')
    expect(parseRegistry(registry(entry({ id: 'thin-loop' })), 'r.yaml')[0]).toMatchObject({ priority: 100 })
  })

  it('of a project that was set up elsewhere is read as it is', () => {
    const path = new URL('../../../test/fixtures/triage/project/patterns/registry.yaml', import.meta.url)
    const patterns = parseRegistry(readFileSync(path, 'utf8'), 'patterns/registry.yaml')
    expect(patterns.map(({ id, cost }) => [id, cost.suggestedDailyCap])).toEqual([
      ['daily-triage', 100_000],
      ['ci-sweeper', 1_000_000],
      ['thin-loop', 60_000],
    ])
  })

  it('lists what is wrong together, each with its line', () => {
    const text = registry(
      entry({ cadence: 'sometimes', name: undefined, phases: '[one]' }),
      entry({ human_gates: '[]', goal: 'short', risk: 'lwo', week_one_mode: 'L4', cost: '{ tokens_noop: many }' }),
    )
    expect(problem(text).message).toMatchInlineSnapshot(`
      "registry.yaml:3:5: patterns[0].name is missing
      registry.yaml:6:14: patterns[0].cadence: the cadence "sometimes" cannot be used: it is neither a time, nor a range of times, nor a cron expression (write a time or a range of times such as 1d, 5m-15m or 1d-2h (m, h or d), or a cron expression such as "0 8 * * 1-5")
      registry.yaml:11:13: patterns[0].phases: needs at least 2 (write two or more: [report, escalate])
      registry.yaml:18:9: patterns[1].id: "daily-triage" is the id of patterns[0] already (give it an id of its own, or remove one of the two)
      registry.yaml:21:11: patterns[1].goal: is too short, at least 10 characters (say what shall be true in the end)
      registry.yaml:23:11: patterns[1].risk: "lwo" is not allowed (did you mean "low"? (one of: low, medium, high))
      registry.yaml:28:18: patterns[1].human_gates: needs at least 1 (write one or more: [design-decisions])
      registry.yaml:30:20: patterns[1].week_one_mode: "L4" is not allowed (did you mean "L0"? (one of: L0, L1, L2, L3))
      registry.yaml:32:11: patterns[1].cost.tokens_report is missing (add "tokens_report: …")
      registry.yaml:32:11: patterns[1].cost.tokens_action is missing (add "tokens_action: …")
      and 3 more"
    `)
    expect(problem(text).code).toBe('bad_input')
  })

  it('says which ids are there twice, beside everything else', () => {
    const error = problem(registry(entry(), entry(), entry({ goal: undefined })))
    expect(error.message).toMatchInlineSnapshot(`
      "registry.yaml:19:9: patterns[1].id: "daily-triage" is the id of patterns[0] already
      registry.yaml:35:5: patterns[2].goal is missing (add "goal: …")
      registry.yaml:35:9: patterns[2].id: "daily-triage" is the id of patterns[0] already (give it an id of its own, or remove one of the two)"
    `)
    expect(problem(registry(entry(), entry())).hint).toContain('an id of its own')
  })

  it.each([
    ['a tab', 'patterns:\n\t- id: x\n', /^registry\.yaml:2:1: a tab/],
    ['nothing', '', /registry\.yaml:1:1: there is no "patterns:"/],
    ['a list', '- id: x', /there is no "patterns:"/],
    ['another key', 'pattern: []', /patterns is missing/],
    ['no pattern', 'patterns: []', /there is no pattern/],
    ['patterns that are none', 'patterns: [1, null, []]', /patterns\[0\]: expected a map of keys/],
    ['a cadence that is a number', registry(entry({ cadence: '60' })), /cadence: expected text, got 60/],
    ['an id with capitals', registry(entry({ id: 'Daily' })), /an id is small letters/],
    ['a state outside of the project', registry(entry({ state: '../STATE.md' })), /state: must be a Markdown file/],
    ['a state that is an absolute path', registry(entry({ state: '/etc/STATE.md' })), /state: must be/],
    ['a state in .git', registry(entry({ state: '.git/x.md' })), /state: must be/],
    ['a state that agents take for instructions', registry(entry({ state: 'docs/AGENTS.md' })), /state: must be/],
    ['a prototype', 'patterns:\n  - __proto__: { id: x }\n', /"__proto__" is not allowed/],
    ['a source that is not known', registry(entry({ sources: '[slack]' })), /sources\[0\]: "slack" is not allowed/],
    [
      'negative tokens',
      registry(
        entry({
          cost: '{ tokens_noop: -1, tokens_report: 1, tokens_action: 1, suggested_daily_cap: 1, early_exit_required: true }',
        }),
      ),
      /too small, at least 0/,
    ],
  ])('refuses %s', (_, text, message) => {
    expect(problem(text).message).toMatch(message)
  })

  it('bears hostile files', () => {
    expect(problem(`patterns:\n${'#'.repeat(1_100_000)}`).message).toMatch(/too large, at most 1 MiB/)
    expect(problem(`patterns: ${'['.repeat(20_000)}`).message).toMatch(/nested too deeply|registry\.yaml:/)
    expect(problem(registry(entry({ id: '"a\\0b"' }))).message).toMatch(/an id is small letters/)
    expect(problem(registry(entry({ name: 'x'.repeat(900_000) }))).message).toMatch(/too long, at most 2000/)
  })
})

describe('the patterns that come along', () => {
  it('have the cadences, levels, caps and costs of the standard seven', () => {
    const rows = builtinPatterns.map((p) => [p.id, p.cadence.text, p.weekOneMode, p.cost.suggestedDailyCap, p.priority])
    expect(rows).toEqual([
      ['ci-sweeper', '5m-15m', 'L2', 1_000_000, 10],
      ['pr-babysitter', '5m-15m', 'L1', 2_000_000, 20],
      ['dependency-sweeper', '6h-1d', 'L2', 500_000, 30],
      ['post-merge-cleanup', '1d-6h', 'L1', 200_000, 40],
      ['changelog-drafter', '1d', 'L1', 100_000, 40],
      ['daily-triage', '1d-2h', 'L1', 100_000, 50],
      ['issue-triage', '2h-1d', 'L1', 80_000, 60],
    ])
    expect(builtinPatterns.find(({ id }) => id === 'daily-triage')?.cost).toMatchObject({
      tokensNoop: 5000,
      tokensReport: 50_000,
      tokensAction: 200_000,
    })
  })

  it('have what a registry must have', () => {
    for (const pattern of builtinPatterns) {
      expect(pattern.goal.length, pattern.id).toBeGreaterThan(10)
      expect(pattern.phases.length, pattern.id).toBeGreaterThanOrEqual(2)
      expect(pattern.humanGates.length, pattern.id).toBeGreaterThanOrEqual(1)
    }
  })

  it('tell where a pattern looks that nobody knows: everywhere, last', () => {
    expect(defaultSources('constructor')).toContain('audit')
    expect(defaultPriority('constructor')).toBe(100)
  })
})
