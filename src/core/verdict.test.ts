import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CheckResult } from './ports.ts'
import { aggregate, closedGates, decide, describeCheck, type Review, type WorkerResult } from './verdict.ts'

const open: Review = {
  quality_ok: true,
  consistency_ok: true,
  goal_aligned: true,
  goal_complete: true,
  issues: [],
  follow_up_questions: [],
}
const worker: WorkerResult = { id: 's1', description: 'write it', ok: true, output: 'wrote it', error: undefined }
const check: CheckResult = {
  name: 'npm test',
  ok: true,
  exit_code: 0,
  stdout: '',
  stderr: '',
  error: null,
  duration: 1,
}
const fine = { results: [worker], checks: [check], review: { review: open } }

test('work is accepted when workers, checks, gates and the verdict all say so, and there is nothing to feed back', () => {
  expect(decide(fine)).toEqual({ accept: true, gatesPassed: true, goalComplete: true, feedback: '' })
})

test.each<[string, Parameters<typeof decide>[0], string]>([
  [
    'a failed worker',
    { ...fine, results: [{ ...worker, ok: false, error: 'no luck' }] },
    '## Failed subgoals\n- s1: no luck',
  ],
  [
    'a failed check',
    { ...fine, checks: [{ ...check, ok: false, exit_code: 1 }] },
    '## Verification failures\n- npm test: exit 1',
  ],
  ['a shut gate', { ...fine, review: { review: { ...open, quality_ok: false } } }, '## Gates not passed\n- quality_ok'],
  [
    'a goal not complete',
    { ...fine, review: { review: { ...open, goal_complete: false } } },
    '## Gates not passed\n- goal_complete',
  ],
  [
    'no review',
    { ...fine, review: { error: 'timeout' } },
    '## Reviewer issues\n- the review could not be used: timeout',
  ],
  ['a hook', { ...fine, blocked: 'not on Fridays' }, '## Blocked by a hook\n- not on Fridays'],
])('%s blocks acceptance, and is fed back', (_, facts, feedback) => {
  const verdict = decide(facts)
  expect(verdict.accept).toBe(false)
  expect(verdict.feedback).toContain(feedback)
})

test('an iteration in which nobody worked is not accepted', () => {
  expect(decide({ ...fine, results: [] }).accept).toBe(false)
})

test('feedback has its sections in order, and only those that say something', () => {
  const { feedback } = decide({
    results: [{ ...worker, ok: false, error: 'no luck' }],
    checks: [{ ...check, ok: false, exit_code: 1, stdout: 'a\n', stderr: 'b\n' }],
    review: { review: { ...open, consistency_ok: false, goal_complete: false, issues: ['too short', 'too slow'] } },
  })
  expect(feedback).toBe(
    [
      '## Failed subgoals\n- s1: no luck',
      '## Verification failures\n- npm test: exit 1\na\nb',
      '## Reviewer issues\n- too short\n- too slow',
      '## Gates not passed\n- consistency_ok\n- goal_complete',
    ].join('\n\n'),
  )
})

test('no model can make up for anything: acceptance is exactly all of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { maxLength: 4 }),
      fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
      (workers, checks, [quality_ok, consistency_ok, goal_aligned, goal_complete]) => {
        const verdict = decide({
          results: workers.map((ok) => ({ ...worker, ok })),
          checks: checks.map((ok) => ({ ...check, ok })),
          review: { review: { ...open, quality_ok, consistency_ok, goal_aligned, goal_complete } },
        })
        const all = [...workers, ...checks, quality_ok, consistency_ok, goal_aligned, goal_complete]
        expect(verdict.accept).toBe(all.every(Boolean))
        expect(verdict.feedback === '').toBe(verdict.accept)
      },
    ),
  )
})

test('closed gates are the three of quality, consistency and goal; completeness is none of them', () => {
  expect(closedGates({ ...open, goal_complete: false })).toEqual([])
  expect(closedGates({ ...open, quality_ok: false, goal_aligned: false })).toEqual(['quality_ok', 'goal_aligned'])
})

test('outputs are put together in plan order, with the error where there is no output', () => {
  const failed = { ...worker, id: 's2', description: 'test it', ok: false, error: 'timed out' }
  expect(aggregate([worker, failed])).toBe('### s1: write it\nwrote it\n\n### s2: test it\ntimed out')
  expect(aggregate([])).toBe('')
})

test('a check is described by why it failed and the end of what it printed', () => {
  expect(describeCheck({ ...check, ok: false, exit_code: null, error: 'timed out after 60s' })).toBe(
    'npm test: timed out after 60s',
  )
  expect(describeCheck({ ...check, ok: false, exit_code: 2, stdout: ' out \n', stderr: '\n' })).toBe(
    'npm test: exit 2\nout',
  )
})
