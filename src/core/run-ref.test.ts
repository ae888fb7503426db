import { expect, test } from 'vitest'
import { matchRun } from './run-ref.ts'

const ids = ['20261121-080000-bbbbbb', '20261121-071001-abc123', '20261120-071001-abc999']

test('a run is found by its id, a beginning, an end, or as the last', () => {
  expect(matchRun('20261121-071001-abc123', ids)).toBe(ids[1])
  expect(matchRun('20261121-07', ids)).toBe(ids[1])
  expect(matchRun('abc999', ids)).toBe(ids[2])
  expect(matchRun('LAST', ids)).toBe(ids[0])
})

test('what fits no run, or several, is refused with what to do', () => {
  expect(() => matchRun('zzz', ids)).toThrow('no run "zzz"')
  expect(() => matchRun('', ids)).toThrow('no run ""')
  expect(() => matchRun('20261121', ids)).toThrow('2 runs fit "20261121"')
  expect(() => matchRun('last', [])).toThrow('there is no run yet')
})
