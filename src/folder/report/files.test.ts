import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { logEnd, pictureFile } from './files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'loopwright-report-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('of a log the end is read, whole characters only', () => {
  const path = join(folder, 'a.log')
  writeFileSync(path, `${'ä'.repeat(5000)}end`)
  expect(logEnd(path, 8)).toEqual({ text: 'ääend', path, bytes: 10_003 })
  expect(logEnd(path, 100_000)?.bytes).toBeUndefined()
})

test('what is missing, a folder or a link is no log and no picture', () => {
  writeFileSync(join(folder, 'secret'), 'swordfish')
  symlinkSync(join(folder, 'secret'), join(folder, 'link'))
  mkdirSync(join(folder, 'dir'))
  for (const name of ['none', 'link', 'dir']) {
    const path = join(folder, name)
    expect(logEnd(path)).toBeUndefined()
    expect(pictureFile({ name, path }, join(folder, 'report.html')).png).toBeUndefined()
  }
})

test('a picture below the report can be linked, one elsewhere not', () => {
  const path = join(folder, 'a.png')
  writeFileSync(path, 'png')
  const png = Buffer.from('png')
  expect(pictureFile({ name: 'a', path }, join(folder, 'report.html'))).toEqual({ name: 'a', path, href: 'a.png', png })
  expect(pictureFile({ name: 'a', path }, join(folder, 'deep', 'report.html'))).toEqual({ name: 'a', path, png })
})
