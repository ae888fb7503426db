import { expect, test } from 'vitest'
import { settingsOf } from './settings.ts'
import { parseLoop } from './spec/loop.ts'

test('a goal has its settings in its spec, any other loop beside it', () => {
  const spec = JSON.parse(JSON.stringify(parseLoop({ goal: 'win', agent: 'codex', retries: 3 })))
  expect(settingsOf({ kind: 'goal', spec })).toMatchObject({ agent: 'codex', retries: 3, isolation: 'worktree' })
  const meta = { settings: { agent: 'aider' } }
  expect(settingsOf({ kind: 'mine', spec: { agent: 'not this' }, meta })).toEqual({ agent: 'aider' })
  expect(settingsOf({ kind: 'mine', spec: {} })).toEqual({})
})
