import { expect, test } from 'vitest'
import { decodeToken, encodeToken } from './token.ts'

test.each(['0/:3', '0/2.1:4', '12/2.1-0:4'.replace('-0', '.0'), '3/1:0'])('%s survives as a token', (ask) => {
  const token = encodeToken({ run: '20261121-071001-abc123', ask })
  expect(token).toMatch(/^[\w~.-]+$/)
  expect(decodeToken(token)).toEqual({ run: '20261121-071001-abc123', ask })
})

test('a run id alone is a token', () => {
  expect(decodeToken(' 20261121-071001-abc123\n')).toEqual({ run: '20261121-071001-abc123' })
})

test.each(['', 'a b', '../x', 'run~', 'run~x', 'run~1.2'])('%j is refused', (token) => {
  expect(() => decodeToken(token)).toThrow(/is not a resume token/)
})
