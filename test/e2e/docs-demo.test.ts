import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scratch } from '../fixtures/repo.ts'
import { blocksOf, root } from './docs-blocks.ts'

const execute = promisify(execFile)

/** A line without what differs from run to run: times, ids, hashes. */
function stable(line: string): string {
  return line
    .replace(/^\d\d:\d\d:\d\d/, 'TIME')
    .replace(/\d{8}-\d{6}-[a-z0-9]{6}/g, 'RUN')
    .replace(/\b[0-9a-f]{10}\b/g, 'COMMIT')
    .replace(/\b(\d+m)?\d+(\.\d+)?m?s\b/g, 'SPAN')
    .trimEnd()
}

test('the demo shows what the README says', async () => {
  using temporary = scratch()
  const [shown] = blocksOf('README.md').filter((block) => block.language === 'text')
  const env = { ...process.env, HOME: temporary.path, TMPDIR: temporary.path, NO_COLOR: '1' }
  const { stdout, stderr } = await execute(process.execPath, [join(root, 'bin', 'loopwright.mjs'), 'demo'], { env })
  const lines = new Set(`${stdout}\n${stderr}`.split('\n').map(stable))
  const promised = (shown?.text ?? '').trimEnd().split('\n').map(stable)
  expect(promised.length).toBeGreaterThan(10)
  expect(promised.filter((line) => !lines.has(line))).toEqual([])
})
