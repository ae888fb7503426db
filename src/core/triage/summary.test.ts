import { expect, test } from 'vitest'
import { outputsOf, summaryMarkdown } from './summary.ts'
import type { TickResult } from './tick.ts'

const tick: TickResult = {
  run: '20260101-000000-abcdef',
  pattern: 'ci-sweeper',
  name: 'CI Sweeper',
  tick: 1,
  level: 'L2',
  dryRun: false,
  agent: 'scripted',
  decision: 'act',
  outcome: 'proposed',
  reason: 'the tests pass again',
  items: [
    { id: 'ci:main/test', title: 'test fails', rank: 'high', why: 'red', url: 'https://github.example/r/1' },
    { id: 'todo:1', title: 'noise', rank: 'noise', why: 'old' },
  ],
  skipped: [{ source: 'audit', why: 'npm is not installed' }],
  item: { id: 'ci:main/test', title: 'test fails', attempt: 1 },
  change: { files: ['src/a.ts'], lines: 3 },
  checks: [{ name: 'npm test', ok: true, error: null }],
  verdict: 'accept',
  gate: { decision: 'allow', trigger: 'ok', reason: 'safe', matchedPaths: [], risks: [] },
  branch: 'loopwright/20260101-000000-abcdef',
  url: 'https://github.example/acme/shop/pull/9',
  tokens: 5200,
  costUsd: 0,
  spent: 52_000,
  cap: 1_000_000,
  startedAt: '2026-01-01T00:00:00Z',
  duration: 72,
}

test('a summary has a row for each tick, and what a reader needs to judge it', () => {
  expect(summaryMarkdown([tick])).toBe(`### CI Sweeper

| tick | decision | outcome | verdict | gate | tokens | took |
| --- | --- | --- | --- | --- | --- | --- |
| 1 | act | proposed | accept | allow | 5,200 | 1m12s |

**Tick 1**

- why: the tests pass again
- item: test fails (try 1)
- changed: \`src/a.ts\`
- check npm test: passed
- gate: allow, safe
- branch: \`loopwright/20260101-000000-abcdef\`
- [pull request](https://github.example/acme/shop/pull/9)
- not looked at: audit, npm is not installed
- high: [test fails](https://github.example/r/1) – red
- and 1 more

Tokens of this pattern today: 52,000 of 1,000,000.
`)
  expect(summaryMarkdown([])).toContain('Nothing was to be done.')
})

test('text of others in it has no markup, makes no row, runs no script and mentions nobody', () => {
  const evil = 'x | y\n## z <img src=x onerror=alert(1)> [a](javascript:x) @everyone `c` \u001B[31m'
  const markdown = summaryMarkdown([
    {
      ...tick,
      name: evil,
      reason: evil,
      items: [{ id: 'a', title: evil, rank: 'high', why: evil, url: 'javascript:alert(1)' }],
      change: { files: [evil, 'a`b'], lines: 1 },
      checks: [{ name: evil, ok: false, error: evil }],
      branch: evil,
      url: 'https://x.example/)<script>',
      skipped: [{ source: 'audit', why: evil }],
    },
  ])
  // What is left when escaped characters and code are taken out is ours.
  const live = markdown.replace(/\\./g, '').replace(/`[^`\n]*`/g, '')
  for (const bad of ['<', '\u001B', ']', '@everyone', '## z', '(javascript']) expect(live).not.toContain(bad)
  const table = markdown.split('\n').filter((line) => line.startsWith('|'))
  expect(table).toHaveLength(3)
})

test('outputs are single lines: those of the last tick, and the tokens of all', () => {
  expect(
    outputsOf([
      { ...tick, tokens: 800 },
      { ...tick, reason: 'a\nbranch=evil' },
    ]),
  ).toEqual({
    decision: 'act',
    outcome: 'proposed',
    verdict: 'accept',
    tokens: '6000',
    branch: 'loopwright/20260101-000000-abcdef',
    url: 'https://github.example/acme/shop/pull/9',
    run: '20260101-000000-abcdef',
    reason: 'a branch=evil',
  })
  expect(outputsOf([])).toMatchObject({ decision: 'none', outcome: 'none', tokens: '0', url: '' })
})
