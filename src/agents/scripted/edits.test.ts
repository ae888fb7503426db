import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MemoryFiles } from '../../core/ports.ts'
import { applyEdit, editFiles } from './edits.ts'

let top: string
let cwd: string
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'edits-'))
  cwd = join(top, 'work')
  await mkdir(cwd)
})
afterEach(() => rm(top, { recursive: true }))
const read = (path: string) => readFile(join(cwd, path), 'utf8')

test('files are written, added to, changed and deleted', async () => {
  await applyEdit(cwd, { write: 'dir with space/ä.txt', content: 'one\n' })
  await applyEdit(cwd, { append: 'dir with space/ä.txt', content: 'two\n' })
  await applyEdit(cwd, { replace: 'dir with space/ä.txt', find: 'one', with: '$& $1 1' })
  expect(await read('dir with space/ä.txt')).toBe('$& $1 1\ntwo\n')
  await applyEdit(cwd, { write: 'dir with space/ä.txt', content: 'x' })
  expect(await read('dir with space/ä.txt')).toBe('x')
  await applyEdit(cwd, { delete: 'dir with space/ä.txt' })
  await expect(read('dir with space/ä.txt')).rejects.toThrow('ENOENT')
})

test('an edit made twice ends like one made once', async () => {
  await applyEdit(cwd, { write: 'a', content: 'wrong' })
  for (let at = 0; at < 2; at += 1) await applyEdit(cwd, { replace: 'a', find: 'wrong', with: 'right' })
  expect(await read('a')).toBe('right')
  for (let at = 0; at < 2; at += 1) await applyEdit(cwd, { delete: 'a' })
})

test('replacing what is not there is refused', async () => {
  await applyEdit(cwd, { write: 'a', content: 'text' })
  await expect(applyEdit(cwd, { replace: 'a', find: 'nothing', with: 'zzz' })).rejects.toThrow(/not there: "nothing"/)
  await expect(applyEdit(cwd, { replace: 'missing', find: 'x', with: 'y' })).rejects.toMatchObject({
    code: 'workspace',
  })
})

test('no edit leaves the working directory, through a symlink neither', async () => {
  const outside = join(top, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'file'), 'safe')
  await symlink(outside, join(cwd, 'link'))
  await symlink(join(outside, 'file'), join(cwd, 'linked-file'))
  await symlink(join(outside, 'new'), join(cwd, 'dangling'))
  for (const path of ['link/file', 'linked-file', 'dangling', '../outside/file', join(outside, 'file')]) {
    await expect(applyEdit(cwd, { write: path, content: 'taken' })).rejects.toMatchObject({ code: 'workspace' })
    await expect(applyEdit(cwd, { delete: path })).rejects.toMatchObject({ code: 'workspace' })
  }
  expect(await readFile(join(outside, 'file'), 'utf8')).toBe('safe')
  await expect(readFile(join(outside, 'new'))).rejects.toThrow('ENOENT')
})

test('a working directory that is reached through a symlink works', async () => {
  await symlink(cwd, join(top, 'alias'))
  await applyEdit(join(top, 'alias'), { write: 'a', content: 'x' })
  expect(await read('a')).toBe('x')
})

test('a directory in the way is one clear error', async () => {
  await mkdir(join(cwd, 'dir'))
  await expect(applyEdit(cwd, { write: 'dir', content: '' })).rejects.toThrow(/^cannot edit dir: /)
})

test('files in memory are edited as files on disk are', () => {
  const kept = new Map<string, string>()
  const files: MemoryFiles = {
    read: (path) => kept.get(path),
    write: (path, text) => void kept.set(path, text),
    remove: (path) => void kept.delete(path),
    list: () => [...kept.keys()],
  }
  editFiles(files, { write: 'a/b.txt', content: 'one\n' })
  editFiles(files, { append: 'a/b.txt', content: 'two\n' })
  editFiles(files, { append: 'new.txt', content: 'x' })
  for (let times = 0; times < 2; times++) editFiles(files, { replace: 'a/b.txt', find: 'one', with: '$& 1' })
  expect([...kept]).toEqual([
    ['a/b.txt', '$& 1\ntwo\n'],
    ['new.txt', 'x'],
  ])
  for (let times = 0; times < 2; times++) editFiles(files, { delete: 'new.txt' })
  expect(files.list()).toEqual(['a/b.txt'])
  const refused = expect.objectContaining({ code: 'workspace' })
  expect(() => editFiles(files, { replace: 'a/b.txt', find: 'none', with: 'never' })).toThrow(refused)
  expect(() => editFiles(files, { replace: 'gone', find: 'x', with: 'y' })).toThrow(refused)
  for (const path of ['../x', '/etc/x', ''])
    expect(() => editFiles(files, { write: path, content: '' })).toThrow(refused)
})
