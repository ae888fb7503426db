import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AgentDelta, AgentRequest } from '../../core/ports.ts'
import { type Supervised, type SuperviseOptions, supervise } from '../../process/supervise.ts'
import { type AcpAgentOptions, acpAgent } from './acp.ts'

const program = fileURLToPath(new URL('../../../test/fixtures/acp-agent-process.ts', import.meta.url))
const env = { PATH: process.env.PATH ?? '', HOME: tmpdir() }
const now = () => Date.parse('2026-01-01T00:00:00Z')

let cwd: string
let log: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'acp agent ä-'))
  log = join(cwd, 'log')
})
afterEach(() => rm(cwd, { recursive: true, maxRetries: 3 }))

const ask = (more: Partial<AgentRequest> = {}): AgentRequest => ({
  role: 'worker',
  system: 'SYS',
  prompt: 'PROMPT',
  cwd,
  ...more,
})

function agent(does: string, more: Partial<AcpAgentOptions> = {}) {
  return acpAgent({
    name: 'tool',
    argv: [process.execPath, program, does, log],
    env,
    lingerMs: 20_000,
    cancelMs: 100,
    now,
    ...more,
  })
}

/** Runs an agent that behaves so; `until` stops it at a delta. */
async function run(
  does: string,
  request: Partial<AgentRequest> = {},
  options: Partial<AcpAgentOptions> & { readonly until?: AgentDelta['type'] } = {},
) {
  const { until, ...more } = options
  const deltas: AgentDelta[] = []
  const stop = new AbortController()
  const onDelta = (delta: AgentDelta) => {
    deltas.push(delta)
    if (delta.type === until) stop.abort()
  }
  const answer = await agent(does, more).run(ask(request), { signal: stop.signal, onDelta })
  return { answer, deltas }
}

test('what an agent says and does comes as deltas, the last message is its answer', async () => {
  const { answer, deltas } = await run('done')
  expect(answer).toEqual({
    outcome: 'done',
    text: 'All done.',
    chars: 9,
    sessionId: 'S1',
    usage: { inputTokens: 100, outputTokens: 20, costUsd: 0.5 },
    sessionTotals: { costUsd: 0.5 },
  })
  expect(deltas).toEqual([
    { type: 'text', text: 'I will ' },
    { type: 'text', text: 'write.' },
    { type: 'thought', text: 'hm' },
    { type: 'tool', id: 'a', name: 'execute', detail: 'ls -l', input: 'ls -l' },
    { type: 'tool_result', id: 'a', name: 'execute', ok: true, output: 'total 0' },
    { type: 'usage', usage: { costUsd: 0.5 } },
    { type: 'text', text: 'All ' },
    { type: 'text', text: 'done.' },
  ])
})

test('it gets the prompt, its directory, our environment and that of the request, and nothing else', async () => {
  process.env.ACP_TEST = 'leak'
  const bare = await run('echo')
  delete process.env.ACP_TEST
  expect(JSON.parse(bare.answer.text)).toEqual({ prompt: 'SYS\n\nPROMPT', cwd, here: cwd, env: null })
  const { answer } = await run('echo', { env: { ACP_TEST: 'yes' } })
  expect(JSON.parse(answer.text)).toMatchObject({ env: 'yes' })
  const preset = {
    env: { ACP_TEST: 'preset' },
    unset: ['HOME'],
    login: '',
    needs: { home: [], hosts: [], env: [] },
  }
  expect(JSON.parse((await run('echo', {}, { preset })).answer.text)).toMatchObject({ env: 'preset' })
})

test('we offer neither files nor terminals, and what is asked of us all the same is answered with an error', async () => {
  const { answer } = await run('uses-client')
  expect(answer).toMatchObject({ outcome: 'done', text: '[-32601,-32601,-32601]' })
  expect(await readFile(log, 'utf8')).toContain('"fs":{"readTextFile":false,"writeTextFile":false},"terminal":false')
})

