import { expect, test } from 'vitest'
import { lastOf, Tail } from './tail.ts'

/** What stays of a text that comes in pieces of so many bytes. */
function kept(text: string, limit: number, piece: number, head = 0): { readonly text: string; readonly head: string } {
  const tail = new Tail(limit, head)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += piece) tail.add(bytes.subarray(at, at + piece))
  return { text: tail.text, head: tail.head }
}

test('keeps the same end and beginning, however the text comes', () => {
  const text = Array.from({ length: 500 }, (_, line) => `${line} ä€😀 `).join('')
  for (const limit of [0, 1, 2, 7, 100, 5000, 100_000]) {
    for (const piece of [1, 2, 3, 5, 64, 1000, 1_000_000]) {
      expect(kept(text, limit, piece, limit)).toEqual({ text: lastOf(text, limit), head: text.slice(0, limit) })
    }
  }
})

test('bytes that are no text do no harm', () => {
  const tail = new Tail(4, 2)
  for (let at = 0; at < 100; at++) tail.add(Uint8Array.of(0x80, 0xff))
  tail.add(Buffer.from('ab'))
  expect(tail.text).toBe('\ufffd\ufffdab')
  expect(tail.head).toBe('\ufffd\ufffd')
})

test('a character that never came to its end is shown as broken', () => {
  const tail = new Tail(10, 10)
  tail.add(Uint8Array.of(0x41, 0xe2, 0x82))
  expect([tail.text, tail.head]).toEqual(['A\ufffd', 'A\ufffd'])
})

test('nothing is nothing', () => {
  expect(kept('', 10, 1, 10)).toEqual({ text: '', head: '' })
})
