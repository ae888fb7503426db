import { expect, test } from 'vitest'
import { answerOf, questionList } from '../answers.ts'
import { decidedIn, decisionOf, escalationOf } from './decision.ts'

const request = {
  kind: 'escalation',
  pattern: 'ci-sweeper',
  item: 'ci:main/test',
  title: 'Mend the tests',
  reason: 'src/pay.ts is on the denylist',
  files: ['src/pay.ts'],
  branch: 'loopwright/x',
}

test('an escalation is one question that takes yes or no, and a note', () => {
  expect(questionList(request)).toEqual([
    {
      name: 'approve',
      text: 'Approve “Mend the tests”? src/pay.ts is on the denylist (yes or no)',
      default: undefined,
    },
  ])
  expect(answerOf(request, ['yes'], 'ada')).toEqual({ approved: true, note: '', by: 'ada' })
  expect(answerOf(request, ['No', 'too large'], 'ada')).toEqual({ approved: false, note: 'too large', by: 'ada' })
  expect(decisionOf(['approve=y', 'note=a=b'], 'ada')).toEqual({ approved: true, note: 'a=b', by: 'ada' })
  expect(decisionOf(['1=deny'], 'ada')).toMatchObject({ approved: false })
})

test('what is neither yes nor no decides nothing', () => {
  for (const given of [[], [''], ['maybe'], ['yes please'], ['note=yes'], ['yesno']]) {
    expect(() => decisionOf(given, 'ada')).toThrow('yes or no is asked')
  }
})

test('an escalation that lacks something is one all the same, and other asks are none', () => {
  expect(escalationOf({ kind: 'escalation', title: 7, files: ['a', 7] })).toEqual({
    kind: 'escalation',
    pattern: '',
    item: '',
    title: '',
    reason: '',
    files: ['a'],
    branch: '',
  })
  for (const other of ['escalation', null, ['escalation'], { question: 'Go on?' }, {}]) {
    expect(escalationOf(other)).toBeUndefined()
  }
  expect(decidedIn({ approved: 'yes' })).toBeUndefined()
  expect(decidedIn({ approved: false })).toEqual({ approved: false, note: '', by: '' })
})
