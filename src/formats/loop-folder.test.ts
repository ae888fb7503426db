import { expect, test } from 'vitest'
import { repairSpec } from '../core/spec/repair.ts'
import { loopFolderFiles } from './loop-folder.ts'
import { parseYaml, validate } from './yaml.ts'

const loopOf = (input: Parameters<typeof loopFolderFiles>[0]) => {
  const text = loopFolderFiles(input).find(({ path }) => path === 'loop.yaml')?.text ?? ''
  return { text, spec: validate(repairSpec, parseYaml(text, 'loop.yaml')) }
}

test('a loop folder begins with all that a person has to look at', () => {
  const files = loopFolderFiles({ mission: 'make it fast', projectRoot: '../app' })
  expect(files.map(({ path }) => path)).toEqual([
    'loop.yaml',
    '.gitignore',
    'mission.md',
    'loop_contract.md',
    'eval_criteria.md',
    'knowledge/README.md',
    'output/README.md',
  ])
  expect(files[2]?.text).toMatch(/## Objective\n\nmake it fast\n/)
})

test('the loop file is read as it stands, with the check the project most likely has', () => {
  const { spec } = loopOf({
    mission: 'make it fast',
    projectRoot: '../app',
    projectFacts: { files: ['package.json'], scripts: { test: 'node --test' } },
  })
  expect(spec).toMatchObject({
    mission: 'make it fast',
    project: '../app',
    folder: '.',
    budget: { iterations: 10 },
    stages: { verify: { argv: ['npm', 'test'] }, fix: { agent: expect.stringContaining('Mend') } },
    limits: { commandTimeout: 900, stall: 300, consecutiveFailures: 3 },
  })
})

test('where no check is known, verify fails and says so: nothing is healthy by accident', () => {
  const { spec } = loopOf({ projectRoot: '/app' })
  expect(spec.stages.verify).toMatchObject({ shell: expect.stringMatching(/exit 1$/) })
})

test.each([
  'quotes " and \\ and: colons # hash',
  'two\nlines: with "quotes"',
  'a list\n\n- one\n- two',
  ' \ttab\nand more',
  'deep\n\n    indented\nlast',
  '{"json": [1]}',
  'ünïcode ✓ 🎉\nmore',
  'control \u0007 bell\nline',
  '--- !tag &a *b',
])('the mission %j comes back out of the file as it was', (mission) => {
  expect(loopOf({ mission, projectRoot: 'C:\\with "quotes"' }).spec).toMatchObject({
    mission: mission.trim(),
    project: 'C:\\with "quotes"',
  })
})

test('what is commented out is right too', () => {
  const { text } = loopOf({ projectRoot: '.' })
  const lines = text.split('\n').slice(1)
  const uncommented = lines
    .filter((line) => !/^\s*# (?:Commands run|TODO)/.test(line))
    .map((line) => line.replace(/^( *)# (?=[a-z ]+\w*:)/, '$1'))
  const spec = validate(repairSpec, parseYaml(uncommented.join('\n'), 'loop.yaml'))
  expect(spec).toMatchObject({
    baseline: { metric: 'score', value: 0.9, direction: 'greater_equal', tolerance: '2%' },
    changes: { deny: ['test/**'], maxFiles: 20 },
    stages: { play: { argv: ['node', 'scripts/smoke.js'] }, improve: { agent: expect.any(String) } },
    budget: { duration: 7200, cost: 5 },
  })
})
