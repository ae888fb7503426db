import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBrowser } from './find.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'loopwright-find-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(name: string, mode = 0o755): string {
  const file = join(folder, name)
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, mode)
  return file
}

test('the browser is the first of the known names in PATH that can be executed', () => {
  put('chromium', 0o644)
  put('chrome')
  const wanted = put('google-chrome')
  expect(findBrowser({ path: `/nowhere:${folder}`, platform: 'linux' })).toBe(wanted)
})

test('an executable that was named is taken, and no other when it is not there', () => {
  put('chromium')
  const named = put('my-browser')
  expect(findBrowser({ path: folder, executable: named })).toBe(named)
  expect(() => findBrowser({ path: folder, executable: '/nowhere/chrome' })).toThrow(
    expect.objectContaining({ code: 'missing_tool', message: 'no browser at /nowhere/chrome' }),
  )
})

test('without a browser the error says how to get one', () => {
  expect(() => findBrowser({ path: folder, platform: 'linux' })).toThrow(
    expect.objectContaining({ code: 'missing_tool', hint: expect.stringContaining('sudo apt-get install chromium') }),
  )
})
