import { expect, test } from 'vitest'
import { aider } from '../command/presets/aider.ts'
import { claudeCode } from '../command/presets/claude-code.ts'
import { codex } from '../command/presets/codex.ts'
import { opencode } from '../command/presets/opencode.ts'
import { acpProgram, knownAcpAgent } from './known.ts'

test('a CLI speaks it by itself, through its adapter, or not at all', () => {
  expect(acpProgram(opencode)).toMatchObject({
    executable: 'opencode',
    args: ['acp', '--print-logs'],
    env: { OPENCODE_PERMISSION: expect.stringContaining('"edit":"ask"') },
  })
  expect(acpProgram(claudeCode)).toMatchObject({ executable: 'claude-agent-acp', args: [] })
  expect(acpProgram(codex)).toMatchObject({
    executable: 'codex-acp',
    args: [],
    env: { INITIAL_AGENT_MODE: 'read-only' },
  })
  expect(acpProgram(aider)).toBeUndefined()
})

test('a known CLI that speaks it is an agent of its own name', () => {
  const program = { executable: 'claude-agent-acp', args: [], install: 'x' }
  expect(knownAcpAgent(claudeCode, program, '/opt/claude-agent-acp', { env: {} })).toMatchObject({
    name: 'acp:claude-code',
    spawns: true,
  })
})
