import { expect, test } from 'vitest'
import { displayWidth, oneLine, pad, plainText, truncate } from './plain.ts'

test.each([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['a title', 'a\u001b]0;owned\u0007b', 'ab'],
  ['a link', '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
  ['an unended sequence', 'a\u001b]52;c;AAAA\nb', 'a\nb'],
  ['one-byte sequences', 'a\u009b2Jb\u0090q\u009cc', 'abc'],
  ['a bell, a backspace and a NUL', 'a\u0007b\bc\0d', 'abcd'],
  ['a carriage return', 'safe\rowned', 'safe\nowned'],
  ['text turned around', 'abc\u202edef\u2066', 'abcdef'],
  ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
  ['tabs and lines', 'a\tb\nc', 'a\tb\nc'],
])('%s cannot reach the terminal', (_, text, safe) => {
  expect(plainText(text)).toBe(safe)
})

test('wide and combining characters are counted as terminals do', () => {
  expect(displayWidth('abc')).toBe(3)
  expect(displayWidth('日本')).toBe(4)
  expect(displayWidth('e\u0301')).toBe(1)
  expect(displayWidth('👩‍👩‍👧')).toBe(2)
})

test('a text is cut to its columns, never within a character', () => {
  expect(truncate('hello', 5)).toBe('hello')
  expect(truncate('hello!', 5)).toBe('hell…')
  expect(truncate('日本語', 5)).toBe('日本…')
  expect(truncate('日本語', 4)).toBe('日…')
  expect(truncate('x', 0)).toBe('')
  expect(pad('日', 4)).toBe('日  ')
})

test('a megabyte on one line is quick', () => {
  expect(oneLine(`  fix\n\n the ${'x'.repeat(1_000_000)}`, 20)).toBe('fix the xxxxxxxxxxx…')
})