test('an edit in the workspace is allowed, once and not for ever', async () => {
  const { answer, deltas } = await run('edit')
  expect(answer).toMatchObject({ outcome: 'done', text: 'yes' })
  expect(await readFile(join(cwd, 'made.txt'), 'utf8')).toBe('written\n')
  expect(deltas.map((delta) => delta.type)).toEqual(['tool', 'permission', 'tool_result', 'text'])
})

test('an edit outside is not, nor one through a link, and the call is refused', async () => {
  const { answer, deltas } = await run('edit-outside')
  expect(answer).toMatchObject({
    outcome: 'refused',
    text: 'no',
    message: expect.stringMatching(/^tool was not allowed: Write .*-evil.*; allow it with a rule of approvals/),
  })
  expect(deltas).toContainEqual({
    type: 'permission',
    title: `Write ${cwd}-evil/made.txt`,
    decision: 'deny',
  })
  expect(deltas).toContainEqual({ type: 'notice', text: expect.stringContaining('is not in the workspace') })
  // Some call their turn cancelled when they are told no.
  expect((await run('no-then-cancel')).answer.outcome).toBe('refused')
  await symlink('/nowhere/at/all', join(cwd, 'made.txt'))
  expect((await run('edit')).answer).toMatchObject({ outcome: 'refused', text: 'no' })
})

test('the policy of the request decides, and acting without asking does not lift what it forbids', async () => {
  expect((await run('edit', { approvals: { mode: 'none', rules: [] } })).answer.outcome).toBe('refused')
  const rules = [{ decision: 'deny', match: '*made.txt' }] as const
  expect((await run('edit', { approvals: { mode: 'edits', rules }, skipPermissions: true })).answer.outcome).toBe(
    'refused',
  )
  expect((await run('asks-late')).answer).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('npm test'),
  })
  expect((await run('asks-late', { skipPermissions: true })).answer).toMatchObject({ outcome: 'done', text: 'yes' })
  const allowed = { mode: 'none', rules: [{ decision: 'allow', kind: 'execute', match: 'npm *' }] } as const
  expect((await run('asks-late', { approvals: allowed })).answer).toMatchObject({ outcome: 'done', text: 'yes' })
})

test('of the options the one of its kind is taken; without any the question is cancelled', async () => {
  expect((await run('only-always')).answer).toMatchObject({ outcome: 'done', text: 'always' })
  expect((await run('only-always', { approvals: { mode: 'none', rules: [] } })).answer.text).toBe('cancelled')
  expect((await run('no-options')).answer).toMatchObject({ outcome: 'refused', text: 'cancelled' })
})

test('an agent that asks for the same for ever is stuck, as is one that thinks of ever new things it may not do', async () => {
  const same = await run('asks-for-ever')
  expect(same.answer).toMatchObject({ outcome: 'stuck', message: expect.stringContaining('did the same 5 times') })
  expect(same.deltas).toContainEqual({ type: 'notice', text: expect.stringContaining('did the same 3 times') })
  expect((await run('asks-for-ever', { skipPermissions: true })).answer.outcome).toBe('stuck')
  expect((await run('asks-ever-new')).answer).toEqual(
    expect.objectContaining({ outcome: 'stuck', message: 'stopped: it asked 100 times for what it may not do' }),
  )
})

test('an agent that asks without reading what it is told is ended', async () => {
  expect((await run('asks-unread')).answer).toMatchObject({
    outcome: 'failed',
    message: 'tool asked 10000 things and read no answer',
  })
})

test('the same tool with the same result five times is stuck', async () => {
  expect((await run('stuck')).answer).toMatchObject({
    outcome: 'stuck',
    message: expect.stringMatching(/^stopped: it did the same 5 times with the same result: execute/),
  })
})

