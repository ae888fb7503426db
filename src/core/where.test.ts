import { expect, test } from 'vitest'
import { parseWhere, type Shown } from './where.ts'

const run: Shown = {
  id: 'r1',
  loop: 'goal',
  kind: 'goal',
  version: '1',
  spec: { goal: 'g', agent: 'codex' },
  labels: { team: 'web' },
  project: '/p',
  scopes: [],
  createdAt: 0,
  updatedAt: 0,
  status: 'done',
  epoch: 1,
  segmentSeq: 0,
  lastSeq: 0,
  activeMs: 0,
}

test.each([
  ['status=done', true],
  ['status=failed,done', true],
  ['status!=done', false],
  ['status=done agent=codex label.team=web', true],
  ['status=done label.team=api', false],
  ['label.toString=x', false],
  ['model!=x', true],
])('%s', (filter, fits) => {
  expect(parseWhere(filter)(run)).toBe(fits)
})

test.each([
  ['', 'the filter is empty'],
  ['done', '"done" is not a condition'],
  ['state=done', 'a run has no "state"'],
  ['status=don', 'no run has the status "don"'],
  ['constructor=x', 'a run has no "constructor"'],
])('%j is refused: %s', (filter, message) => {
  expect(() => parseWhere(filter)).toThrow(message)
})
