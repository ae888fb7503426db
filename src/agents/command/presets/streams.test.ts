import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AgentDelta } from '../../../core/ports.ts'
import { decide } from '../outcome.ts'
import type { Preset } from '../preset.ts'
import type { Reading } from '../reader.ts'
import { aider } from './aider.ts'
import { presets } from './all.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { copilot } from './copilot.ts'
import { cursor } from './cursor.ts'
import { gemini } from './gemini.ts'
import { grok } from './grok.ts'
import { opencode } from './opencode.ts'
import { pi } from './pi.ts'

const directory = new URL('../../../../test/fixtures/agent-streams/', import.meta.url)
const bytes = (file: string) => readFileSync(new URL(file, directory))
const recorded = readdirSync(directory).filter((file) => /\.(?:out|jsonl)$/.test(file) && !file.startsWith('acp-'))

function presetOf(file: string): Preset {
  const [, start = ''] = /^(?:sig-|mcp-)?([a-z]+)/.exec(file) ?? []
  const preset = presets.find((each) => each.name.startsWith(start))
  if (preset === undefined) throw new Error(`no preset reads ${file}`)
  return preset
}

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

type Expected = readonly [
  exitCode: number,
  outcome: string,
  session: string,
  tokens?: readonly number[] | undefined,
  costUsd?: number | undefined,
  denied?: string,
]

