import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../../test/fixtures/repo.ts'
import { loopFolderFiles } from '../../formats/loop-folder.ts'
import { writeLoopFolder } from './write.ts'

const files = loopFolderFiles({ mission: 'make it fast', projectRoot: '..' })

test('a loop folder is made, with all its directories', () => {
  using temporary = scratch()
  const folder = join(temporary.path, 'deep', 'loop')
  expect(writeLoopFolder(folder, files)).toContain('loop.yaml')
  for (const name of ['loop.yaml', '.gitignore', 'knowledge', 'output', 'logs', 'artifacts'])
    expect(readdirSync(folder)).toContain(name)
  expect(readFileSync(join(folder, 'mission.md'), 'utf8')).toContain('make it fast')
})

test('nothing is overwritten without force, and nothing is written then', () => {
  using temporary = scratch()
  writeFileSync(join(temporary.path, 'mission.md'), 'mine\n')
  expect(() => writeLoopFolder(temporary.path, files)).toThrow(
    expect.objectContaining({
      code: 'conflict',
      message: expect.stringContaining('mission.md'),
      hint: expect.stringContaining('--force'),
    }),
  )
  expect(readdirSync(temporary.path)).toEqual(['mission.md'])
  writeLoopFolder(temporary.path, files, { force: true })
  expect(readFileSync(join(temporary.path, 'mission.md'), 'utf8')).toContain('make it fast')
})

test('links are not written through, with force neither', () => {
  using temporary = scratch()
  const precious = join(temporary.path, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'keep\n')
  const folder = join(temporary.path, 'loop')
  mkdirSync(folder)
  symlinkSync(join(precious, 'file'), join(folder, 'mission.md'))
  symlinkSync(join(precious, 'nothing'), join(folder, 'loop.yaml'))
  expect(() => writeLoopFolder(folder, files)).toThrow(/loop.yaml, mission.md already/)
  writeLoopFolder(folder, files, { force: true })
  expect(lstatSync(join(folder, 'mission.md')).isFile()).toBe(true)

  const other = join(temporary.path, 'other')
  mkdirSync(other)
  symlinkSync(precious, join(other, 'knowledge'))
  for (const force of [true, false]) expect(() => writeLoopFolder(other, files, { force })).toThrow(/symbolic link/)
  expect(readdirSync(precious)).toEqual(['file'])
  expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('keep\n')
})

test('a path that is no directory, or cannot be made, is one clear error', () => {
  using temporary = scratch()
  writeFileSync(join(temporary.path, 'file'), '')
  expect(() => writeLoopFolder(join(temporary.path, 'file'), files)).toThrow(/is no directory/)
  expect(() => writeLoopFolder(join(temporary.path, 'file', 'below'), files)).toThrow(/is no directory/)
  expect(() => writeLoopFolder('/proc/loop/folder', files)).toThrow(
    expect.objectContaining({ code: 'workspace', message: expect.stringContaining('cannot be written') }),
  )
})
