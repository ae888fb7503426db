import type { Json } from './json.ts'

/** Deeper than this is not an answer but an attack on whoever walks it recursively. */
const maxDepth = 500

/**
 * Finds the JSON in what a model wrote: the whole text, else a fenced block (```json first, then any), else the first
 * balanced `{…}` or `[…]` that parses. Linear in the length of the text.
 *
 * @param accept narrows what is looked for: a candidate it turns down is skipped and the search goes on
 * @returns the value, or undefined when there is none (so `null` is a value that was found)
 * @example extractJson('Sure!\n```json\n{"a": 1}\n```') // { a: 1 }
 */
export function extractJson(text: string, accept: (value: Json) => boolean = () => true): Json | undefined {
  const whole = parse(text.trim())
  if (whole !== undefined && accept(whole)) return whole
  const blocks = fences(text)
  for (const block of blocks.filter((each) => each.json)) {
    const value = parse(block.text)
    if (value !== undefined && accept(value)) return value
  }
  for (const block of blocks.filter((each) => !each.json)) {
    const value = parse(block.text)
    // A bare word or number in a fence is output that was quoted, not an answer.
    if (typeof value === 'object' && value !== null && accept(value)) return value
  }
  return firstBalanced(text, accept)
}

function parse(text: string): Json | undefined {
  if (text === '') return undefined
  if (isOpener(text.charCodeAt(0)) && scan(text, 0, new Map(), new Set()) !== text.length) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

interface Fence {
  readonly json: boolean
  readonly text: string
}

/** Markdown fences; one that is never closed reaches to the end, as in an answer that was cut off. */
function fences(text: string): Fence[] {
  const found: Fence[] = []
  if (!text.includes('```')) return found
  let open: { json: boolean; start: number } | undefined
  let at = 0
  while (at <= text.length) {
    const newline = text.indexOf('\n', at)
    const end = newline === -1 ? text.length : newline
    let first = at
    while (first < end && (text[first] === ' ' || text[first] === '\t' || text[first] === '>')) first += 1
    if (text.startsWith('```', first)) {
      if (open === undefined) {
        open = { json: /^`{3,}\s{0,8}jsonc?5?\b/i.test(text.slice(first, first + 32)), start: end + 1 }
      } else {
        found.push({ json: open.json, text: text.slice(open.start, at).trim() })
        open = undefined
      }
    }
    at = end + 1
  }
  if (open !== undefined) found.push({ json: open.json, text: text.slice(open.start).trim() })
  return found
}

function firstBalanced(text: string, accept: (value: Json) => boolean): Json | undefined {
  // What one scan learnt of the openers it passed, so that no stretch of text is read again and again.
  const closed = new Map<number, number>()
  const failed = new Set<number>()
  for (let at = 0; at < text.length; at += 1) {
    if (!isOpener(text.charCodeAt(at)) || failed.has(at)) continue
    const end = closed.get(at) ?? scan(text, at, closed, failed)
    if (end === undefined) continue
    const value = JSON.parse(text.slice(at, end)) as Json
    if (accept(value)) return value
    at = end - 1
  }
  return undefined
}

const quote = 0x22
const backslash = 0x5c
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const escapeSequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

const isOpener = (code: number): boolean => code === 0x7b || code === 0x5b
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

type Expect = 'value' | 'valueOrClose' | 'key' | 'keyOrClose' | 'colon' | 'commaOrClose'

/**
 * Reads one JSON object or array strictly from `start`. Answers where it ends, or undefined when it is none; either way it
 * notes in `closed` and `failed` what became of every opener on the way.
 */
function scan(text: string, start: number, closed: Map<number, number>, failed: Set<number>): number | undefined {
  const stack: number[] = []
  let expect: Expect = 'value'
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (isSpace(code)) {
      at += 1
      continue
    }
    const top = stack.at(-1)
    if ((code === 0x7d || code === 0x5d) && top !== undefined) {
      const opener = code === 0x7d ? 0x7b : 0x5b
      const empty = expect === (code === 0x7d ? 'keyOrClose' : 'valueOrClose')
      if (text.charCodeAt(top) !== opener || !(empty || expect === 'commaOrClose')) break
      at += 1
      stack.pop()
      closed.set(top, at)
      if (stack.length === 0) return at
      expect = 'commaOrClose'
      continue
    }
    if (expect === 'colon') {
      if (code !== 0x3a) break
      expect = 'value'
      at += 1
    } else if (expect === 'commaOrClose') {
      if (code !== 0x2c || top === undefined) break
      expect = text.charCodeAt(top) === 0x7b ? 'key' : 'value'
      at += 1
    } else if (expect === 'key' || expect === 'keyOrClose') {
      const end = code === quote ? stringEnd(text, at) : undefined
      if (end === undefined) break
      expect = 'colon'
      at = end
    } else if (isOpener(code)) {
      if (stack.length === maxDepth) break
      stack.push(at)
      expect = code === 0x7b ? 'keyOrClose' : 'valueOrClose'
      at += 1
    } else {
      const end = code === quote ? stringEnd(text, at) : scalarEnd(text, at)
      if (end === undefined) break
      expect = 'commaOrClose'
      at = end
    }
  }
  for (const opener of stack) failed.add(opener)
  return undefined
}

function stringEnd(text: string, start: number): number | undefined {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code < 0x20) return undefined
    if (code === backslash) {
      escapeSequence.lastIndex = at
      if (!escapeSequence.test(text)) return undefined
      at = escapeSequence.lastIndex
    } else {
      at += 1
    }
  }
  return undefined
}

function scalarEnd(text: string, start: number): number | undefined {
  for (const word of ['true', 'false', 'null']) if (text.startsWith(word, start)) return start + word.length
  number.lastIndex = start
  return number.test(text) ? number.lastIndex : undefined
}
