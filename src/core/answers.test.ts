import { expect, test } from 'vitest'
import { answerOf, questionList } from './answers.ts'

const clarify = { questions: ['Which port?', 'Which name?'], criteria: ['it works'] }

test('answers go to questions in order, or by number, or by name', () => {
  expect(answerOf(clarify, ['80', 'x'])).toEqual(['80', 'x'])
  expect(answerOf(clarify, ['2=x', '80'])).toEqual(['80', 'x'])
  expect(answerOf({ questions: [{ name: 'port', question: 'Which?' }] }, ['port=80'])).toEqual(['80'])
  expect(answerOf(clarify, ['a=b', 'c=d'])).toEqual(['a=b', 'c=d'])
})

test('other criteria can be given, and a default stands where nothing is said', () => {
  expect(answerOf(clarify, ['80', 'x', 'criteria=tests pass'])).toEqual({
    answers: ['80', 'x'],
    criteria: ['tests pass'],
  })
  expect(answerOf({ questions: [{ name: 'port', question: 'Which?', default: '80' }] }, [])).toEqual(['80'])
})

test('an ask of one text takes one text', () => {
  expect(answerOf('Go on?', ['yes'])).toBe('yes')
  expect(answerOf({ question: 'Go on?' }, ['yes'])).toBe('yes')
  expect(questionList({ question: 'Go on?' })).toEqual([{ name: '1', text: 'Go on?', default: undefined }])
})

test('too few and too many answers are refused', () => {
  expect(() => answerOf(clarify, ['80'])).toThrow('not answered: Which name?')
  expect(() => answerOf(clarify, ['80', 'x', 'y'])).toThrow('too many answers')
})