/** Each recorded stream: its exit code, and what must come out: outcome, session, tokens (in, out, read, written), dollars, what was denied. */
const table: Readonly<Record<string, Expected>> = {
  'claude-401-stream.out': [143, 'killed', '0a0c4e1e'],
  'claude-401b.out': [0, 'auth', '3cc19c9c', [0, 0, 0, 0], 0],
  'claude-500.out': [1, 'failed', '4714e820', [0, 0, 0, 0], 0],
  'claude-deny.out': [0, 'refused', '54a759f4', [246, 90, 22, 14], 0.0021471, 'Write'],
  'claude-json.out': [0, 'done', '82bc0a19', [246, 90, 22, 14], 0.0021471],
  'claude-perm-none.out': [0, 'refused', '77e9bc8a', [246, 90, 22, 14], 0.0021471, 'Write'],
  'claude-resume.out': [0, 'done', '31c224bd', [246, 90, 22, 14], 0.0042942],
  'claude-schema.out': [1, 'failed', 'f5f88254', [123, 45, 11, 7], 0.00107355],
  'claude-sid.out': [0, 'refused', '11111111', [246, 90, 22, 14], 0.0021471, 'Bash'],
  'claude-stream.jsonl': [0, 'done', '31c224bd', [246, 90, 22, 14], 0.0021471],
  'codex-401.out': [1, 'auth', '01a1fc46'],
  'codex-500.out': [1, 'failed', '01a1fc46'],
  'codex-bypass.out': [0, 'done', '01a1fc45', [300, 60, 100, 0]],
  'codex-resume.out': [0, 'done', '01a1fc45', [600, 120, 200, 0]],
  // It says that it wrote the file, and tells of no tool that did not: only a check can know better.
  'codex-ro.out': [0, 'done', '01a1fc56', [300, 60, 100, 0]],
  'codex-ww.out': [0, 'done', '01a1fc45', [300, 60, 100, 0]],
  'codex-ww2.out': [0, 'done', '01a1fc56', [300, 60, 100, 0]],
  'copilot-401.out': [1, 'auth', '825a7811'],
  'copilot-500.out': [1, 'failed', '21834587'],
  'copilot-deny.out': [0, 'refused', 'a8611be1', undefined, undefined, 'create'],
  'copilot-json.out': [0, 'done', '5e33cc5c'],
  'copilot-resume.out': [0, 'done', '5e33cc5c'],
  'gemini-401.out': [145, 'auth', 'b4f633b6', [0, 0, 0]],
  'gemini-500.out': [143, 'killed', '6358e131'],
  // The tools it may not use are not offered to the model: nothing was denied.
  'gemini-deny.out': [0, 'done', '330fe432', [127, 27, 33]],
  'gemini-json.out': [0, 'done', '23a26b94', [254, 54, 66]],
  'gemini-resume.out': [0, 'done', '7f9082e8', [254, 54, 66]],
  'gemini-stream.out': [0, 'done', '7f9082e8', [254, 54, 66]],
  'grok-401.out': [1, 'auth', ''],
  'grok-acpjson.out': [0, 'done', '01a1fc5a', [220, 50, 80, 0]],
  'grok-json.out': [0, 'refused', '01a1fc5a', [110, 25, 40, 0], undefined, 'a tool'],
  'grok-msg.out': [0, 'done', '01a1fc5a', [220, 50, 80, 0]],
  'grok-resume.out': [0, 'done', '01a1fc5a', [220, 50, 80, 0]],
  'mcp-claude-al.out': [0, 'done', '97ec3efa', [246, 90, 22, 14], 0.0021471],
  'mcp-claude-proj.out': [0, 'refused', 'b899aca7', [246, 90, 22, 14], 0.0021471, 'Write'],
  'mcp-claude.out': [0, 'done', 'b0f59448', [246, 90, 22, 14], 0.0021471],
  'mcp-codex-app.out': [0, 'done', '01a1fc62', [300, 60, 100, 0]],
  'mcp-codex-byp.out': [0, 'done', '01a1fc62', [300, 60, 100, 0]],
  'mcp-codex.out': [0, 'refused', '01a1fc62', [300, 60, 100, 0], undefined, 'tiny/loop_claim'],
  'mcp-copilot.out': [0, 'done', '1c52a0f4'],
  'mcp-gemini.out': [0, 'done', '5e4b1f96', [254, 54, 66]],
  'mcp-grok.out': [0, 'done', '01a1fc63', [220, 50, 80, 0]],
  'mcp-opencode.out': [0, 'done', 'ses_e039', [220, 50, 80, 0]],
  'opencode-401.out': [0, 'auth', 'ses_e03a'],
  'opencode-anth.out': [0, 'done', 'ses_e03b', [246, 90, 22, 14], 0.0004282],
  'opencode-ask-auto.out': [0, 'done', 'ses_e039', [220, 50, 80, 0], 0.000328],
  'opencode-ask.out': [0, 'refused', 'ses_e039', [110, 25, 40, 0], 0.000164, 'write'],
  'opencode-oai.out': [0, 'done', 'ses_e03b', [300, 60, 100, 0], 0.00043],
  'opencode-resume.out': [0, 'done', 'ses_e03b', [220, 50, 80, 0], 0.000328],
  'opencode.out': [0, 'done', 'ses_e03b', [220, 50, 80, 0], 0.000328],
  // pi exits 0 whatever the model's API said.
  'pi-401.out': [0, 'auth', '01a1fc57', [0, 0, 0, 0]],
  'pi-500.out': [0, 'failed', '01a1fc57', [0, 0, 0, 0]],
  'pi-json.out': [0, 'done', '01a1fc57', [220, 50, 80, 0], 0.000328],
  'pi-resume.out': [0, 'done', '01a1fc57', [220, 50, 80, 0], 0.000328],
  'sig-claude-INT.out': [0, 'failed', 'e3b2368d'],
  'sig-claude-TERM.out': [143, 'killed', 'fcf70c77'],
  'sig-codex-INT.out': [130, 'killed', '01a1fc5b'],
  'sig-codex-TERM.out': [143, 'killed', '01a1fc5b'],
  'sig-copilot-INT.out': [130, 'killed', ''],
  'sig-copilot-TERM.out': [143, 'killed', ''],
  'sig-gemini-INT.out': [0, 'failed', '7babbe8b'],
  'sig-gemini-TERM.out': [143, 'killed', '31e3a7f8'],
  'sig-pi-INT.out': [130, 'killed', '01a1fc5c'],
  'sig-pi-TERM.out': [143, 'killed', '01a1fc5b'],
}

