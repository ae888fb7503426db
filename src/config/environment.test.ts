import { expect, test } from 'vitest'
import { callingAgent } from './environment.ts'

test('the agent that calls is known by its variables, or told, which counts before them', () => {
  expect(callingAgent({})).toBeUndefined()
  expect(callingAgent({ CLAUDECODE: '1' })).toEqual({ agent: 'claude-code', variable: 'CLAUDECODE' })
  expect(callingAgent({ CLAUDECODE: '1', LOOPWRIGHT_CALLER: 'codex' })).toEqual({
    agent: 'codex',
    variable: 'LOOPWRIGHT_CALLER',
  })
  expect(callingAgent({ LOOPWRIGHT_CALLER: ' ' })).toBeUndefined()
})
