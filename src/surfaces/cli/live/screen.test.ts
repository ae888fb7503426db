import { expect, test } from 'vitest'
import { fakeIo } from '../../../../test/e2e/fake-io.ts'
import type { RunRecord } from '../../../core/ports.ts'
import { emptyView } from '../../../core/view.ts'
import { note } from '../io.ts'
import { Screen } from './screen.ts'

const run: RunRecord = {
  id: 'r1',
  loop: 'goal',
  kind: 'goal',
  version: '1',
  spec: { goal: 'win the game' },
  labels: {},
  project: '/p',
  scopes: [],
  caps: {},
  createdAt: 0,
  updatedAt: 0,
  status: 'running',
  epoch: 1,
  segmentSeq: 0,
  lastSeq: 0,
  activeMs: 0,
}

test('a line that is said while the view is shown stands above it, and nothing of the view stays', () => {
  const io = fakeIo()
  const screen = new Screen(io)
  screen.show(emptyView(run))
  screen.remark('stopping')
  note(io, 'a warning')
  screen.close()
  note(io, 'the result')
  const [before = '', after = ''] = io.err().split('a warning\n')
  const erased = '\u001B[2K'
  expect(before.lastIndexOf(erased)).toBeGreaterThan(before.lastIndexOf('win the game'))
  expect(after.lastIndexOf(erased)).toBeGreaterThan(after.lastIndexOf('win the game'))
  expect(after).toContain('win the game')
  expect(after).toMatch(/the result\n$/)
})
