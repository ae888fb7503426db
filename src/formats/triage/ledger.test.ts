import { expect, it } from 'vitest'
import { addAttempt, failedAttempts, parseLedger } from './ledger.ts'

const owner = { goal: 'green checks', pattern: 'ci-sweeper', level: 'L2' }
const tried = {
  action: 'mend the test',
  outcome: 'failure' as const,
  error: 'still red',
  tokensUsed: 12,
  item: 'ci:main',
  run: 'run-1',
}

it('tries are added one after another, each run once', () => {
  const one = addAttempt('', 'l.json', tried, owner)
  expect(JSON.parse(one)).toEqual({ ...owner, attempts: [{ iteration: 1, ...tried, pattern: 'ci-sweeper' }] })
  expect(addAttempt(one, 'l.json', tried, owner)).toBe(one)
  const two = addAttempt(one, 'l.json', { ...tried, run: 'run-2' }, owner)
  expect(failedAttempts(parseLedger(two, 'l.json'), 'ci-sweeper').get('ci:main')).toBe(2)
  const won = addAttempt(two, 'l.json', { ...tried, outcome: 'success', run: 'run-3' }, owner)
  expect(failedAttempts(parseLedger(won, 'l.json'), 'ci-sweeper').size).toBe(0)
})

it('a ledger of another tool keeps its keys, and of another pattern its name', () => {
  const text = JSON.stringify({
    pattern: 'daily-triage',
    mood: 'good',
    attempts: [{ iteration: 4, action: 'x', outcome: 'failure', tokensUsed: 1, extra: 1 }],
  })
  const after = JSON.parse(addAttempt(text, 'l.json', tried, owner))
  expect(after).toMatchObject({
    pattern: 'daily-triage',
    mood: 'good',
    attempts: [{ extra: 1 }, { iteration: 5, pattern: 'ci-sweeper' }],
  })
})

it('no more than 500 tries are kept', () => {
  const attempts = Array.from({ length: 500 }, (_, i) => ({
    iteration: i + 1,
    action: 'x',
    outcome: 'noop',
    tokensUsed: 0,
  }))
  const after = parseLedger(addAttempt(JSON.stringify({ attempts }), 'l.json', tried, owner), 'l.json')
  expect(after.attempts).toHaveLength(500)
  expect(after.attempts.at(-1)?.iteration).toBe(501)
})

it.each([
  ['{\n  "attempts": [\n', /^l\.json:3: this is not JSON/],
  [
    '{\n  "attempts": [\n    { "iteration": 1, "action": "x", "outcome": "won" }\n  ]\n}',
    /^l\.json:3:49: attempts\[0\]\.outcome: "won" is not allowed/,
  ],
  ['[]', /l\.json:1:1: expected a map of keys/],
  ['{"attempts": {}}', /attempts: expected a list/],
  ['[[[', /this is not JSON/],
  ['{"attempts":[{"iteration":1,"action":"a\0b","outcome":"noop"}]}', /this is not JSON/],
  ['x'.repeat(1_100_000), /too large/],
])('a broken one is told with its line and not overwritten', (text, message) => {
  expect(() => parseLedger(text, 'l.json')).toThrow(message)
  expect(() => addAttempt(text, 'l.json', tried, owner)).toThrow(message)
})

it('keys like __proto__ are keys', () => {
  const text = '{"__proto__": {"x": 1}, "attempts": []}'
  expect(failedAttempts(parseLedger(text, 'l.json'), 'constructor').size).toBe(0)
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
})
