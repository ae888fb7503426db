import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleRun, journal } from '../../../test/fixtures/journals.ts'
import { scratch } from '../../../test/fixtures/repo.ts'
import { emptyView, reduce } from '../../core/view.ts'
import { holdLoopFolder } from './hold.ts'
import { openLoopFolder } from './loop-folder.ts'

/** A disk of 64 KB; undefined where we may not make one. */
function smallDisk(path: string): { [Symbol.dispose](): void } | undefined {
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' })
    return { [Symbol.dispose]: () => execFileSync('umount', ['-l', path]) }
  } catch {
    return undefined
  }
}

test('a full disk fails no run, leaves nothing half, and what was refused is written once there is room', (context) => {
  using temporary = scratch()
  const folder = join(temporary.path, 'disk')
  using disk = smallDisk(folder)
  if (disk === undefined) return context.skip()
  const run = exampleRun({ kind: 'repair', lastSeq: 100 })
  const warnings: string[] = []
  const warn = (message: string) => warnings.push(message)
  const driver = { pid: process.pid, started: '', host: 'here' }
  const loop = openLoopFolder({ run, folder, driver, warn })
  const log = loop.logPath('round1_verify') ?? ''
  appendFileSync(log, 'kept\n')
  const before = readFileSync(join(folder, 'heartbeat.json'), 'utf8')

  const fill = join(folder, 'fill')
  expect(() => writeFileSync(fill, Buffer.alloc(100_000))).toThrow('ENOSPC')
  let view = emptyView(run)
  const hear = (from: number, to: number) => {
    for (const event of events.slice(from, to)) {
      view = reduce(view, event)
      loop.onEvent(view, event)
    }
  }
  const events = journal([
    { kind: 'run_started', loop: 'repair', version: '1', spec: {} },
    { kind: 'iteration_started', key: '0/:1', name: 'iteration', iteration: 1 },
    { kind: 'iteration_started', key: '0/:2', name: 'iteration', iteration: 2 },
  ])
  hear(0, 2)
  loop.onCommand({ state: 'starting', name: 'verify', iteration: 1, command: 'npm test' })
  expect(readFileSync(join(folder, 'heartbeat.json'), 'utf8')).toBe(before)
  expect(loop.logPath('round1_fix')).toBeUndefined()
  holdLoopFolder(folder, { holder: { ...driver, run: 'r' }, isAlive: () => true, warn }).release()
  expect(readdirSync(folder).filter((name) => name.includes('tmp') || name.includes('lock'))).toEqual([])
  expect(new Set(warnings).size).toBe(4)

  rmSync(fill)
  hear(2, 3)
  loop.close()
  const lines = readFileSync(join(folder, 'progress.md'), 'utf8')
  for (const part of ['round 1 begins', 'round 2 begins']) expect(lines.split(part)).toHaveLength(2)
  expect(readFileSync(log, 'utf8')).toBe('kept\n')
})