test('what it uses is held against its allowance while it works', async () => {
  expect((await run('spend', { allowance: { tokens: 4000 } })).answer).toMatchObject({
    outcome: 'failed',
    message: 'stopped by the budget: the call used 5000 tokens of the 4000 that were left',
    usage: { inputTokens: 5000 },
  })
  expect((await run('spend-money', { allowance: { microUsd: 1_000_000 } })).answer).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('$2.00 of the $1.00'),
    usage: { costUsd: 2 },
  })
})

test.for([
  ['empty', 'failed', 'tool: empty output'],
  ['refusal', 'refused', 'tool refused to go on'],
  ['cancels', 'killed', 'tool: its turn was cancelled'],
  ['max_tokens', 'failed', /max_tokens/],
  ['max_turn_requests', 'failed', /max_turn_requests/],
  ['odd-reason', 'failed', 'tool: it ended its turn with "because"'],
  ['no-reason', 'failed', 'tool: it ended its turn with no reason'],
  ['auth', 'auth', /Authentication required; to log in: Run `tool login` \(log in please\)$/],
  ['auth-new', 'auth', /^tool: session\/new: Authentication required/],
  ['limited-as-auth', 'rate_limited', /usage limit/],
  ['status-429', 'rate_limited', 'tool: slow down'],
  ['error-500', 'failed', 'tool: Internal error: overloaded'],
  ['error-odd', 'failed', /Invalid request/],
  ['version-9', 'failed', /speaks version 9 of the Agent Client Protocol/],
  ['no-session', 'failed', /session\/new without a session/],
  ['help', 'failed', /acp-agent-process.ts help .*does not speak .*it exited 1: error: unknown option --acp$/],
  ['exit-0', 'failed', /exited 0 before its answer was complete/],
  ['exit-3', 'failed', 'tool: exited 3: it broke'],
  ['crash', 'killed', /SIGSEGV/],
] as const)('an agent of the kind %s ends as %s', async ([does, outcome, message]) => {
  const preset = { login: 'log in please', needs: { home: [], hosts: [], env: [] } }
  const { answer } = await run(does, {}, { preset })
  expect(answer.outcome).toBe(outcome)
  expect(answer.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
})

test('a limit says when it ends', async () => {
  expect((await run('rate-limit')).answer).toMatchObject({ outcome: 'rate_limited', resetAt: now() + 120_000 })
})

test('an agent that waits in silence for a limit is told so by its log', async () => {
  expect((await run('limit-in-log', { stallMs: 400 })).answer).toMatchObject({
    outcome: 'rate_limited',
    message: expect.stringContaining('Please try again in 120s.'),
    resetAt: now() + 120_000,
  })
})

test('what Copilot says in its own name is no answer, and its last word about a failure is one', async () => {
  const { answer, deltas } = await run('copilot-limit')
  expect(answer).toMatchObject({ outcome: 'rate_limited', text: '', resetAt: now() + 120_000 })
  expect(deltas.map((delta) => delta.type)).toEqual(['notice', 'notice'])
  expect((await run('copilot-recovers')).answer).toMatchObject({ outcome: 'done', text: 'Error: none.' })
})

test('an agent that is not installed, or has no command, is told so', async () => {
  const missing = acpAgent({ name: 'tool', argv: ['no-such-command-here'], env, install: 'npm i tool' })
  expect(await missing.run(ask(), { signal: new AbortController().signal })).toMatchObject({
    outcome: 'failed',
    message: 'tool: command not found: no-such-command-here (install it: npm i tool)',
  })
  for (const argv of [[], [''], ['  ', 'x']]) {
    expect(() => acpAgent({ name: 'tool', argv, env })).toThrow(expect.objectContaining({ code: 'bad_input' }))
  }
})

test('an agent that never answers is stalled, and whether it speaks the protocol is asked where it said nothing', async () => {
  const { answer } = await run('mute', {}, { setupMs: 300 })
  expect(answer).toMatchObject({
    outcome: 'stalled',
    message: expect.stringMatching(
      /^tool did not answer initialize within 0.3s: does it speak the Agent Client Protocol\?/,
    ),
  })
  expect((await run('log-only', {}, { setupMs: 300 })).answer.outcome).toBe('stalled')
  const silent = await run('hang', { stallMs: 400 })
  expect(silent.answer.outcome).toBe('stalled')
})

test('an agent is stalled only while it has a prompt to work on', async () => {
  let ran: Supervised | undefined
  const watched = async (options: SuperviseOptions) => {
    ran = await supervise(options)
    return ran
  }
  const stallMs = 1000
  // One takes its time before it is asked; one goes on after its turn, in silence, until it is ended.
  const [slow, stays] = await Promise.all([
    run('slow-setup', { stallMs }),
    run('stays', { stallMs }, { lingerMs: 2500, supervise: watched }),
  ])
  expect(slow.answer).toMatchObject({ outcome: 'done', text: 'All done.' })
  expect(stays.answer).toMatchObject({ outcome: 'done', text: 'done' })
  expect(ran).toMatchObject({ aborted: true, stalled: false })
})

test('an abort cancels the turn first; then the whole tree is ended', async () => {
  expect((await run('hang', {}, { until: 'text', cancelMs: 20_000 })).answer).toMatchObject({
    outcome: 'killed',
    message: 'tool was stopped',
    text: 'working',
  })
  expect(await readFile(log, 'utf8')).toContain('cancelled\n')
  let ran: Supervised | undefined
  const watched = async (options: SuperviseOptions) => {
    ran = await supervise({ ...options, graceMs: 50 })
    return ran
  }
  const { answer } = await run('deaf', {}, { until: 'text', cancelMs: 50, supervise: watched })
  expect(answer.outcome).toBe('killed')
  expect(ran?.survivors).toBeUndefined()
})

test('a call that was aborted before it began starts nothing', async () => {
  const signal = AbortSignal.abort()
  expect(await agent('done').run(ask(), { signal })).toMatchObject({ outcome: 'killed' })
  expect(existsSync(log)).toBe(false)
})

test('a timeout is one', async () => {
  expect((await run('hang', { timeoutMs: 1500 })).answer).toMatchObject({
    outcome: 'timeout',
    message: expect.stringContaining('timed out after 1.5s'),
  })
})

test('what is no message is passed over, malformed messages do no harm, and nothing is printed by us', async () => {
  const printed: unknown[] = []
  const error = console.error
  console.error = (...said) => printed.push(said)
  const { answer } = await run('garbage')
  console.error = error
  expect(answer).toMatchObject({ outcome: 'done', text: 'fine \u{1F600}' })
  expect(printed).toEqual([])
})

test('lines of many megabytes are read, longer ones skipped', { timeout: 30_000 }, async () => {
  const { answer, deltas } = await run('long-line')
  expect(answer).toMatchObject({ outcome: 'done', text: 'after' })
  expect(deltas.find((delta) => delta.type === 'tool_result')).toMatchObject({
    output: expect.stringMatching(/\[10000000 characters, \w{8}\]$/),
  })
})

test('of sessions of its own helpers nothing is taken for its answer', async () => {
  expect((await run('other-session')).answer.text).toBe('mine')
})

test('what it says just after its turn still counts', async () => {
  expect((await run('late-usage')).answer).toMatchObject({ outcome: 'done', usage: { costUsd: 0.25 } })
})

test('the whole stream is in the output file', async () => {
  const outputPath = join(cwd, 'out', 'worker.out')
  await run('done', { outputPath })
  const kept = await readFile(outputPath, 'utf8')
  expect(kept).toContain('"stopReason":"end_turn"')
  expect(
    kept
      .trim()
      .split('\n')
      .every((line) => line.startsWith('{')),
  ).toBe(true)
})

test('a session is gone on with: its replay is no answer, and it costs only what is new', async () => {
  const { answer, deltas } = await run('done', { sessionId: 'S1' })
  expect(answer).toMatchObject({ outcome: 'done', text: 'All done.', sessionId: 'S1', sessionTotals: { costUsd: 0.5 } })
  expect(answer.usage?.costUsd).toBeCloseTo(0.1, 9)
  expect(deltas).not.toContainEqual({ type: 'text', text: 'this was said before' })
  const told = await run('resumes', { sessionId: 'S1', sessionTotals: { costUsd: 0.2 } })
  expect(told.answer.usage?.costUsd).toBeCloseTo(0.3, 9)
  expect(await readFile(log, 'utf8')).toContain('session/resume {')
})

test('a session that is not there is an error; an agent that has none begins anew and says so', async () => {
  expect((await run('done', { sessionId: 'lost' })).answer).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('session/load: Resource not found'),
  })
  const { answer, deltas } = await run('forgetful', { sessionId: 'old' })
  expect(answer).toMatchObject({ outcome: 'done', sessionId: 'S1', usage: { costUsd: 0.5 } })
  expect(deltas[0]).toEqual({
    type: 'notice',
    text: 'tool: it cannot go on with an earlier session: this is a new one',
  })
})

