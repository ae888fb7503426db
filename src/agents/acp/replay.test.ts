import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AgentDelta, AgentRequest } from '../../core/ports.ts'
import { acpAgent } from './acp.ts'

const fixtures = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url))
const streams = join(fixtures, 'agent-streams')

let cwd: string
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'acp-replay-'))
})
afterAll(() => rm(cwd, { recursive: true, maxRetries: 3 }))

/** Plays a recorded session to our agent. */
async function replay(file: string, more: Partial<AgentRequest> = {}) {
  const agent = acpAgent({
    name: 'recorded',
    argv: [process.execPath, join(fixtures, 'acp-replay-process.ts'), join(streams, file)],
    env: { PATH: process.env.PATH ?? '' },
  })
  const deltas: AgentDelta[] = []
  const stop = new AbortController()
  const answer = await agent.run(
    { role: 'worker', system: '', prompt: 'create hello.txt', cwd, ...more },
    {
      signal: stop.signal,
      onDelta(delta) {
        deltas.push(delta)
        // The recorded ones were cancelled as soon as something was said.
        if (file.includes('-cancel') && delta.type === 'text') stop.abort()
      },
    },
  )
  return { answer, deltas, types: deltas.map((delta) => delta.type).filter((type) => type !== 'text') }
}

const written = { outcome: 'done', text: 'DONE: file written.' }

test.for([
  [
    'acp-claude100-allow.jsonl',
    {
      ...written,
      usage: {
        inputTokens: 246,
        outputTokens: 90,
        cacheReadTokens: 22,
        cacheWriteTokens: 14,
        costUsd: 0.0042876,
        model: 'claude-opus-5-5',
      },
      sessionTotals: { costUsd: 0.0042876 },
    },
    ['tool', 'permission', 'tool_result', 'usage'],
    'Write',
  ],
  [
    'acp-codex-allow.jsonl',
    {
      ...written,
      usage: { inputTokens: 300, outputTokens: 60, cacheReadTokens: 100, model: 'test-model' },
    },
    ['tool', 'tool_result'],
    'exec_command',
  ],
  [
    'acp-copilot-allow.jsonl',
    { ...written, usage: { inputTokens: 220, outputTokens: 50, cacheReadTokens: 80 } },
    ['tool', 'permission', 'tool_result'],
    'edit',
  ],
  [
    'acp-gemini-allow.jsonl',
    { ...written, usage: { inputTokens: 320, outputTokens: 44, model: 'gemini-2.5-flash' } },
    ['tool', 'permission', 'tool_result'],
    'edit',
  ],
  [
    'acp-grok-allow.jsonl',
    { ...written, usage: { inputTokens: 220, outputTokens: 50, cacheReadTokens: 80, model: 'test-model' } },
    ['tool', 'permission', 'tool_result'],
    'write',
  ],
  [
    'acp-opencode-allow.jsonl',
    {
      ...written,
      usage: { inputTokens: 110, outputTokens: 25, cacheReadTokens: 40, costUsd: 0.000328, model: 'local/test-model' },
    },
    ['tool', 'tool_result', 'usage'],
    'edit',
  ],
] as const)('%s: the file is written', async ([file, expected, types, tool]) => {
  const { answer, deltas, types: got } = await replay(file)
  expect(answer).toMatchObject({ ...expected, sessionId: expect.stringMatching(/./) })
  expect(answer.usage).toEqual('usage' in expected ? expected.usage : undefined)
  expect(got).toEqual(types)
  expect(deltas.find((delta) => delta.type === 'tool')).toMatchObject({
    name: tool,
    detail: expect.stringContaining('hello.txt'),
  })
  expect(deltas.find((delta) => delta.type === 'tool_result')).toMatchObject({ name: tool, ok: true })
})

test.for(['acp-claude100-reject.jsonl', 'acp-copilot-reject.jsonl', 'acp-gemini-reject.jsonl'])(
  '%s: a rejected edit is refused, though the turn ends well',
  async (file) => {
    const { answer, deltas } = await replay(file, { approvals: { mode: 'none', rules: [] } })
    expect(answer).toMatchObject({ outcome: 'refused', message: expect.stringContaining('was not allowed') })
    expect(deltas).toContainEqual({ type: 'permission', title: expect.any(String), decision: 'deny' })
  },
)

test.for([
  'acp-claude100-cancel.jsonl',
  'acp-codex-cancel.jsonl',
  'acp-copilot-cancel.jsonl',
  'acp-gemini-cancel.jsonl',
  'acp-grok-cancel.jsonl',
  'acp-opencode-cancel.jsonl',
])('%s: the turn is cancelled', async (file) => {
  const { answer } = await replay(file)
  expect(answer).toMatchObject({ outcome: 'killed', message: 'recorded was stopped' })
})

test('every recorded session has its test', async () => {
  const recorded = (await readdir(streams)).filter((file) => file.startsWith('acp-'))
  expect(recorded).toHaveLength(15)
})
