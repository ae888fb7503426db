import { expect, test } from 'vitest'
import { goalSpec } from '../core/spec/goal.ts'
import { schemaFor } from '../core/spec/loop.ts'
import { parseYaml, validate } from './yaml.ts'

function complaint(text: string): string {
  try {
    const parsed = parseYaml(text, 'loops/fix.yaml')
    validate(schemaFor(parsed.value), parsed)
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'hint' in error) {
      expect(error.code).toBe('bad_input')
      return error.message + (error.hint === undefined ? '' : `\n→ ${String(error.hint)}`)
    }
    throw error
  }
  return 'accepted'
}

const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\ngoal: [*c,*c,*c,*c,*c]\n`

test.each([
  ['a tab for indentation', 'goal: x\nbudget:\n\titerations: 2\n'],
  ['a colon without a space', 'goal: x\nbudget:\n  iterations:2\n  tokens: 5\n'],
  ['only a colon without a space', 'goal:x\n'],
  ['an open quote', 'goal: "x\nname: y\n'],
  ['a bad indentation', 'goal: x\n  name: y\n'],
  ['a key twice', 'goal: x\nname: a\ngoal: y\n'],
  ['two documents', 'goal: x\n---\ngoal: y\n'],
  ['a tag', 'goal: !env SECRET\n'],
  ['a known tag', 'goal: !!binary aGk=\n'],
  ['a merge key', 'x: &x { name: a }\ngoal: g\n<<: *x\n'],
  ['YAML 1.1', '%YAML 1.1\n---\ngoal: x\nask: yes\n'],
  ['an alias bomb', bomb],
  ['a prototype', 'goal: x\n__proto__: { ask: true }\n'],
  ['an empty file', ''],
  ['only a comment', '# nothing\n'],
  ['a list', '- goal: x\n'],
  [
    'many problems in order',
    'goal: 5\nask: yes\nbudget:\n  iteration: 3\n  cost: lots\nverify:\n  - npm test\n  - run: a | b\nconcurrency: 99\n',
  ],
  ['another kind', 'kind: triage\ngoal: x\n'],
  ['broken JSON', '{\n  "goal": "x",\n  "ask": tru\n}\n'],
  ['JSON that stops', '{ "goal": "x"'],
])('%s', (name, text) => {
  expect(`${name}\n${complaint(text)}`).toMatchSnapshot()
})

test('YAML, JSON and a byte order mark are read', () => {
  for (const text of ['goal: fix it\n', '{ "goal": "fix it" }', '\uFEFFgoal: fix it\r\n', '{\n\t"goal": "fix it"\n}'])
    expect(validate(goalSpec, parseYaml(text, 'x')).goal).toBe('fix it')
})

test('at most ten problems are listed', () => {
  const text = `goal: x\n${Array.from({ length: 15 }, (_, i) => `zz${i}: 1`).join('\n')}`
  expect(complaint(text)).toMatch(/\nand 5 more\n/)
})

test('a file past 5 MB and one nested past the stack get one clear error', () => {
  expect(complaint(`goal: ${'x'.repeat(5_000_001)}`)).toBe('loops/fix.yaml: the file is too large, at most 5 MB')
  expect(complaint('['.repeat(100_000))).toMatch(/^loops\/fix.yaml.*: the file is nested too deeply/)
  expect(complaint('['.repeat(500) + ']'.repeat(500))).toMatch(/the file is nested too deeply/)
})
