import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeIo } from '../../../test/e2e/fake-io.ts'
import { criteriaIn, goalFlags } from './goal-flags.ts'

test('criteria are one a line, without the marks of a list', () => {
  expect(criteriaIn('# Done when\n\n- [ ] it works\n* it is tested\n2. it is fast\nplain\r\n')).toEqual([
    'it works',
    'it is tested',
    'it is fast',
    'plain',
  ])
})

test('flags become a goal, by path', async () => {
  const flags = { isolate: false, goal: 'x', backend: 'codex', maxCost: 2, verify: ['npm test', 'shell: a | b'] }
  const given = await goalFlags(fakeIo(), flags)
  expect(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))).toEqual({
    goal: 'x',
    agent: 'codex',
    'budget.cost': 2,
    verify: ['npm test', { shell: 'a | b', name: 'a | b' }],
    isolation: 'inplace',
  })
})

test('a goal comes from standard input or a file, and must be text', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'loopwright-flags-'))
  writeFileSync(join(folder, 'goal.md'), 'from a file')
  writeFileSync(join(folder, 'binary'), new Uint8Array([0xff, 0xfe, 0x00]))
  const read = (goalFile: string, input?: string | Uint8Array) =>
    goalFlags(fakeIo({ cwd: folder, ...(input === undefined ? {} : { input }) }), { isolate: true, goalFile })
  expect((await read('goal.md')).goal).toBe('from a file')
  expect((await read('-', 'piped')).goal).toBe('piped')
  await expect(read('binary')).rejects.toThrow('not UTF-8')
  await expect(read('-', new Uint8Array([0xff]))).rejects.toThrow('not UTF-8')
  await expect(read('-', ' \n')).rejects.toThrow('is empty')
})
