import { expect, test } from 'vitest'
import { aider } from '../command/presets/aider.ts'
import { claudeCode } from '../command/presets/claude-code.ts'
import { codex } from '../command/presets/codex.ts'
import { opencode } from '../command/presets/opencode.ts'
import { acpProgram, acpTarget, knownAcpAgent } from './known.ts'

test.each([
  ['acp:gemini', 'gemini'],
  [' ACP:Claude_Code ', 'claude-code'],
  ['acp:claude', 'claude-code'],
  ['acp:', ''],
  ['gemini', undefined],
  ['acp', undefined],
])('%j means %j', (name, target) => {
  expect(acpTarget(name)).toBe(target)
})

test('a CLI speaks it by itself, through its adapter, or not at all', () => {
  expect(acpProgram(opencode)).toMatchObject({
    executable: 'opencode',
    args: ['acp', '--print-logs'],
    env: { OPENCODE_PERMISSION: expect.stringContaining('"edit":"ask"') },
  })
  expect(acpProgram(claudeCode)).toMatchObject({ executable: 'claude-agent-acp', args: [] })
  expect(acpProgram(codex)).toMatchObject({ executable: 'codex-acp', args: [] })
  expect(acpProgram(aider)).toBeUndefined()
})

test('a known CLI is an agent where its program is installed', () => {
  const options = { env: {}, which: (name: string) => `/opt/${name}` }
  expect(knownAcpAgent(claudeCode, options)).toMatchObject({ name: 'acp:claude-code', spawns: true })
  expect(() => knownAcpAgent(codex, { ...options, which: () => undefined })).toThrow(
    expect.objectContaining({
      code: 'missing_tool',
      message: expect.stringContaining('no codex-acp on the PATH (npm install -g @agentclientprotocol/codex-acp)'),
    }),
  )
  expect(() => knownAcpAgent(aider, options)).toThrow(/aider does not speak the Agent Client Protocol/)
})
