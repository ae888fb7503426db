import fc from 'fast-check'
import { expect, test } from 'vitest'
import { extractJson } from './extract.ts'

const million = 1_000_000

test('the whole text is taken when it is JSON', () => {
  expect(extractJson(' {"a": [1, "two", null]} \n')).toEqual({ a: [1, 'two', null] })
  expect(extractJson('\uFEFF[]')).toEqual([])
  expect(extractJson('null')).toBe(null)
})

test('a json fence wins over a plain one and over braces in the prose', () => {
  const text = 'use {braces} and [1]\n```\n{"first": 1}\n```\ntext\n```json\n{"second": 2}\n```\n'
  expect(extractJson(text)).toEqual({ second: 2 })
})

test('any fence is read when none says json', () => {
  expect(extractJson('Plan:\n\n  ```\n  ["a", "b"]\n  ```\nDone [3].')).toEqual(['a', 'b'])
  expect(extractJson('```\nnull\n```')).toBeUndefined()
})

test('a fence that was cut off before its end is still read', () => {
  expect(extractJson('```json\n{"a": 1}')).toEqual({ a: 1 })
})

test('a fence mark inside a JSON string does not end the fence', () => {
  expect(extractJson('```json\n{"code": "```js\\nx()\\n```"}\n```')).toEqual({ code: '```js\nx()\n```' })
})

test('the first balanced object or array in prose is taken, strings and escapes understood', () => {
  expect(extractJson('Answer: {"a": "}{ \\" ]", "b": {"c": []}} and {"later": 1}')).toEqual({
    a: '}{ " ]',
    b: { c: [] },
  })
  expect(extractJson('```json {"inline": true} ```')).toEqual({ inline: true })
})

test('a candidate that does not parse gives way to the next one, also inside it', () => {
  expect(extractJson('use {like this} or {"a": 1}')).toEqual({ a: 1 })
  expect(extractJson('if (x) { return {"a": 1} }')).toEqual({ a: 1 })
  expect(extractJson('open { never closed, "odd quote {"a": 1}')).toEqual({ a: 1 })
  expect(extractJson('["cut {"a": [1, 2]}')).toEqual({ a: [1, 2] })
  expect(extractJson('{"trailing": 1,} [2]')).toEqual([2])
})

test('what accept turns down is skipped', () => {
  const isObject = (value: unknown) => typeof value === 'object' && !Array.isArray(value)
  expect(extractJson('as shown in [1]: {"ok": true}', isObject)).toEqual({ ok: true })
  expect(extractJson('[{"inside": 1}]', isObject)).toBeUndefined()
})

test('nothing is found where there is nothing', () => {
  for (const text of ['', '   ', 'just words', '{', ']', '{"a": }', "{'a': 1}", '{"a": 01}', '{"a": "\t"}']) {
    expect(extractJson(text)).toBeUndefined()
  }
})

test('nesting that would overflow a recursive reader is not an answer', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(JSON.stringify(extractJson(deep) ?? null).length).toBeLessThan(1100)
})

test('every JSON object or array is found whole, in a fence and in prose', () => {
  const container = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()))
  const prose = fc.string().map((text) => text.replaceAll(/[[\]{}`]/g, ''))
  fc.assert(
    fc.property(container, prose, prose, fc.boolean(), (value, before, after, pretty) => {
      const json = JSON.stringify(value, null, pretty ? 2 : 0)
      const same = JSON.parse(json)
      expect(extractJson(json)).toEqual(same)
      expect(extractJson(`${before}\n\`\`\`json\n${json}\n\`\`\`\n${after}`)).toEqual(same)
      expect(extractJson(`words ${before} ${json} ${after}`)).toEqual(same)
    }),
  )
})

test('whatever is found parses, and nothing throws', () => {
  const shard = fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', 'true', 'a', ' ', '\n', '```', 'json')
  fc.assert(
    fc.property(fc.array(shard, { maxLength: 60 }), (shards) => {
      const text = shards.join('')
      const found = extractJson(text)
      // The plain way, with no thought of speed: some stretch of the text must parse to the same.
      const plain = candidates(text)
      if (found === undefined) expect(plain.size).toBe(0)
      else if (typeof found === 'object' && found !== null) expect(plain).toContain(JSON.stringify(found))
    }),
    { numRuns: 2000 },
  )
})

function candidates(text: string): Set<string> {
  const found = new Set<string>()
  for (let start = 0; start < text.length; start += 1) {
    if (text[start] !== '{' && text[start] !== '[') continue
    for (let end = start + 1; end <= text.length; end += 1) {
      try {
        found.add(JSON.stringify(JSON.parse(text.slice(start, end))))
      } catch {
        // not this stretch
      }
    }
  }
  return found
}

test('a megabyte that was made to be slow is read in linear time', () => {
  const hostile = [
    '{',
    '[',
    '["',
    '[[1],',
    '{"a":',
    '{"a":[',
    '[1,',
    '"[',
    '\\"{',
    '["[\\"',
    '```\n',
    '{"a":"\\',
    '[{},',
  ]
  for (const part of hostile) {
    const text = part.repeat(Math.ceil(million / part.length))
    const started = performance.now()
    extractJson(text)
    extractJson(`${text} {"a": 1}`, () => false)
    // Quadratic work on a megabyte takes hours; the bound only has to tell the two apart on a busy machine.
    expect(performance.now() - started).toBeLessThan(10_000)
  }
})
