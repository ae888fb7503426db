import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../../test/fixtures/repo.ts'
import { removeAll } from '../../workspace/files.ts'
import { removeTree, sweepScratch } from './scratch.ts'

test('a directory is removed also when it was made hard to remove, and nothing its links lead to', async () => {
  using place = scratch()
  write(place.path, { 'tree/deep/x': 'x', 'kept/y': 'y' })
  symlinkSync(join(place.path, 'kept'), join(place.path, 'tree/link'))
  chmodSync(join(place.path, 'tree/deep'), 0o000)
  chmodSync(join(place.path, 'tree'), 0o500)
  await removeTree(join(place.path, 'tree'))
  expect(readdirSync(place.path)).toEqual(['kept'])
  expect(existsSync(join(place.path, 'kept/y'))).toBe(true)
  await removeTree(join(place.path, 'tree'))
})

test('what is swept is ours, old, and of a process that is dead', async () => {
  using place = scratch()
  const dead = 2 ** 22 + 1
  const names = [
    `loopwright-${dead}-abcdef`,
    `loopwright-${dead}-young1`,
    `loopwright-${process.pid}-abcdef`,
    'loopwright-abcdef',
  ]
  for (const name of names) mkdirSync(join(place.path, name))
  symlinkSync('/', join(place.path, `loopwright-${dead}-linked`))
  for (const name of names) if (!name.endsWith('young1')) utimesSync(join(place.path, name), 1, 1)
  await sweepScratch(place.path)
  expect(readdirSync(place.path).toSorted()).toEqual([...names.slice(1), `loopwright-${dead}-linked`].toSorted())
  await sweepScratch(join(place.path, 'absent'))
})

test('a directory is removed also when it is deeper than any path', async () => {
  using place = scratch()
  const dig = `for (const at of Array(60).keys()) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)) }; fs.writeFileSync('x', '')`
  for (const remove of [removeTree, removeAll]) {
    const tree = join(place.path, 'tree')
    mkdirSync(tree)
    execFileSync(process.execPath, ['-e', dig], { cwd: tree })
    await remove(tree)
    expect(readdirSync(place.path)).toEqual([])
  }
})
