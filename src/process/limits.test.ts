import { expect, test } from 'vitest'
import { limitOf } from './limits.ts'

test('a limit is a number above 0; 0, none and no end are none', () => {
  expect([1, 0.5, undefined, 0, -0, Number.POSITIVE_INFINITY].map((given) => limitOf('stallMs', given))).toEqual([
    1,
    0.5,
    ...Array(4).fill(undefined),
  ])
})

test.each([-1, -0.1, Number.NaN, Number.NEGATIVE_INFINITY])('%d is refused, and it is said what to give', (given) => {
  expect(() => limitOf('stallMs', given)).toThrow(
    expect.objectContaining({ code: 'bad_input', hint: 'give a stallMs above 0, or 0 for none' }),
  )
})
