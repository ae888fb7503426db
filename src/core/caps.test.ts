import { expect, test } from 'vitest'
import { capsOf, toCaps } from './caps.ts'
import { parseGoal } from './spec/loop.ts'

test('a budget becomes whole numbers: milliseconds and millionths of a dollar', () => {
  expect(toCaps({ iterations: 4, agentCalls: 5, agents: 6, tokens: 7, cost: 0.1234567, duration: 1.5 })).toEqual({
    iterations: 4,
    agentCalls: 5,
    agents: 6,
    tokens: 7,
    microUsd: 123_457,
    activeMs: 1_500,
  })
})

test('what is not set caps nothing', () => {
  expect(toCaps({})).toEqual({})
  expect(toCaps({ tokens: undefined })).toEqual({})
})

test('a goal is capped at four iterations where nobody says otherwise', () => {
  expect(capsOf(parseGoal({ goal: 'win' }))).toEqual({ iterations: 4 })
})

test('with several attempts each has its own iterations, and the rest is for all together', () => {
  expect(capsOf(parseGoal({ goal: 'win', attempts: 2, budget: { iterations: 3, tokens: 9 } }))).toEqual({ tokens: 9 })
})

test('the cap on seconds is the loop’s own, and none of the ledger', () => {
  expect(capsOf(parseGoal({ goal: 'win', budget: { seconds: 60 } }))).toEqual({ iterations: 4 })
})
