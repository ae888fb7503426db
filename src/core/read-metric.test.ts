import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonPath, parseNumber, readMetric, regexProblem } from './read-metric.ts'

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

test.each([
  ['score: 42', 42],
  ['epoch 1 of 3\nacc 0.91\n', 0.91],
  ['1,234,567.5 requests/s', 1_234_567.5],
  ["12'500 rows", 12_500],
  ['1_000 rows', 1_000],
  ['loss 3.2e-4', 0.00032],
  ['1E+3', 1000],
  ['Coverage: 92.5%', 92.5],
  ['took 12ms', 12],
  ['took 3.5s (fast)', 3.5],
  ['delta=-7', -7],
  ['delta \u22127', -7],
  ['range 1-2', 2],
  ['p95 .5', 0.5],
  ['\u001b[32m88\u001b[0m', 88],
  ['version 1.2.3 scored 7', 7],
  ['scored 7 with version 1.2.3', 7],
  ['scored 7 at 0xff', 7],
  ['7 by sha256 and h264', 7],
  ['done 5.', 5],
])('the last number of %j is %d', (text, value) => {
  expect(readMetric(text)).toEqual({ value })
})

test.each(['', 'no number', 'loss 3\nloss nan', 'NaN', 'inf', '-Infinity', 'speed: 1e999', 'v1.2.3'])(
  'there is no number in %j',
  (text) => {
    expect(readMetric(text).error).toMatch(/number/)
  },
)

test('an expression reads its first group, or all of it; the last line that fits counts', () => {
  const text = 'score=0.5 (warm up)\nscore=0.9\nother=7\n'
  expect(readMetric(text, { regex: 'score=([0-9.]+)' })).toEqual({ value: 0.9 })
  expect(readMetric(text, { regex: '[0-9]\\.[0-9]' })).toEqual({ value: 0.9 })
  expect(readMetric('All files | 1,204 %', { regex: 'files \\|\\s*(\\S+)' })).toEqual({ value: 1204 })
  expect(readMetric('result\n  12\nok', { regex: 'result\\s+(\\d+)' })).toEqual({ value: 12 })
  expect(readMetric(text, { regex: 'speed=(.*)' }).error).toBe('nothing in the output fits /speed=(.*)/')
  expect(readMetric('score=nan', { regex: 'score=(\\w+)' }).error).toBe('"nan" is no finite number')
  expect(readMetric('score=1,5', { regex: 'score=(.*)' }).error).toBe('"1,5" is no finite number')
  expect(readMetric('x', { regex: '(' }).error).toBe('/(/ is no regular expression')
})

test.each(['(a+)+$', '(a*)*', '(\\w+\\s?)+', '(.*)+x', '(a|a)*b', '((ab?)*)*', '(?:[a-z]+)+!', '(x+x+)+', '([^,]*)*'])(
  'the expression %s is refused: it may take for ever',
  (pattern) => {
    expect(regexProblem(pattern)).toMatch(/for ever/)
    expect(readMetric('a'.repeat(100), { regex: pattern }).error).toMatch(/for ever/)
  },
)

test.each([
  'score=([0-9.]+)',
  '(\\d+(?:\\.\\d+)?)\\s*ops',
  '(?:\\d+,)*\\d+',
  '(\\d{1,3}(?:,\\d{3})*)',
  '\\((\\d+)\\)',
  '[(+]+(\\d+)',
  '(?<n>\\d+)%',
])('the expression %s is fine', (pattern) => {
  expect(regexProblem(pattern)).toBeUndefined()
})

test('an expression that repeats anything several times sees less of a line, and one that does so too often is refused', () => {
  const text = `${'a'.repeat(5_000)}\n`.repeat(3)
  expect(readMetric(text, { regex: 'a.*a.*x(\\d+)' }).value).toBeUndefined()
  expect(readMetric(`${'b'.repeat(5_000)} score=3 of 4`, { regex: '^.*score=(\\d+).*$' })).toEqual({ value: 3 })
  expect(regexProblem('a.*b.*c.*d.*(e.*)f')).toMatch(/for ever/)
  expect(readMetric('run: score of all = 12', { regex: '.*score.*=.*?(\\d+)' })).toEqual({ value: 12 })
})

test('a long line and a long output are read from their end, in bounded time', () => {
  const long = `${'x'.repeat(3_000_000)} 5\n${'a '.repeat(400_000)}score=3`
  expect(readMetric(long)).toEqual({ value: 3 })
  expect(readMetric(long, { regex: 'score=(\\d+)' })).toEqual({ value: 3 })
  expect(readMetric(`score=1\n${'y'.repeat(2_000_000)}`, { regex: 'score=(\\d+)' }).value).toBeUndefined()
})

test('a path reads the last JSON value that has it', () => {
  const text = 'start {"a": {"b": [{"c": 1}]}}\nlog [3]\n{"a": {"b": [{"c": "2.5%"}]}}\n{"done": true}\n'
  expect(readMetric(text, { json: 'a.b[0].c' })).toEqual({ value: 2.5 })
  expect(readMetric(text, { json: '$.a["b"][0].c' })).toEqual({ value: 2.5 })
  expect(readMetric('{\n  "total": { "lines": { "pct": 91.2 } }\n}', { json: 'total.lines.pct' })).toEqual({
    value: 91.2,
  })
  expect(readMetric('0.5', { json: '$' })).toEqual({ value: 0.5 })
  expect(readMetric(text, { json: 'a.x' }).error).toBe('no JSON in the output has a.x')
  expect(readMetric(text, { json: 'done' }).error).toBe('done is no number')
  expect(readMetric('none', { json: 'a' }).error).toBe('there is no JSON value in the output')
  expect(readMetric('{}', { json: '__proto__.x' }).value).toBeUndefined()
  expect(readMetric('{"a": 1e999}', { json: 'a' }).error).toMatch(/finite/)
  expect(jsonPath('a[b')).toBeUndefined()
  expect(jsonPath('')).toBeUndefined()
})

test('whatever a program prints before it, a finite number at the end is read as it is', () => {
  fc.assert(
    fc.property(fc.string(), finite, (noise, value) => {
      expect(readMetric(`${noise}\nmetric: ${value}\n`)).toEqual({ value: value === 0 ? 0 : value })
      expect(readMetric(`${noise}\n${JSON.stringify({ m: { v: value } })}`, { json: 'm.v' })).toEqual({
        value: value === 0 ? 0 : value,
      })
    }),
  )
})

test('no output and no expression makes the reader throw or answer what is not finite', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ maxLength: 12 }), (text, pattern) => {
      for (const source of [{}, { regex: pattern }, { json: pattern }]) {
        const { value, error } = readMetric(text, source)
        if (value === undefined) expect(error).toEqual(expect.any(String))
        else expect(Number.isFinite(value)).toBe(true)
      }
    }),
  )
})

test('thousands are read however they are grouped', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000 }), fc.constantFrom(',', '_', "'", '\u00a0'), (value, mark) => {
      const grouped = String(value).replace(/\B(?=(\d{3})+$)/g, mark)
      expect(parseNumber(grouped)).toEqual({ value })
      expect(readMetric(`total ${grouped} B`)).toEqual({ value })
    }),
  )
})
