import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AgentDelta } from '../../../core/ports.ts'
import type { Reading } from '../reader.ts'
import { aider } from './aider.ts'
import { presets } from './all.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { opencode } from './opencode.ts'

const directory = new URL('../../../../test/fixtures/agent-streams/', import.meta.url)
const bytes = (file: string) => readFileSync(new URL(file, directory))
const recorded = readdirSync(directory).filter((file) => /^(sig-|mcp-)?(claude|codex|opencode)/.test(file))
const presetOf = (file: string) => (file.includes('claude') ? claudeCode : file.includes('codex') ? codex : opencode)

/** Reads a stream as it would come, in pieces of these bytes. */
function read(
  file: string,
  pieces: readonly Uint8Array[] = [bytes(file)],
  preset = presetOf(file),
): Reading & { deltas: AgentDelta[] } {
  const deltas: AgentDelta[] = []
  const reader = preset.read((delta) => deltas.push(delta), 'test-model')
  const decoder = new TextDecoder()
  for (const piece of pieces) reader.push(decoder.decode(piece, { stream: true }))
  reader.push(decoder.decode())
  return { ...reader.finish(), deltas }
}

test('there are recorded streams of three CLIs', () => {
  expect(recorded.length).toBeGreaterThan(30)
})

test.for(recorded)('%s reads the same in one piece and cut anywhere', (file) => {
  const all = bytes(file)
  const whole = read(file)
  const step = Math.max(1, Math.floor(all.length / 200))
  for (let at = 1; at < all.length; at += step) {
    expect(read(file, [all.subarray(0, at), all.subarray(at)])).toEqual(whole)
  }
  const bits = Array.from({ length: Math.ceil(all.length / 3) }, (_, at) => all.subarray(at * 3, at * 3 + 3))
  expect(read(file, bits)).toEqual(whole)
})

test.for(recorded)('%s broken off anywhere still reads, by every preset', (file) => {
  const all = bytes(file)
  const step = Math.max(1, Math.floor(all.length / 100))
  for (let end = 0; end < all.length; end += step) {
    for (const preset of presets) expect(typeof read(file, [all.subarray(0, end)], preset).text).toBe('string')
  }
})

const said = ['I will write the file.', 'DONE: file written.']
const texts = (reading: { deltas: AgentDelta[] }) =>
  reading.deltas.flatMap((delta) => (delta.type === 'text' ? [delta.text] : []))
const tools = (reading: { deltas: AgentDelta[] }) => reading.deltas.filter((delta) => delta.type === 'tool')

test('Claude Code: answer, session, usage and cost of a run', () => {
  const reading = read('claude-stream.jsonl')
  expect(reading).toMatchObject({
    text: 'DONE: file written.',
    complete: true,
    denied: [],
    sessionId: '31c224bd-7248-4e70-b3d5-66317222d507',
    usage: {
      inputTokens: 246,
      outputTokens: 90,
      cacheReadTokens: 22,
      cacheWriteTokens: 14,
      model: 'claude-sonnet-4-5',
    },
    sessionTotals: { costUsd: 0.0021471 },
  })
  expect(reading.error).toBeUndefined()
  expect(texts(reading)).toEqual(said)
  expect(tools(reading)).toEqual([{ type: 'tool', name: 'Write', detail: '/repo/hello.txt' }])
  // Lines of one message repeat its usage: the running total counts it once.
  const usages = reading.deltas.flatMap((delta) => (delta.type === 'usage' ? [delta.usage.inputTokens] : []))
  expect(usages).toEqual([123, 123, 246])
})

test('Claude Code: an error under exit 0 is an error', () => {
  expect(read('claude-500.out').error).toMatchObject({ status: 500, message: expect.stringMatching(/^API Error: 500/) })
  expect(read('claude-401b.out').error).toMatchObject({ status: 401 })
  expect(read('claude-schema.out').error).toEqual({ message: 'Reached maximum number of turns (1)' })
})

test('Claude Code: what was denied is named, and a stream without a result is not complete', () => {
  expect(read('claude-deny.out').denied).toEqual(['Write'])
  expect(read('claude-sid.out').denied).toEqual(['Bash'])
  for (const file of ['sig-claude-INT.out', 'sig-claude-TERM.out', 'claude-401-stream.out']) {
    expect(read(file)).toMatchObject({ complete: false, text: '' })
  }
})

test('Codex: the last message is the answer, cached tokens are not counted twice', () => {
  const reading = read('codex-bypass.out')
  expect(reading).toMatchObject({
    text: 'DONE: file written.',
    complete: true,
    sessionId: '01a1fc45-c96b-7ea2-b5f6-308e42a36211',
    sessionTotals: {
      inputTokens: 300,
      outputTokens: 60,
      cacheReadTokens: 100,
      cacheWriteTokens: 0,
      model: 'test-model',
    },
  })
  expect(texts(reading)).toEqual(said)
  expect(tools(reading)).toHaveLength(1)
  expect(read('codex-resume.out').sessionTotals).toMatchObject({ inputTokens: 600, outputTokens: 120 })
})