test('every recorded stream is in the table', () => {
  expect(Object.keys(table).sort()).toEqual([...recorded].sort())
})

test.for(Object.entries(table))('%s: outcome, session, usage and denials', ([file, expected]) => {
  const [exitCode, outcome, session, tokens = [], costUsd, denied] = expected
  const reading = read(file)
  const preset = presetOf(file)
  const ran = {
    exitCode,
    signal: null,
    stdout: '',
    stderr: '',
    timedOut: false,
    aborted: false,
    stalled: false,
    flooded: false,
  }
  const ending = decide({ name: preset.name, now: 0, ran, reading, advice: preset.advice ?? [], login: preset.login })
  expect(ending.outcome).toBe(outcome)
  if (outcome === 'auth') expect(ending.message).toContain(preset.login)
  expect(reading.sessionId?.slice(0, 8) ?? '').toBe(session)
  const usage = { ...reading.usage, ...reading.sessionTotals }
  const found = [usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheWriteTokens]
  expect(found.filter((each) => each !== undefined)).toEqual(tokens)
  if (costUsd === undefined) expect(usage).not.toHaveProperty('costUsd')
  else expect(usage.costUsd).toBeCloseTo(costUsd, 9)
  expect(reading.denied ?? []).toEqual(denied === undefined ? [] : [denied])
  if (outcome === 'done') expect(reading.text).toMatch(/DONE: file written\.$/)
})