test('a model is chosen in the way the agent has', async () => {
  const chosen = await run('models', { model: 'BIG' }, { model: 'small' })
  expect(chosen.answer.usage?.model).toBe('big')
  expect(await readFile(log, 'utf8')).toContain(
    'session/set_config_option {"sessionId":"S1","configId":"m","value":"big"}',
  )
  await rm(log)
  expect((await run('models', {}, { model: 'small' })).answer.usage?.model).toBe('small')
  expect(await readFile(log, 'utf8')).not.toContain('set_config')
  await run('old-models', { model: 'big' })
  expect(await readFile(log, 'utf8')).toContain('session/set_model {"sessionId":"S1","modelId":"big"}')
  expect((await run('models', { model: 'none' })).answer).toMatchObject({
    outcome: 'failed',
    message: 'tool: it does not take the model none: Invalid params; it has small, big',
  })
  expect((await run('done', { model: 'big' })).deltas[0]).toMatchObject({
    type: 'notice',
    text: expect.stringContaining('its model cannot be chosen'),
  })
})

test('a confinement is handed on with what the agent needs, and without one that keeps it nothing starts', async () => {
  const confinement = {
    writable: [cwd],
    readable: [],
    hidden: [],
    network: ['a.test'],
    env: ['PATH'],
    by: 'auto',
  } as const
  const preset = {
    login: '',
    env: { TOOL_QUIET: '1' },
    needs: { home: ['.tool'], hosts: ['api.tool.test'], env: ['TOOL_*'] },
  }
  let got: SuperviseOptions | undefined
  const keep = (options: SuperviseOptions) => {
    got = options
    const { confinement: _, ...free } = options
    return supervise(free)
  }
  const request = { confinement, env: { RUN: '1' } }
  expect((await run('done', request, { preset, supervise: keep })).answer.outcome).toBe('done')
  expect(got?.confinement).toMatchObject({
    writable: [cwd, join(tmpdir(), '.tool')],
    network: ['a.test', 'api.tool.test'],
    env: ['PATH', 'TOOL_*', 'TOOL_QUIET', 'RUN'],
  })
  await rm(log)
  await expect(run('done', request)).rejects.toThrow(/unconfined/)
  expect(existsSync(log)).toBe(false)
})

test('an observer that throws does not harm the call, and two calls at once do not mix', async () => {
  const onDelta = () => {
    throw new Error('observer')
  }
  const one = agent('done')
  const both = await Promise.all([
    one.run(ask(), { signal: new AbortController().signal, onDelta }),
    one.run(ask(), { signal: new AbortController().signal }),
  ])
  expect(both.map((each) => each.text)).toEqual(['All done.', 'All done.'])
})
