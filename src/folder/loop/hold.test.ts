import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scratch } from '../../../test/fixtures/repo.ts'
import { isAlive, processIdentity } from '../../process/identity.ts'
import { type FolderHolder, folderHolder, holdLoopFolder } from './hold.ts'

const here: FolderHolder = { ...processIdentity(), host: hostname(), run: 'mine' }
const options = { holder: here, isAlive }

test('a second run on a folder is refused with who holds it, until that lets go', () => {
  using temporary = scratch()
  const first = holdLoopFolder(temporary.path, { ...options, holder: { ...here, run: 'the-first' } })
  expect(folderHolder(temporary.path)).toEqual({ ...here, run: 'the-first' })
  expect(() => holdLoopFolder(temporary.path, options)).toThrow(
    expect.objectContaining({
      code: 'conflict',
      message: `${temporary.path} is held by run the-first (process ${process.pid})`,
      hint: 'wait for it, or stop it: loopwright stop the-first',
    }),
  )
  first.release()
  first.release()
  holdLoopFolder(temporary.path, options).release()
  expect(readdirSync(temporary.path)).toEqual([])
})

test('what a killed process held is taken over, also where its pid was given to another', async () => {
  using temporary = scratch()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  const holder = { ...here, ...processIdentity(child.pid), run: 'dead' }
  holdLoopFolder(temporary.path, { ...options, holder })
  expect(() => holdLoopFolder(temporary.path, options)).toThrow(/held by run dead/)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const mine = holdLoopFolder(temporary.path, options)
  expect(folderHolder(temporary.path)?.run).toBe('mine')
  mine.release()

  holdLoopFolder(temporary.path, { ...options, holder: { ...here, started: 'another time', run: 'reused' } })
  const again = holdLoopFolder(temporary.path, options)
  expect(folderHolder(temporary.path)?.run).toBe('mine')
  again.release()
})

test('a run of another machine cannot be looked at, and is believed', () => {
  using temporary = scratch()
  holdLoopFolder(temporary.path, { ...options, holder: { ...here, pid: 1, host: 'elsewhere', run: 'far' } })
  expect(() => holdLoopFolder(temporary.path, options)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('(process 1 on elsewhere)'),
      hint: expect.stringContaining('delete'),
    }),
  )
})

test('who lets go late does not take the folder from its new holder', () => {
  using temporary = scratch()
  const old = holdLoopFolder(temporary.path, { ...options, holder: { ...here, started: 'gone' } })
  const mine = holdLoopFolder(temporary.path, options)
  old.release()
  expect(() => holdLoopFolder(temporary.path, options)).toThrow(/held by run mine/)
  mine.release()
})

test('a planted link and a lock full of rubbish are replaced; what the link points to stays', () => {
  using temporary = scratch()
  const target = join(temporary.path, 'precious')
  writeFileSync(target, 'keep\n')
  for (const plant of [
    (path: string) => symlinkSync(target, path),
    (path: string) => writeFileSync(path, 'no json'),
    (path: string) => writeFileSync(path, ''),
    (path: string) => writeFileSync(path, '{"pid":"1"}'),
  ]) {
    plant(join(temporary.path, '.loopwright.lock'))
    const mine = holdLoopFolder(temporary.path, options)
    expect(lstatSync(join(temporary.path, '.loopwright.lock')).isSymbolicLink()).toBe(false)
    mine.release()
  }
  expect(readFileSync(target, 'utf8')).toBe('keep\n')
})

test.skipIf(process.getuid?.() === 0)('a folder that takes no files is a warning, and the run goes on', () => {
  using temporary = scratch()
  chmodSync(temporary.path, 0o500)
  const warnings: string[] = []
  holdLoopFolder(temporary.path, { ...options, warn: (message) => warnings.push(message) }).release()
  chmodSync(temporary.path, 0o700)
  expect(warnings).toEqual([expect.stringContaining('cannot be held')])
})

test('a folder that is gone is a warning, and the run goes on', () => {
  using temporary = scratch()
  const warnings: string[] = []
  const gone = join(temporary.path, 'gone')
  holdLoopFolder(gone, { ...options, warn: (message) => warnings.push(message) }).release()
  expect(warnings).toHaveLength(1)
  expect(existsSync(gone)).toBe(false)
})

test('of many processes that take a stale folder at once, one gets it', async () => {
  using temporary = scratch()
  holdLoopFolder(temporary.path, { ...options, holder: { ...here, started: 'gone' } })
  const module = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)))
  const script = `
    import { holdLoopFolder } from ${module('./hold.ts')}
    import { isAlive, processIdentity } from ${module('../../process/identity.ts')}
    process.stdin.once('data', () => {
      try {
        holdLoopFolder(${JSON.stringify(temporary.path)}, { holder: { ...processIdentity(), host: ${JSON.stringify(hostname())}, run: 'r' }, isAlive })
        console.log('taken')
      } catch (error) {
        console.log(error.code)
      }
    })
    process.stdin.once('end', () => process.exit())
    console.log('ready')`
  const children = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = async () => (await lines.next()).value
    return { child, line }
  })
  await Promise.all(children.map(({ line }) => line()))
  for (const { child } of children) child.stdin.write('go\n')
  const answers = await Promise.all(children.map(({ line }) => line()))
  for (const { child } of children) child.stdin.end()
  expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1)
  expect(answers.filter((answer) => answer === 'conflict')).toHaveLength(5)
})
