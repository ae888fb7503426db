import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readReview, readSubgoals, readTexts } from './answers.ts'

const words = fc.stringMatching(/^[A-Za-z][A-Za-z0-9 ]{0,30}[a-z]$/)

test('a plan is a list of texts or objects, bare or under one of its names', () => {
  const plain = [
    { id: 's1', description: 'write it' },
    { id: 's2', description: 'test it' },
  ]
  for (const answer of [
    ['write it', 'test it'],
    { subgoals: ['write it', 'test it'] },
    { tasks: [{ task: 'write it' }, { goal: 'test it' }] },
    { steps: [{ description: 'write it' }, { title: 'test it' }] },
    { plan: plain },
  ])
    expect(readSubgoals(JSON.stringify(answer))).toEqual(plain)
})

test('a plan is found in prose and in a fence', () => {
  expect(readSubgoals('Sure! Here it is:\n```json\n["write it"]\n```\nGood luck.')).toEqual([
    { id: 's1', description: 'write it' },
  ])
  expect(readSubgoals('The plan is {"subgoals": ["write it"]} as you asked.')).toHaveLength(1)
})

test('a plan with no subgoal is none', () => {
  for (const answer of ['[]', '{"subgoals": []}', '[""]', '[{"id": "a"}]', '{"other": ["x"]}', 'no plan', '', '7'])
    expect(readSubgoals(answer)).toBeUndefined()
})

test('ids of a plan are safe as file names and differ from each other', () => {
  const ids = (...given: unknown[]) =>
    readSubgoals(JSON.stringify(given.map((id) => ({ id, description: 'x' }))))?.map(({ id }) => id)
  expect(ids('../../etc/passwd', '..', 7, '', 'für Ada')).toEqual(['-..-etc-passwd', 's2', '7', 's4', 'für-Ada'])
  expect(ids('a', 'a', 'a-2', 'a')).toEqual(['a', 'a-2', 'a-2-2', 'a-3'])
})

test('whatever a plan says, every subgoal has an id of its own that is safe as a name', () => {
  const item = fc.oneof(
    fc.string(),
    fc.record(
      { id: fc.oneof(fc.string(), fc.integer(), fc.constant(null)), description: fc.string(), task: fc.string() },
      { requiredKeys: [] },
    ),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), (items) => {
      const subgoals = readSubgoals(JSON.stringify(items)) ?? []
      const ids = subgoals.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const { id, description } of subgoals) {
        expect(id).toMatch(/^[\p{L}\p{N}._-]+$/u)
        expect(['.', '..']).not.toContain(id)
        expect(id.length).toBeLessThanOrEqual(64)
        expect(description.trim()).toBe(description)
        expect(description).not.toBe('')
      }
    }),
  )
})

test('texts and objects come to the same plan', () => {
  fc.assert(
    fc.property(
      fc.array(words, { minLength: 1, maxLength: 8 }),
      fc.constantFrom('description', 'task', 'goal', 'title'),
      (texts, key) => {
        const objects = texts.map((text) => ({ [key]: text }))
        expect(readSubgoals(JSON.stringify({ subgoals: objects }))).toEqual(readSubgoals(JSON.stringify(texts)))
      },
    ),
  )
})

test('a review has four gates; one that is not said to be open is shut', () => {
  const open = { quality_ok: true, consistency_ok: true, goal_aligned: true, goal_complete: true }
  expect(readReview(JSON.stringify({ ...open, issues: 'one', follow_up_questions: ['why?'] }))).toEqual({
    ...open,
    issues: ['one'],
    follow_up_questions: ['why?'],
  })
  expect(readReview('{"quality_ok": true, "goal_complete": "true"}')).toMatchObject({
    quality_ok: true,
    consistency_ok: false,
    goal_aligned: false,
    goal_complete: false,
  })
  expect(readReview('{"quality_ok": true, "issues": [{"issue": "a"}, {"description": "b"}, 7, ""]}')?.issues).toEqual([
    'a',
    'b',
  ])
})

test('an answer without a gate is no review', () => {
  for (const answer of ['LGTM', '', '{}', '[]', '{"goal_complete": "yes"}', 'null', '{"approved": true}'])
    expect(readReview(answer)).toBeUndefined()
})

test('whatever a reviewer says, a gate is open only where the answer says true', () => {
  const gates = ['quality_ok', 'consistency_ok', 'goal_aligned', 'goal_complete'] as const
  const said = fc.oneof(fc.boolean(), fc.constantFrom('true', 1, null, 'yes', {}, []))
  fc.assert(
    fc.property(
      fc.record(Object.fromEntries(gates.map((gate) => [gate, said])), { requiredKeys: [] }),
      words,
      fc.boolean(),
      (answer, prose, fenced) => {
        const json = JSON.stringify(answer)
        const review = readReview(fenced ? `${prose}\n\`\`\`json\n${json}\n\`\`\`` : json)
        for (const gate of gates) expect(review?.[gate] ?? false).toBe(answer[gate] === true)
      },
    ),
  )
})

test('no text at all makes the readers throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      readSubgoals(text)
      readReview(text)
      readTexts(text, ['questions'])
    }),
  )
})

test('criteria and questions are lists of texts under a name, or bare', () => {
  expect(readTexts('{"questions": ["a?", {"question": "b?"}, 7]}', ['questions'])).toEqual(['a?', 'b?'])
  expect(readTexts('["a?"]', ['questions'])).toEqual(['a?'])
  expect(readTexts('{"success_criteria": ["x"]}', ['criteria', 'success_criteria'])).toEqual(['x'])
  expect(readTexts('nothing', ['questions'])).toBeUndefined()
})
