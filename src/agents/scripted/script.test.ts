import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLoopwrightError } from '../../core/errors.ts'
import { parseScript } from './script.ts'

const error = (value: unknown): string => {
  try {
    parseScript(value, { name: 'fix.yaml' })
  } catch (thrown) {
    if (isLoopwrightError(thrown, 'bad_input')) return thrown.message
    throw thrown
  }
  return ''
}

test('an empty script is a script', () => {
  expect(parseScript({})).toEqual({ defaults: {}, rules: [] })
})

test('a wrong place is named, and what is wrong with it', () => {
  expect(error({ replies: [{ role: 'worker' }, { role: 'worker', iteration: 0 }] })).toMatch(
    /^fix\.yaml\.replies\.1\.iteration/,
  )
  expect(error({ reples: [] })).toMatch(/reples/)
  expect(error({ replies: [{ text: 'x' }] })).toMatch(/replies\.0\.role/)
  expect(error({ replies: [{ role: 'a', run: 'rm -rf /' }] })).toMatch(/run/)
  expect(error({ replies: [{ role: 'a', text: 'x', json: 1 }] })).toMatch(/json: give text or json, not both/)
  expect(error({ replies: [{ role: 'a', outcome: 'failed', resetInMs: 1 }] })).toMatch(/resetInMs: goes with/)
  expect(error(null)).toMatch(/^fix\.yaml: /)
})

test('the reader of the file can say line and column', () => {
  const where = (path: readonly (string | number)[]) => `fix.yaml:${path.length}:1`
  expect(() => parseScript({ replies: [{ role: 1 }] }, { where })).toThrow(/^fix\.yaml:3:1: /)
})

test.for(['/etc/passwd', '../up.txt', 'a/../../up.txt', 'C:\\x', '..\\x', '', 'dir/', 'a\0b', '.'])(
  'an edit outside the working directory is refused: %j',
  (path) => {
    expect(error({ replies: [{ role: 'a', edits: [{ write: path, content: '' }] }] })).toMatch(/replies\.0\.edits\.0/)
  },
)

test('whatever it is given, it answers a script or bad_input', () => {
  fc.assert(
    fc.property(fc.anything(), fc.jsonValue(), (anything, value) => {
      error(anything)
      error({ replies: [value] })
      error({ replies: [{ role: 'a', edits: [value], usage: value }] })
    }),
  )
})
