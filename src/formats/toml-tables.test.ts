import { expect, test } from 'vitest'
import { changeTable, type TomlChange, tomlValue } from './toml-tables.ts'

const change: TomlChange = { table: ['a', 'b'], set: { x: 1 }, start: { y: 2 }, inner: { in: { k: 'v' } } }
const block = '[a.b]\nx = 1\nin = { "k" = "v" }\ny = 2\n'

test.each([
  ['', block],
  ['\n\n', block],
  ['z = 1', `z = 1\n\n${block}`],
  ['\n\n# first\n\n\n', `\n\n# first\n\n${block}`],
  ['[a]\nz = 1\n', `[a]\nz = 1\n\n${block}`],
  ['a.c.z = 1\n', `a.c.z = 1\n\n${block}`],
  ['list = [\n  ["a.b"],\n  [1],\n]\n', `list = [\n  ["a.b"],\n  [1],\n]\n\n${block}`],
  ['z = "[a.b]" # x = 1\n', `z = "[a.b]" # x = 1\n\n${block}`],
  ["# don't\n[[c]]\n[[c]]\n", `# don't\n[[c]]\n[[c]]\n\n${block}`],
  ['[a.b.in]\n', '[a.b.in]\nk = "v"\n\n[a.b]\nx = 1\ny = 2\n'],
  ['[ a . "b" ] # mine\ny = 5\nx = 3 # old\n\n[c]\n', '[ a . "b" ] # mine\ny = 5\nx = 1\nin = { "k" = "v" }\n\n[c]\n'],
  ['[\'a\'.b]\nin = { k = "old", l = "m" } # mine\n', '[\'a\'.b]\nin = { "k" = "v", "l" = "m" }\nx = 1\ny = 2\n'],
])('%j becomes %j, and stays so', (text, expected) => {
  expect(changeTable(text, change)).toBe(expected)
  expect(changeTable(expected, change)).toBe(expected)
})

test.each([
  ['a = {}'],
  ['a.b = {}'],
  ['a.b.x = 1'],
  ['[a]\nb = { x = 1 }'],
  ['[a]\n"b".x = 1'],
  ['[[a]]'],
  ['[[a.b]]'],
  ['[a.b]\n[a.b]'],
  ['[a.b]\nx = [\n 1,\n]'],
  ['[a.b]\nin.k = "w"'],
  ['[a.b]\nin = { n = 1 }'],
  ['[a.b]\nin = 1'],
  ['[a."\\u0062"]'],
  ['t = """\n[a.b]\n"""'],
  ["t = '''\n[a.b]\n'''"],
  ['t = "open\n[a.b]'],
  ['t = [\n[a.b]'],
  ['[]'],
])('%j is left alone: it may say the same in another way, or is no TOML', (text) => {
  expect(changeTable(text, change)).toBeUndefined()
})

test('values are written as TOML has them', () => {
  expect([1, 'a "b"', ['c'], { 'd e': 'f' }].map(tomlValue)).toEqual(['1', '"a \\"b\\""', '["c"]', '{ "d e" = "f" }'])
})
