import { expect, it } from 'vitest'
import { LoopwrightError } from '../../core/errors.ts'
import { defaultGate, parseGate } from './gate.ts'

function problem(text: string): LoopwrightError {
  try {
    parseGate(text, 'gate.yaml')
  } catch (error) {
    if (error instanceof LoopwrightError) return error
    throw error
  }
  throw new Error('it was read')
}

it('a gate is read with its lists and limits; other tools’ keys are left out', () => {
  const text =
    'version: 1\ndenylist:\n  - ".env"\n  - server/**\nmaxFiles: 12\nautoMergeAllowlist: ["docs/**", "**/*.md"]\nwritePolicy: { main: pr }\n'
  expect(parseGate(text, 'gate.yaml')).toEqual({
    denylist: ['.env', 'server/**'],
    maxFiles: 12,
    autoMergeAllowlist: ['docs/**', '**/*.md'],
    origin: 'gate.yaml',
  })
  expect(parseGate('maxLines: 300\ndenylist: []\n', 'g')).toEqual({
    ...defaultGate,
    denylist: [],
    maxLines: 300,
    origin: 'g',
  })
})

it('what a gate does not say is as in the default, an empty file included', () => {
  expect(parseGate('', 'gate.yaml')).toEqual({ ...defaultGate, origin: 'gate.yaml' })
  expect(parseGate('# nothing yet\n', 'gate.yaml').denylist).toContain('auth/**')
  expect(parseGate('autoMergeAllowlist: ["docs/**"]\n', 'gate.yaml')).toMatchObject({
    denylist: defaultGate.denylist,
    maxFiles: 10,
  })
  expect(defaultGate.denylist).toHaveLength(12)
})

it('a mistyped key is an error, for a denylist must not be missed', () => {
  expect(problem('denyList: [".env"]\nmax_files: 3\nallow: 1\n').message).toBe(
    'gate.yaml:1:1: unknown key "denyList"\ngate.yaml:2:1: unknown key "max_files" (did you mean "maxFiles"?)',
  )
})

it.each([
  ['version: 2', /1:10: version: 2 is not allowed/],
  ['denylist: .env', /denylist: expected a list, got "\.env"/],
  ['denylist: [1]', /denylist\[0\]: expected text, got 1/],
  ['denylist: ["!docs/**"]', /begins with ! is not read/],
  ['denylist: ["../x"]', /stay inside of the project/],
  ['denylist: ["a\\\\b"]', /globs use \//],
  ['denylist: ["a\\0b"]', /is no path/],
  ['denylist: [" "]', /must not be empty/],
  ['maxFiles: -1', /at least 0/],
  ['maxFiles: many', /expected a whole number|expected a number/],
  ['- x', /a gate is a map of keys/],
  ['\tdenylist: []', /a tab/],
  ['__proto__: { maxFiles: 1 }', /"__proto__" is not allowed/],
  [`denylist: ${'['.repeat(5000)}`, /gate\.yaml/],
  [`#${'x'.repeat(1_100_000)}`, /too large/],
])('%.40j is refused with its place', (text, message) => {
  expect(problem(text).message).toMatch(message)
})
