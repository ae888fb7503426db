import { expect, test } from 'vitest'
import { readMetric } from '../core/read-metric.ts'
import { parseOpenloop } from './openloop.ts'

const full = {
  version: 1,
  mission: 'make it fast',
  total_rounds: 5,
  project_root: '../project',
  commands: { play: 'sh play.sh', scan: '', fix: 'agent "{last_error}"', verify: 'npm test', improve: 'tune {round}' },
  baseline: {
    enabled: true,
    command: 'node bench.js',
    metric_name: 'score',
    regex: '(?i)score=(?P<v>[0-9.]+)',
    value: 0.9,
    direction: 'greater_equal',
  },
  limits: { command_timeout_seconds: 60, stall_timeout_seconds: 30, max_consecutive_failures: 2 },
}
const read = (value: unknown) => parseOpenloop(JSON.stringify(value, null, 2), 'w/openloop.json', '/w')

function complaint(text: string): string {
  try {
    parseOpenloop(text, 'w/openloop.json', '/w')
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'hint' in error) {
      expect(error.code).toBe('bad_input')
      return error.message + (error.hint === undefined ? '' : `\n→ ${String(error.hint)}`)
    }
    throw error
  }
  return 'accepted'
}

test('an openloop.json becomes a repair loop that works in place', () => {
  const { spec, projectRoot } = read(full)
  expect(projectRoot).toBe('../project')
  expect(spec).toMatchObject({
    kind: 'repair',
    mission: 'make it fast',
    folder: '/w',
    isolation: 'inplace',
    budget: { iterations: 5 },
    stages: {
      play: { name: 'play', shell: 'sh play.sh' },
      fix: { shell: 'agent "{last_error}"' },
      verify: { shell: 'npm test' },
      improve: { shell: 'tune {round}' },
    },
    baseline: { command: { shell: 'node bench.js' }, metric: 'score', value: 0.9, direction: 'greater_equal' },
    limits: { commandTimeout: 60, stall: 30, consecutiveFailures: 2 },
  })
  expect(spec.stages.scan).toBeUndefined()
  expect(readMetric('SCORE=0.93', spec.baseline)).toEqual({ value: 0.93 })
})

test('what is left out has the defaults of the format', () => {
  const { spec, projectRoot } = read({ version: 1, commands: { verify: 'true' } })
  expect(projectRoot).toBe('.')
  expect(spec).toMatchObject({
    budget: { iterations: 10 },
    limits: { commandTimeout: 900, stall: 300, consecutiveFailures: 3 },
  })
  expect(spec.baseline).toBeUndefined()
  const off = { version: 1, commands: { verify: 'true' }, baseline: { enabled: false, command: '', regex: '(' } }
  expect(read(off).spec.baseline).toBeUndefined()
  const never = { version: 1, commands: { verify: 'true' }, limits: { stall_timeout_seconds: 0 } }
  expect(read(never).spec.limits.stall).toBe(0)
})

test.each([
  ['an unknown key', '{\n  "version": 1,\n  "misson": "x",\n  "commands": { "verify": "true" }\n}'],
  ['an unknown command', '{\n  "version": 1,\n  "commands": { "verify": "true", "repair": "x" }\n}'],
  ['a wrong type', '{\n  "version": 1,\n  "total_rounds": "5",\n  "commands": { "verify": "true" }\n}'],
  ['no verify', '{\n  "version": 1,\n  "commands": { "play": "true" }\n}'],
  ['an empty verify', '{\n  "version": 1,\n  "commands": { "verify": " " }\n}'],
  ['no commands', '{ "version": 1 }'],
  ['another version', '{ "version": 2, "commands": { "verify": "true" } }'],
  ['no version', '{ "commands": { "verify": "true" } }'],
  [
    'a baseline without a command',
    '{ "version": 1, "commands": { "verify": "true" },\n "baseline": { "enabled": true, "value": 1 } }',
  ],
  [
    'a baseline without a value',
    '{ "version": 1, "commands": { "verify": "true" },\n "baseline": { "enabled": true, "command": "x" } }',
  ],
  [
    'a broken expression',
    '{ "version": 1, "commands": { "verify": "true" },\n "baseline": { "enabled": true, "command": "x", "value": 1, "regex": "(" } }',
  ],
  [
    'an unknown direction',
    '{ "version": 1, "commands": { "verify": "true" },\n "baseline": { "enabled": true, "command": "x", "value": 1, "direction": "up" } }',
  ],
  [
    'a negative time',
    '{ "version": 1, "commands": { "verify": "true" },\n "limits": { "command_timeout_seconds": -1 } }',
  ],
  ['no rounds', '{ "version": 1, "total_rounds": 0, "commands": { "verify": "true" } }'],
  ['a comma too many', '{ "version": 1,\n "commands": { "verify": "true" },, }'],
  ['a list', '[]'],
  ['an empty file', ''],
])('%s is refused with its place and what to do', (name, text) => {
  expect(`${name}\n${complaint(text)}`).toMatchSnapshot()
})
