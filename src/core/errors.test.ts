import { expect, test } from 'vitest'
import { isLoopwrightError, isOfThePlace, LoopwrightError, messageOf, toErrorRecord } from './errors.ts'

test('an error comes back from its record as it was', () => {
  const error = new LoopwrightError('not_found', 'no file', { hint: 'look', data: { path: 'a' } })
  const again = LoopwrightError.fromRecord(JSON.parse(JSON.stringify(error.toRecord())))
  expect(again).toMatchObject({ code: 'not_found', message: 'no file', hint: 'look', data: { path: 'a' } })
  expect(again).toBeInstanceOf(LoopwrightError)
  expect(new LoopwrightError('killed', 'over').toRecord()).toEqual({ code: 'killed', message: 'over' })
})

test('whatever is thrown has a record', () => {
  expect(toErrorRecord(new TypeError('a slip'))).toEqual({ code: 'step_failed', message: 'a slip' })
  expect(toErrorRecord('text')).toEqual({ code: 'step_failed', message: 'text' })
  expect(toErrorRecord(undefined)).toEqual({ code: 'step_failed', message: 'undefined' })
  expect(messageOf(new Error('said'))).toBe('said')
})

test('the cause stays with the error and out of the record', () => {
  const cause = new Error('inner')
  const error = new LoopwrightError('workspace', 'outer', { cause })
  expect(error.cause).toBe(cause)
  expect(JSON.stringify(error.toRecord())).not.toContain('inner')
})

test('an error is ours by its class, and asked for by its code', () => {
  const error = new LoopwrightError('cancelled', 'over')
  expect(isLoopwrightError(error)).toBe(true)
  expect(isLoopwrightError(error, 'cancelled')).toBe(true)
  expect(isLoopwrightError(error, 'killed')).toBe(false)
  expect(isLoopwrightError({ code: 'cancelled' })).toBe(false)
})

test('errors of the place are those that a better place may not meet', () => {
  for (const code of ['missing_tool', 'workspace', 'agent_auth', 'store_full', 'store_locked'] as const)
    expect(isOfThePlace(new LoopwrightError(code, 'x'))).toBe(true)
  for (const code of ['budget_exceeded', 'cancelled', 'loop_diverged', 'step_failed'] as const)
    expect(isOfThePlace(new LoopwrightError(code, 'x'))).toBe(false)
  expect(isOfThePlace(new Error('x'))).toBe(false)
})