test.for(recorded)('%s: every tool that starts is told with its input, and its result joins it', (file) => {
  const { deltas } = read(file)
  const open = new Map<string | undefined, string>()
  for (const delta of deltas) {
    if (delta.type === 'tool') {
      expect(delta.id).toBeTruthy()
      expect(delta.input).toBeTruthy()
      open.set(delta.id, delta.name)
    }
    if (delta.type !== 'tool_result') continue
    expect(delta.name).toBe(open.get(delta.id))
    open.delete(delta.id)
    expect(delta.ok).toBe(!/deny|ask\.out|proj|mcp-codex\.out|copilot-resume/.test(file))
  }
  expect(open.size).toBe(0)
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

test.for(recorded)('%s broken off anywhere still reads', (file) => {
  const all = bytes(file)
  const step = Math.max(1, Math.floor(all.length / 100))
  for (let end = 0; end < all.length; end += step) expect(typeof read(file, [all.subarray(0, end)]).text).toBe('string')
})

test.for(recorded)('%s is read by every preset without harm, between garbage too', (file) => {
  const noise = new TextEncoder().encode('\n{"type":\n\0\n[]\nnull\n{\n  "a": 1\n{"type":"result"\n')
  const all = bytes(file)
  for (const preset of presets) expect(typeof read(file, [noise, all, noise], preset).text).toBe('string')
})

test('a line of 10 MB is passed over, what comes after it is read', () => {
  const long = new TextEncoder().encode(`{"type":"text","data":"${'x'.repeat(10_000_000)}"}\n`)
  for (const preset of presets) expect(typeof read('', [long], preset).text).toBe('string')
  const cut = bytes('claude-stream.jsonl')
  expect(read('claude-stream.jsonl', [long, cut])).toEqual(read('claude-stream.jsonl'))
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
  expect(tools(reading)).toMatchObject([{ type: 'tool', name: 'Write', detail: '/repo/hello.txt' }])
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
  expect(tools(reading)).toMatchObject([{ type: 'tool', name: 'write', detail: '/repo/hello.txt' }])
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

test('Gemini: its answer is what it says after the last tool, its thoughts count as output', () => {
  const reading = read('gemini-stream.out')
  expect(reading).toMatchObject({ text: 'DONE: file written.', usage: { model: 'gemini-2.5-flash', outputTokens: 54 } })
  expect(reading.deltas.map((delta) => delta.type).join(' ')).toBe(
    `${'text '.repeat(5)}tool tool_result ${'text '.repeat(3).trim()}`,
  )
  const line = (value: object) => new TextEncoder().encode(`${JSON.stringify(value)}\n`)
  const denied = read(
    '',
    [
      line({ type: 'tool_use', tool_name: 'run_shell_command', tool_id: '1', parameters: { command: 'ls' } }),
      line({
        type: 'tool_result',
        tool_id: '1',
        status: 'error',
        error: { type: 'policy_violation', message: 'Tool execution denied by policy.' },
      }),
      line({ type: 'result', status: 'success', stats: {} }),
    ],
    gemini,
  )
  expect(denied.denied).toEqual(['run_shell_command'])
  expect(gemini.trouble?.('x\nAttempt 1 failed with status 500.\nAttempt 2 failed with status 429. Retrying')).toEqual({
    message: 'the model API answered 429',
    status: 429,
  })
})

test('Copilot, Claude Code and pi say what they try again', () => {
  expect(read('claude-401-stream.out').trouble).toMatchObject({ status: 401 })
  expect(read('copilot-500.out')).toMatchObject({ trouble: { status: 500, message: 'scripted 500' } })
  expect(read('pi-500.out').trouble).toEqual({ message: '500 scripted 500' })
  for (const file of ['claude-stream.jsonl', 'copilot-json.out', 'pi-json.out']) {
    expect(read(file).trouble).toBeUndefined()
  }
})

test('opencode: what it tries again in silence stands in its log', () => {
  const log = (...words: string[]) =>
    words
      .map(
        (word) =>
          `timestamp=2026-11-21T11:07:15.832Z level=ERROR run=fe799dae message="stream error" small=false agent=build error.error="${word}"`,
      )
      .join('\n')
  const limit = 'AI_APICallError: Rate limit reached for \\"requests\\". Please try again in 3600s.'
  expect(opencode.trouble?.(`level=INFO error="none"\n${log('AI_APICallError: first', limit)}\nlevel=INFO x`)).toEqual({
    message: 'AI_APICallError: Rate limit reached for "requests". Please try again in 3600s.',
  })
  expect(opencode.trouble?.('level=INFO message="all is well"\n')).toBeUndefined()
  const started = performance.now()
  opencode.trouble?.('level=ERROR error="'.repeat(50_000))
  expect(performance.now() - started).toBeLessThan(5000)
})

test('Cursor: messages, thoughts and tools, as its documentation has them', () => {
  const line = (value: object) => new TextEncoder().encode(`${JSON.stringify({ session_id: 'S', ...value })}\n`)
  const said = (words: string) => ({ type: 'assistant', message: { content: [{ type: 'text', text: words }] } })
  const write = (id: string, result?: object) => ({
    type: 'tool_call',
    subtype: result === undefined ? 'started' : 'completed',
    call_id: id,
    tool_call: {
      writeToolCall: { args: { path: 'a.txt', fileText: 'x' }, ...(result === undefined ? {} : { result }) },
    },
  })
  const reading = read(
    '',
    [
      line({ type: 'system', subtype: 'init', model: 'gpt-x' }),
      line({ type: 'thinking', subtype: 'delta', text: 'hm' }),
      line(said('I will write.')),
      line(write('1')),
      line(write('1', { success: { linesCreated: 1 } })),
      line(write('2')),
      line(write('2', { rejected: { reason: 'no' } })),
      line(said('Done.')),
      line({
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'I will write.Done.',
        usage: { inputTokens: 5, outputTokens: 2, cacheReadTokens: 1, cacheWriteTokens: 0 },
      }),
    ],
    cursor,
  )
  expect(reading).toMatchObject({
    text: 'Done.',
    complete: true,
    sessionId: 'S',
    denied: ['write'],
    usage: { inputTokens: 5, outputTokens: 2, cacheReadTokens: 1, cacheWriteTokens: 0, model: 'gpt-x' },
  })
  expect(reading.deltas.map((delta) => delta.type)).toEqual([
    'thought',
    'text',
    'tool',
    'tool_result',
    'tool',
    'tool_result',
    'text',
  ])
})

test('what a tool got and gave is told in 2,000 characters, and differs when it differed', () => {
  const line = (text: string) =>
    new TextEncoder().encode(
      `${JSON.stringify({ type: 'item.completed', item: { id: 'i', type: 'command_execution', command: 'c', aggregated_output: text, status: 'completed' } })}\n`,
    )
  const outputs = ['a', 'b'].map((middle) => {
    const { deltas } = read('', [line(`${'x'.repeat(50_000)}${middle}${'x'.repeat(50_000)}`)], codex)
    return deltas.flatMap((delta) => (delta.type === 'tool_result' ? [delta.output ?? ''] : []))[0] ?? ''
  })
  for (const output of outputs) expect(output.length).toBeLessThan(2100)
  expect(outputs[0]).not.toBe(outputs[1])
})

test('a tool that nobody allowed Grok is a refusal, which it calls an error', () => {
  const call = { type: 'tool_use', id: 'c', name: 'run_terminal_command', input: { command: 'make' } }
  const turn = [
    { type: 'assistant', message: { id: 'm', content: [{ type: 'text', text: 'I will.' }, call] } },
    {
      type: 'result',
      subtype: 'error_during_execution',
      is_error: true,
      stop_reason: 'cancelled',
      errors: ['cancelled'],
    },
  ]
  const lines = turn.map((each) => new TextEncoder().encode(`${JSON.stringify(each)}\n`))
  const reading = read('', lines, grok)
  expect(reading.denied).toEqual(['run_terminal_command'])
  expect(reading.error).toBeUndefined()
})

test('a turn that Copilot broke off is not complete, though it says that it exits with 0', () => {
  const turn = [
    { type: 'assistant.message', data: { messageId: 'm', content: 'I will do it.' } },
    { type: 'abort', data: { reason: 'user_abort' } },
    { type: 'result', sessionId: 'S', exitCode: 0 },
  ]
  const lines = turn.map((each) => new TextEncoder().encode(`${JSON.stringify(each)}\n`))
  expect(read('', lines, copilot)).toMatchObject({ complete: false, sessionId: 'S' })
})

const request = { role: 'worker', system: 'Be brief.', prompt: 'Do it', cwd: '/' }
const both = 'Be brief.\n\nDo it'
const quiet = ['-c', 'check_for_update_on_startup=false', '-c', 'analytics.enabled=false']

test.for<[Preset, readonly string[]]>([
  [
    claudeCode,
    [
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
    ],
  ],
  [codex, ['exec', '--json', ...quiet, '-s', 'workspace-write', '-m', 'm', both]],
  [opencode, ['run', '--format', 'json', '--print-logs', '-m', 'm']],
  [aider, ['--message', both, '--no-auto-commits', '--yes', '--model', 'm']],
  [gemini, ['-p', both, '-o', 'stream-json', '--approval-mode', 'auto_edit', '--skip-trust', '-m', 'm']],
  [copilot, ['-p', both, '--output-format', 'json', '--allow-tool=write', '--model', 'm']],
  [grok, ['-p', both, '--output-format', 'streaming-messages-json', '--allow', 'Edit(./**)', '-m', 'm']],
  [pi, ['-p', '--mode', 'json', '--model', 'm', both]],
  [cursor, ['-p', '--output-format', 'stream-json', '--trust', '--model', 'm', both]],
])('each CLI is started as its manual says', ([preset, argv]) => {
  expect(preset.invoke(request, 'm').argv, preset.name).toEqual(argv)
})

test.for<[Preset, string]>([
  [claudeCode, '--resume S --dangerously-skip-permissions'],
  [codex, '--dangerously-bypass-approvals-and-sandbox resume S '],
  [opencode, '--auto -s S'],
  [aider, '--yes-always'],
  [gemini, '--approval-mode yolo --skip-trust -r S'],
  [copilot, '--allow-all-tools --resume=S'],
  [grok, '--always-approve -r S'],
  [pi, '--session S '],
  [cursor, '--trust --force --resume S '],
])('skipping permissions and resuming are said in each CLI’s words', ([preset, words]) => {
  const { argv, env } = preset.invoke({ ...request, skipPermissions: true, sessionId: 'S' }, undefined)
  expect(argv.join(' '), preset.name).toContain(words)
  expect(env).toBeUndefined()
})

test('Codex leaves its own sandbox out when it is confined, and only then or when it is told to', () => {
  const confinement = { writable: [], readable: [], hidden: [], network: 'open', env: [] } as const
  const argv = (more: object) => codex.invoke({ ...request, ...more }, undefined).argv.join(' ')
  expect(argv({ confinement })).toContain('--dangerously-bypass-approvals-and-sandbox')
  expect(argv({ confinement })).not.toContain('workspace-write')
  expect(argv({})).toContain('-s workspace-write')
  expect(argv({})).not.toContain('bypass')
})

test('Claude Code is told that it is in a sandbox when it is, and only then', () => {
  const confinement = { writable: [], readable: [], hidden: [], network: 'open', env: [] } as const
  const env = (more: object) => claudeCode.invoke({ ...request, ...more }, undefined).env
  expect(env({ skipPermissions: true, confinement })).toEqual({ IS_SANDBOX: '1' })
  expect(env({ confinement })).toBeUndefined()
  const long = claudeCode.invoke(
    { ...request, prompt: 'x'.repeat(200_000), skipPermissions: true, confinement },
    undefined,
  )
  expect(long.env).toEqual({ IS_SANDBOX: '1' })
})

test('no preset lets a cloud’s credentials through unless it is told to use that cloud', () => {
  for (const { needs } of presets) {
    const open = [...needs.home, ...(needs.homeRead ?? []), ...needs.env].join(' ')
    expect(open).not.toMatch(/\.aws|\.config\/gcloud|\.ssh|AWS_\*|GOOGLE_\*|APPLICATION_CREDENTIALS/)
    for (const host of needs.hosts) expect(host).not.toMatch(/^\*\.(?:amazonaws|googleapis)\.com$/)
  }
})

test('every preset is filled: how to log in, what it needs, what of a project it runs', () => {
  for (const preset of presets) {
    expect(preset.login).toMatch(/`|_/)
    for (const path of [...preset.needs.home, ...(preset.needs.homeRead ?? []), ...preset.projectFiles]) {
      expect(path).toMatch(/^[^/~]/)
      expect(path).not.toContain('..')
    }
    expect(preset.needs.home.length).toBeGreaterThan(0)
    expect(preset.needs.env.length).toBeGreaterThan(0)
    expect(preset.needs.hosts.length).toBeGreaterThan(0)
    expect(preset.projectFiles.length).toBeGreaterThan(0)
  }
  expect(presets.filter((each) => each.acp !== undefined).map((each) => each.name)).toEqual([
    'opencode',
    'gemini',
    'copilot',
    'cursor',
    'grok',
  ])
})

test('a prompt that no argument can hold goes to stdin, one that looks like an option is no option', () => {
  for (const preset of presets) {
    const long = preset.invoke({ ...request, prompt: 'ä'.repeat(100_000) }, undefined)
    expect(Math.max(...long.argv.map((arg) => arg.length))).toBeLessThan(100)
    expect(long.input).toContain('Be brief.')
    expect(long.input).toContain('ää')
    const odd = preset.invoke({ ...request, system: '', prompt: '--version\0' }, undefined)
    if (odd.input !== undefined) continue
    expect(odd.argv).toContain(' --version\uFFFD')
    expect(odd.argv.join('')).not.toContain('append-system-prompt')
  }
})
