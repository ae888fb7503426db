import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { killOnce } from '../../test/sandbox/kill-once.ts'
import { shapes } from '../../test/sandbox/tree-shapes.ts'
import { hasProc } from './table.ts'

const directory = mkdtempSync(join(tmpdir(), 'shapes-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** How often each shape is killed here; the sandbox tests do it a hundred times. */
const times = 3

test.runIf(hasProc).each(shapes)('nothing is left of $name', async (shape) => {
  for (let kill = 0; kill < times; kill++) {
    const { survivors, alive } = await killOnce(shape, directory)
    expect({ survivors, alive }).toEqual({ survivors: [], alive: [] })
  }
})
