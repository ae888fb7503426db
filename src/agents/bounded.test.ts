import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedText, bound, endOf } from './bounded.ts'

test('short text is kept as it is, long text keeps both ends', () => {
  expect(bound('abc', 3)).toBe('abc')
  expect(bound('abcdef', 4)).toBe('ab\n… [2 characters left out] …\nef')
  expect(endOf(' abc\n', 3)).toBe('abc')
  expect(endOf('abcdef', 4)).toBe('…def')
})

test('text that comes in pieces is bounded like the whole, and no character is cut in two', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  fc.assert(
    fc.property(fc.array(text), fc.integer({ min: 2, max: 300 }), (pieces, limit) => {
      const collected = new BoundedText(limit)
      for (const piece of pieces) collected.add(piece)
      const whole = pieces.join('')
      const even = 2 * Math.floor(limit / 2)
      expect(collected.text).toBe(bound(whole, even))
      expect(collected.chars).toBe(whole.length)
      expect(collected.text.isWellFormed()).toBe(whole.isWellFormed())
      expect(endOf(whole, limit).length).toBeLessThanOrEqual(limit)
    }),
  )
})
