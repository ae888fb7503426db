import { expect, test } from 'vitest'
import { budgetLine, tickLines, ticksText, withCommas } from './text.ts'
import type { TickResult } from './tick.ts'

const ruled = (decision: 'allow' | 'escalate' | 'deny', reason: string) => ({
  gate: { decision, trigger: 'ok', reason, matchedPaths: [], risks: [] } as const,
})
const tick = (more: Partial<TickResult> = {}): TickResult => ({
  ...{ run: 'r1', pattern: 'daily-triage', name: 'Daily Triage', tick: 1, level: 'L2', dryRun: true },
  ...{ agent: 'scripted', decision: 'act', outcome: 'would_commit', reason: 'safe' },
  ...{ items: [], skipped: [], checks: [], tokens: 5000, costUsd: 0, spent: 5000, cap: 100_000 },
  ...{ startedAt: '2026-01-01T00:00:00.000Z', duration: 1 },
  ...more,
})

test('a dry run reads like a demonstration', () => {
  const acted = tick({
    verdict: 'accept',
    item: { id: 'todo:1', title: 'a door', attempt: 1 },
    change: { files: ['src/example.ts'], lines: 2 },
    ...ruled('allow', 'safe: nothing of it is protected'),
  })
  expect(ticksText([acted])).toMatchInlineSnapshot(`
    "Ran 1 tick(s) of Daily Triage [L2] via the scripted agent (dry-run):

      tick 1: act (accept) — 5000 tokens
        triage decision: act
        item: todo:1 — a door (try 1)
        proposed change touching src/example.ts
        verifier verdict: accept
        would commit: safe: nothing of it is protected

    Budget: 5,000 / 100,000 tokens spent today."
  `)
})

test('several ticks have a block each, under the last one’s figures', () => {
  const text = ticksText([
    tick({ decision: 'noop', outcome: 'noop', reason: 'nothing was found', dryRun: false, agent: 'codex' }),
    tick({
      tick: 2,
      dryRun: false,
      agent: 'codex',
      spent: 1_234_567,
      cap: null,
      outcome: 'committed',
      branch: 'loopwright/r1',
    }),
  ])
  expect(text.split('\n')[0]).toBe('Ran 2 tick(s) of Daily Triage [L2] via codex:')
  expect(text).toContain('  tick 1: noop — 5000 tokens\n    triage decision: noop, nothing was found')
  expect(text).toContain('    committed: safe (loopwright/r1)')
  expect(text).toContain('Budget: 1,234,567 tokens spent today, no cap.')
  expect(ticksText([])).toBe('no tick was run')
})

test.each<[string, Partial<TickResult>, string]>([
  [
    'escalated',
    { outcome: 'escalated', ...ruled('escalate', 'on the denylist: .env') },
    'escalated to a human: on the denylist: .env; loopwright approve r1, or deny',
  ],
  [
    'would_escalate',
    { outcome: 'would_escalate', ...ruled('escalate', 'too many') },
    'would escalate to a human: too many',
  ],
  ['denied', { outcome: 'denied', ...ruled('deny', 'a secret') }, 'denied by the gate: a secret'],
  [
    'rejected',
    { outcome: 'rejected', verdict: 'reject', reason: 'tests fail' },
    'verifier verdict: reject, tests fail',
  ],
  ['discarded', { outcome: 'rejected', verdict: 'reject' }, 'discarded: the verifier did not accept it'],
  ['proposed', { outcome: 'proposed', url: 'http://x/1', branch: 'b' }, 'proposed: safe (http://x/1)'],
  ['merged', { outcome: 'merged' }, 'merged: safe'],
  ['failed', { outcome: 'failed', reason: 'it broke' }, 'failed: it broke'],
  ['halted', { decision: 'halt', outcome: 'halted', reason: 'paused' }, 'halted: paused'],
  ['lowered', { lowered: '80 % are used', level: 'L1' }, 'level L1: 80 % are used'],
  ['skipped', { skipped: [{ source: 'ci', why: 'no gh' }] }, 'not looked at: ci (no gh)'],
  ['checked', { checks: [{ name: 'test', ok: false, error: 'exit 1' }] }, 'check test: failed, exit 1'],
  ['passed', { checks: [{ name: 'test', ok: true, error: null }] }, 'check test: passed'],
  ['no files', { change: { files: [], lines: 0 } }, 'proposed change touching nothing'],
  [
    'many files',
    { change: { files: ['a', 'b', 'c', 'd', 'e'], lines: 9 } },
    'proposed change touching a, b, c and 2 more',
  ],
])('what was %s is said', (_name, more, line) => {
  expect(tickLines(tick(more))).toContain(`    ${line}`)
})

test('of many items the first are shown', () => {
  const items = Array.from({ length: 13 }, (_, n) => ({ id: `i${n}`, title: 't', rank: 'watch', why: '' }) as const)
  const lines = tickLines(tick({ decision: 'report', outcome: 'reported', items }))
  expect(lines.filter((line) => line.includes('watch: '))).toHaveLength(10)
  expect(lines).toContain('    and 3 more')
})

test('no text from outside gets a line, a colour or a screen of its own', () => {
  const evil = 'x\n\u001b[2J\u202Ey'
  const text = ticksText([
    tick({
      ...{ name: evil, agent: evil, reason: evil, lowered: evil, decision: 'report', outcome: 'reported' },
      items: [{ id: evil, title: evil, rank: 'high', why: evil }],
      skipped: [{ source: 'ci', why: evil }],
      item: { id: evil, title: evil, attempt: 1 },
      change: { files: [evil], lines: 1 },
      checks: [{ name: evil, ok: false, error: evil }],
      ...ruled('deny', evil),
    }),
  ])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
  expect(text).not.toMatch(/[\u001B\u202E]/)
  expect(text.split('\n').filter((line) => line.startsWith('y') || line.startsWith('x'))).toEqual([])
  expect(tickLines(tick({ reason: 'z'.repeat(9000), outcome: 'failed' })).every((line) => line.length < 310)).toBe(true)
})

test('numbers have commas in their thousands', () => {
  expect([0, 999, 1000, 123_456, 1_234_567.4].map(withCommas)).toEqual(['0', '999', '1,000', '123,456', '1,234,567'])
  expect(budgetLine({ spent: 0, cap: 0 })).toBe('Budget: 0 / 0 tokens spent today.')
})
