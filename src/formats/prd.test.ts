import { expect, test } from 'vitest'
import { markPassed, parsePlan, planFormat } from './prd.ts'

const json = `{
    "project": "x", "branchName": "b",
    "userStories": [
        { "id": "US-1", "title": "one", "acceptanceCriteria": ["a"], "priority": 2, "passes": false, "notes": "n" },
        {
            "title": "two",
            "id": "US-2"
        },
        {"id":3,"title":"three"}
    ]
}
`
const list =
  '# Plan\r\n\r\n- [ ] US-1: one\r\n  - it works\r\n- [x] two\r\n\r\n```\r\n- [ ] not a story\r\n```\r\n* [ ] three  \r\n'
const heads = `# Product

- [ ] a loose box

### US-001: Log in
As a user I log in.

**Acceptance Criteria:**
- [ ] a form
- [x] an error

## Two
### Acceptance criteria
- fast
`

test('stories are read from JSON, a list and headings', () => {
  expect(parsePlan(json, 'json', 'prd.json').map((s) => [s.id, s.title, s.criteria, s.priority, s.passes])).toEqual([
    ['US-1', 'one', ['a'], 2, false],
    ['US-2', 'two', [], 0, false],
    ['3', 'three', [], 0, false],
  ])
  expect(parsePlan(list, 'markdown', 'PRD.md').map((s) => [s.id, s.title, s.criteria, s.passes])).toEqual([
    ['US-1', 'one', ['it works'], false],
    ['story-2', 'two', [], true],
    ['story-3', 'three', [], false],
  ])
  expect(
    parsePlan(heads, 'markdown', 'PRD.md').map((s) => [s.id, s.title, s.description, s.criteria, s.passes]),
  ).toEqual([
    ['US-001', 'Log in', 'As a user I log in.', ['a form', 'an error'], false],
    ['story-2', 'Two', '', ['fast'], false],
  ])
})

test('marking a story changes that story and no other byte', () => {
  expect(markPassed(json, 'json', 'US-1')).toBe(json.replace('"passes": false', '"passes": true'))
  expect(markPassed(json, 'json', 'US-2')).toBe(
    json.replace('"id": "US-2"', '"id": "US-2",\n            "passes": true'),
  )
  expect(markPassed(json, 'json', '3')).toBe(json.replace('"title":"three"', '"title":"three", "passes": true'))
  expect(markPassed(list, 'markdown', 'US-1')).toBe(list.replace('- [ ] US-1', '- [x] US-1'))
  expect(markPassed(list, 'markdown', 'story-3')).toBe(list.replace('* [ ] three', '* [x] three'))
  expect(markPassed(list, 'markdown', 'story-2')).toBe(list)
  expect(markPassed(heads, 'markdown', 'US-001')).toBe(heads.replace('- [ ] a form', '- [x] a form'))
  expect(markPassed(heads, 'markdown', 'story-2')).toBe(heads.replace('## Two', '## [x] Two'))
  for (const [text, format] of [
    [json, 'json'],
    [list, 'markdown'],
    [heads, 'markdown'],
  ] as const)
    for (const { id } of parsePlan(text, format, 'f'))
      expect(parsePlan(markPassed(text, format, id), format, 'f').find((s) => s.id === id)?.passes).toBe(true)
})

test.each([
  ['{ "userStories": [{ "title": "x" }] }', 'json', 'f:1:19: userStories[0].id is missing'],
  ['{ "userStories": [] }', 'json', 'f:1:1: there is no story in the plan'],
  ['{ "stories": [{"id":"a","title":"x"},\n{"id":"a","title":"y"}] }', 'json', 'f:2:7: the story id "a" is used twice'],
  ['just text', 'markdown', 'f:1:1: there is no story in the plan'],
  ['- [ ] A-1: x\n- [ ] A-1: y', 'markdown', 'f:2:1: the story id "A-1" is used twice'],
] as const)('%j is refused', (text, format, message) => {
  expect(() => parsePlan(text, format, 'f')).toThrow(expect.objectContaining({ code: 'bad_input', message }))
})

test('a story or a format that is not there is refused', () => {
  expect(() => markPassed(json, 'json', 'US-9')).toThrow('plan: there is no story "US-9"')
  expect(() => planFormat('plan.txt')).toThrow('plan.txt: a plan is a .json or .md file')
})
