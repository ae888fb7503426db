import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readSigned, signToken } from './token.ts'

const key = new Uint8Array(32).fill(1)
const token = signToken(key, { run: '20260728-120000-x1y2z3', ask: '0/2.1:4' })

test('a token names a run and an ask, and shows neither', () => {
  expect(readSigned(key, token)).toEqual({ run: '20260728-120000-x1y2z3', ask: '0/2.1:4' })
  expect(readSigned(key, ` ${token}\n`.trim())).toEqual(readSigned(key, token))
  expect(token).toMatch(/^ask_[\w-]+\.[\w-]+$/)
  expect(token).not.toContain('20260728')
})

test('a token with any character altered, dropped or added is refused', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '
  for (let at = 4; at <= token.length; at++) {
    for (const other of ['', ...alphabet]) {
      const altered = token.slice(0, at) + other + token.slice(at + 1)
      if (altered.trim() !== token) expect(() => readSigned(key, altered), altered).toThrow('altered')
    }
  }
})

test('a token of another key, or no token, is not taken', () => {
  expect(() => readSigned(new Uint8Array(32).fill(2), token)).toThrow('not one of ours')
  expect(readSigned(key, '20260728-120000-x1y2z3')).toBeUndefined()
  fc.assert(
    fc.property(fc.string(), (word) => {
      expect(() => readSigned(key, `ask_${word}`)).toThrow('altered')
    }),
  )
})