test('Codex: a failed turn, a call that was not approved, and a stream that breaks off', () => {
  expect(read('codex-401.out')).toMatchObject({
    complete: false,
    error: { message: expect.stringMatching(/401 Unauthorized/) },
  })
  expect(read('codex-500.out').error?.message).toMatch(/high demand/)
  expect(read('mcp-codex.out').denied).toEqual(['tiny/loop_claim'])
  expect(read('mcp-codex-app.out').denied).toEqual([])
  expect(read('sig-codex-TERM.out')).toMatchObject({ complete: false, text: '' })
})

test('opencode: tokens and cost of every step are added up', () => {
  const reading = read('opencode.out')
  expect(reading).toMatchObject({
    text: 'DONE: file written.',
    complete: true,
    sessionId: 'ses_e03b96fccffeTwXlgd09U2NcyN',
    usage: { inputTokens: 220, outputTokens: 50, cacheReadTokens: 80, cacheWriteTokens: 0, costUsd: 0.000328 },
  })
  expect(texts(reading)).toEqual(said)
  expect(tools(reading)).toEqual([{ type: 'tool', name: 'write', detail: '/repo/hello.txt' }])
  expect(read('mcp-opencode.out').usage).not.toHaveProperty('costUsd')
})

test('opencode: a rejected tool and an error of the model API', () => {
  expect(read('opencode-ask.out').denied).toEqual(['write'])
  expect(read('opencode-ask-auto.out').denied).toEqual([])
  expect(read('opencode-401.out').error).toEqual({ message: 'scripted 401', status: 401 })
})

test('aider: its text is the answer, its token lines are the usage, an API error shows', () => {
  const deltas: AgentDelta[] = []
  const text =
    'Aider v0.86\n\nI changed it.\n\nTokens: 2.3k sent, 150 received. Cost: $0.01 message, $0.02 session.\nApplied edit to a.txt\n'
  const read = (output: string) => {
    const reader = aider.read((delta) => deltas.push(delta), 'gpt-5')
    for (const char of output) reader.push(char)
    return reader.finish()
  }
  expect(read(text)).toEqual({
    text,
    chars: text.length,
    usage: {
      inputTokens: 2300,
      outputTokens: 150,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      costUsd: 0.01,
      model: 'gpt-5',
    },
  })
  expect(deltas.filter((delta) => delta.type === 'usage')).toHaveLength(1)
  expect(read('litellm.AuthenticationError: AnthropicException - invalid x-api-key\n').error?.message).toMatch(
    /^litellm\.Auth/,
  )
  expect(
    read('litellm.RateLimitError: x\nRetrying in 0.2 seconds...\n\nTokens: 1,234 sent, 5 received.\n'),
  ).toMatchObject({
    usage: { inputTokens: 1234, outputTokens: 5 },
  })
})

const request = { role: 'worker', system: 'Be brief.', prompt: 'Do it', cwd: '/' }

test('each CLI is started as its manual says', () => {
  const argv = (preset: (typeof presets)[number]) => preset.invoke(request, 'm').argv
  expect(argv(claudeCode)).toEqual([
    '-p',
    'Do it',
    '--append-system-prompt',
    'Be brief.',
    '--output-format',
    'stream-json',
    '--verbose',
    '--model',
    'm',
    '--permission-mode',
    'acceptEdits',
  ])
  const both = 'Be brief.\n\nDo it'
  expect(argv(codex)).toEqual(['exec', '--json', '-s', 'workspace-write', '-m', 'm', both])
  expect(argv(opencode)).toEqual(['run', '--format', 'json', '--print-logs', '-m', 'm', both])
  expect(argv(aider)).toEqual(['--message', both, '--no-auto-commits', '--yes', '--model', 'm'])
})

test('skipping permissions and resuming are said in each CLI’s words', () => {
  const argv = (preset: (typeof presets)[number]) =>
    preset.invoke({ ...request, skipPermissions: true, sessionId: 'S' }, undefined).argv.join(' ')
  expect(argv(claudeCode)).toContain('--resume S --dangerously-skip-permissions')
  expect(argv(codex)).toContain('exec --json --dangerously-bypass-approvals-and-sandbox resume S ')
  expect(argv(opencode)).toContain('--auto -s S ')
  expect(argv(aider)).toContain('--yes-always')
})

test('a prompt that no argument can hold goes to stdin, one that looks like an option is no option', () => {
  for (const preset of presets) {
    const long = preset.invoke({ ...request, prompt: 'ä'.repeat(100_000) }, undefined)
    expect(Math.max(...long.argv.map((arg) => arg.length))).toBeLessThan(100)
    expect(long.input).toContain('Be brief.')
    expect(long.input).toContain('ää')
    const odd = preset.invoke({ ...request, system: '', prompt: '--version\0' }, undefined)
    expect(odd.argv).toContain(' --version\uFFFD')
    expect(odd.argv.join('')).not.toContain('append-system-prompt')
  }
})
