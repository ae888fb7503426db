import { expect, test } from 'vitest'
import { gatePolicy, patternOf, project } from '../../../test/fixtures/triage.ts'
import { builtinPatterns } from '../../formats/triage/patterns.ts'
import { parseTriage } from './loop.ts'
import type { TriageInput } from './triage.ts'

const least: TriageInput = { kind: 'triage', pattern: patternOf(), level: 'L1', root: project, gate: gatePolicy }
const full: TriageInput = {
  ...least,
  name: 'mine',
  dryRun: true,
  tick: 3,
  item: 'todo:1',
  request: { text: 'please', by: 'ada' },
  verify: ['npm test', { name: 'lint', shell: 'npm run lint', timeout: '2m' }],
  verifyTimeout: '5m',
  deliver: 'merge',
  gate: { ...gatePolicy, maxLines: 9, origin: '/project/gate.yaml' },
  maxAttempts: 5,
  rules: 'be kind',
  skills: [{ name: 'fix', text: 'do it so' }],
  agent: 'codex',
  roles: { verifier: { agent: 'claude-code', instructions: 'be strict' } },
  budget: { tokens: 1000 },
  cleanup: 'always',
  labels: { pattern: 'daily-triage' },
}

test.each([
  ['the least', least],
  ['all of it', full],
])('a spec parses again to itself, through JSON too: %s', (_name, input) => {
  const spec = parseTriage(input)
  expect(parseTriage(spec)).toEqual(spec)
  expect(parseTriage(JSON.parse(JSON.stringify(spec)))).toEqual(JSON.parse(JSON.stringify(spec)))
})

test('every pattern that comes with loopwright fits, and stays as it is', () => {
  for (const pattern of builtinPatterns) expect(parseTriage({ ...least, pattern }).pattern).toEqual(pattern)
})

test('what nobody says is the careful thing', () => {
  expect(parseTriage(least)).toMatchObject({
    dryRun: false,
    tick: 1,
    verify: [],
    verifyTimeout: 900,
    deliver: 'branch',
    maxAttempts: 3,
    isolation: 'worktree',
    retries: 1,
  })
})

test.each<[string, unknown]>([
  ['level', { level: 'L9' }],
  ['root', { root: '' }],
  ['deliver', { deliver: 'push' }],
  ['isolation', { isolation: 'inplace' }],
  ['maxAttempts', { maxAttempts: 0 }],
  ['tick', { tick: 0 }],
  ['pattern.id', { pattern: { ...patternOf(), id: 'Daily Triage' } }],
  ['pattern.cadence', { pattern: { ...patternOf(), cadence: '1d' } }],
  ['pattern.sources', { pattern: { ...patternOf(), sources: ['moon'] } }],
  ['gate', { gate: undefined }],
  ['gate.maxFiles', { gate: { ...gatePolicy, maxFiles: -1 } }],
  ['skills', { skills: [{ name: 'x', text: 'x'.repeat(20_001) }] }],
  ['request', { request: { text: 'x', by: '' } }],
  ['noise', { noise: 1 }],
])('what is wrong with %s is named', (where, change) => {
  const [first = ''] = where.split('.')
  expect(() => parseTriage({ ...least, ...(change as object) })).toThrow(
    expect.objectContaining({ code: 'bad_input', message: expect.stringContaining(first) }),
  )
})
