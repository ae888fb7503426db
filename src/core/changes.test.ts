import { expect, test } from 'vitest'
import { changeBreaches, fitsGlob } from './changes.ts'

test.each([
  ['package-lock.json', 'package-lock.json', true],
  ['package-lock.json', 'web/package-lock.json', true],
  ['*.lock', 'a/b/c.lock', true],
  ['*.lock', 'a/lock', false],
  ['src/**', 'src/a/b.ts', true],
  ['src/*', 'src/a/b.ts', false],
  ['src/*.ts', 'src/a.ts', true],
  ['src', 'src/a.ts', true],
  ['src', 'source/a.ts', false],
  ['.github/', '.github/workflows/ci.yml', true],
  ['/src/a.ts', 'src/a.ts', true],
  ['/src/a.ts', 'x/src/a.ts', false],
  ['**/test/**', 'a/test/b.ts', true],
  ['**/test/**', 'test/b.ts', true],
  ['**', 'a/b', true],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['', 'a', false],
  ['(a+)+', '(a+)+', true],
])('%j and %j: %j', (glob, path, fits) => {
  expect(fitsGlob(glob, path)).toBe(fits)
})

test('a glob made to be slow is not', () => {
  expect(fitsGlob('*a'.repeat(50), 'a'.repeat(2_000))).toBe(true)
  expect(fitsGlob('*a'.repeat(50), `${'a'.repeat(2_000)}b`)).toBe(false)
  expect(fitsGlob('**/'.repeat(30), Array(200).fill('x').join('/'))).toBe(true)
})

test('a change is held against its limits', () => {
  const files = ['src/a.ts', 'src/b.ts', '.env']
  expect(changeBreaches({}, { files, lines: 5 })).toEqual([])
  expect(changeBreaches({ maxFiles: 3, maxLines: 5, deny: ['*.pem'], allow: ['**'] }, { files, lines: 5 })).toEqual([])
  expect(changeBreaches({ maxFiles: 2, maxLines: 4, deny: ['.env'], allow: ['src/'] }, { files, lines: 5 })).toEqual([
    'changed what must not change: .env',
    'changed 3 files, at most 2 may change',
    'changed 5 lines, at most 4 may change',
    'changed what is not allowed to change: .env',
  ])
})
