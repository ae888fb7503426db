import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../../test/fixtures/repo.ts'
import { lendFile } from './lent-file.ts'

test('what was written to the copy is brought back, with the mode it had', () => {
  using place = scratch()
  const [real, copy] = [join(place.path, 'real'), join(place.path, 'copy')]
  writeFileSync(real, 'old', { mode: 0o640 })
  const file = lendFile(real, copy)
  expect(readFileSync(copy, 'utf8')).toBe('old')
  writeFileSync(copy, 'new')
  file.bringBack()
  expect(readFileSync(real, 'utf8')).toBe('new')
  expect(statSync(real).mode & 0o777).toBe(0o640)
})

test('a file that was not there is made, for its owner alone', () => {
  using place = scratch()
  const [real, copy] = [join(place.path, 'real'), join(place.path, 'copy')]
  const file = lendFile(real, copy)
  writeFileSync(copy, 'new')
  file.bringBack()
  expect(statSync(real).mode & 0o777).toBe(0o600)
})

test('what somebody else wrote meanwhile stays', () => {
  using place = scratch()
  const [real, copy] = [join(place.path, 'real'), join(place.path, 'copy')]
  writeFileSync(real, 'old')
  const file = lendFile(real, copy)
  writeFileSync(copy, 'new')
  writeFileSync(real, 'theirs')
  file.bringBack()
  expect(readFileSync(real, 'utf8')).toBe('theirs')
})

test.each(['link', 'pipe', 'nothing', 'directory'])('a %s in the place of the copy brings nothing back', (what) => {
  using place = scratch()
  const [real, copy, secret] = [join(place.path, 'real'), join(place.path, 'copy'), join(place.path, 'secret')]
  writeFileSync(real, 'old')
  writeFileSync(secret, 'secret')
  const file = lendFile(real, copy)
  rmSync(copy)
  if (what === 'link') symlinkSync(secret, copy)
  if (what === 'pipe') execFileSync('mkfifo', [copy])
  if (what === 'directory') execFileSync('mkdir', [copy])
  file.bringBack()
  expect(readFileSync(real, 'utf8')).toBe('old')
  expect(existsSync(real)).toBe(true)
})
