import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AgentDelta, AgentRequest, AgentResponse } from '../../core/ports.ts'
import type { Supervised, SuperviseOptions } from '../../process/supervise.ts'
import { commandAgent } from './command.ts'
import { aider } from './presets/aider.ts'
import { claudeCode } from './presets/claude-code.ts'
import { codex } from './presets/codex.ts'
import { opencode } from './presets/opencode.ts'

const recorded = (file: string) =>
  fileURLToPath(new URL(`../../../test/fixtures/agent-streams/${file}`, import.meta.url))
const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: tmpdir() }
const call = { signal: new AbortController().signal }

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'command agent ä-'))
})
afterEach(() => rm(cwd, { recursive: true, maxRetries: 3 }))

const ask = (more: Partial<AgentRequest> = {}): AgentRequest => ({
  role: 'worker',
  system: 'SYS',
  prompt: 'PROMPT',
  cwd,
  ...more,
})

/** A tiny program that stands in for a CLI. */
async function standIn(body: string): Promise<string> {
  const path = join(cwd, 'stand-in')
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
  return path
}
const template = (template: string | readonly string[]) => commandAgent({ template, env })
const node = (code: string, ...args: string[]) => template([process.execPath, '-e', code, ...args])

test('placeholders are filled once, without a shell', async () => {
  const agent = template(`printf '%s|' '{prompt}' --sys={system} {combined} "{other}"`)
  const answer = await agent.run(ask({ prompt: '{system} $HOME `id` "q"' }), call)
  expect(answer).toMatchObject({
    outcome: 'done',
    text: '{system} $HOME `id` "q"|--sys=SYS|SYS\n\n{system} $HOME `id` "q"|{other}|',
  })
})

test('without a place for the prompt the combined text comes on stdin', async () => {
  expect((await template('cat').run(ask(), call)).text).toBe('SYS\n\nPROMPT')
  expect((await template('cat').run(ask({ system: '' }), call)).text).toBe('PROMPT')
  const big = await template('wc -c').run(ask({ system: '', prompt: 'x'.repeat(1_000_000) }), call)
  expect(big.text.trim()).toBe('1000000')
})

test('with a place for the prompt stdin is closed, never ours', async () => {
  const answer = await template(['sh', '-c', 'cat; echo "<$1>"', 'sh', '{prompt}']).run(
    ask({ timeoutMs: 20_000 }),
    call,
  )
  expect(answer).toMatchObject({ outcome: 'done', text: '<PROMPT>\n' })
})

test('the command gets its directory, our environment and that of the request, and nothing else', async () => {
  process.env.LOOPWRIGHT_TEST_LEAK = 'leak'
  const answer = await template(['sh', '-c', 'pwd; env']).run(ask({ env: { LOOPWRIGHT_ROLE: 'worker' } }), call)
  delete process.env.LOOPWRIGHT_TEST_LEAK
  expect(answer.text).toContain(cwd)
  expect(answer.text).toContain('LOOPWRIGHT_ROLE=worker')
  expect(answer.text).not.toContain('leak')
})

test('a template that cannot be read is refused', () => {
  for (const bad of ['', '   ', "a 'b", [], ['']])
    expect(() => template(bad)).toThrow(expect.objectContaining({ code: 'bad_input' }))
  expect(() => commandAgent({ env })).toThrow(/preset or a template/)
})

test('a failing command is a failure with its stderr', async () => {
  expect(await template(['sh', '-c', 'echo out; echo broke >&2; exit 3']).run(ask(), call)).toMatchObject({
    outcome: 'failed',
    text: 'out\n',
    message: 'command: exited 3: broke',
  })
  expect(await template('no-such-command-here').run(ask(), call)).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('command not found: no-such-command-here'),
  })
  expect(await template('true').run(ask(), call)).toMatchObject({ outcome: 'failed', message: 'command: empty output' })
})

test('a timeout keeps what was printed, an abort kills', async () => {
  const slow = template(['sh', '-c', 'echo partial; echo warning >&2; exec sleep 600'])
  const started = new AbortController()
  const timed = await slow.run(ask({ timeoutMs: 1000 }), call)
  expect(timed).toMatchObject({
    outcome: 'timeout',
    text: 'partial\n',
    message: expect.stringMatching(/1s; stdout: partial; stderr: warning/),
  })
  const killed = await slow.run(ask(), { signal: started.signal, onDelta: () => started.abort() })
  expect(killed).toMatchObject({ outcome: 'killed', text: 'partial\n' })
})

test('an agent that exits 0 when it is told to stop has still been killed', async () => {
  const stop = new AbortController()
  const agent = node(
    'process.on("SIGTERM", () => process.exit(0)); console.log("all done"); setInterval(() => {}, 1000)',
  )
  expect(await agent.run(ask(), { signal: stop.signal, onDelta: () => stop.abort() })).toMatchObject({
    outcome: 'killed',
  })
})

test('a silent agent is stalled when a limit says so', async () => {
  const agent = commandAgent({ template: ['sh', '-c', 'echo hello; exec sleep 600'], env, stallMs: 300 })
  expect(await agent.run(ask(), call)).toMatchObject({
    outcome: 'stalled',
    message: 'command neither printed nor worked for 0.3s; stdout: hello',
  })
})

test('bytes that are no text are read as far as they go, and stand in the file as they were', async () => {
  const outputPath = join(cwd, 'out', 'worker.out')
  const agent = node(
    'process.stdout.write(Buffer.from([0x61, 0xff, 0xfe, 0x00, 0xe2, 0x82])); process.stdout.write(Buffer.from([0xac, 0x62]))',
  )
  const answer = await agent.run(ask({ outputPath }), call)
  expect(answer).toMatchObject({ outcome: 'done', text: 'a\uFFFD\uFFFD\0€b' })
  expect([...(await readFile(outputPath))]).toEqual([0x61, 0xff, 0xfe, 0x00, 0xe2, 0x82, 0xac, 0x62])
})

test('of a flood only the ends are kept, and how much there was', async () => {
  const answer = await node(
    'const line = "x".repeat(1e6); for (let i = 0; i < 50; i++) process.stdout.write(line); console.log("END")',
  ).run(ask(), call)
  expect(answer).toMatchObject({ outcome: 'done', chars: 50_000_004 })
  expect(answer.text.length).toBeLessThan(70_000)
  expect(answer.text).toMatch(/^x+\n… \[\d+ characters left out\] …\nx+END\n$/)
})

test('a node heap that ran out is told as such', async () => {
  const agent = template([
    process.execPath,
    '--max-old-space-size=12',
    '-e',
    'const a = []; for (;;) a.push("x".repeat(1000) + a.length)',
  ])
  expect(await agent.run(ask(), call)).toMatchObject({ outcome: 'oom' })
})

test.for([
  [
    'claude-stream.jsonl',
    claudeCode,
    0,
    { outcome: 'done', text: 'DONE: file written.', usage: { costUsd: 0.0021471 } },
  ],
  ['claude-deny.out', claudeCode, 0, { outcome: 'refused', message: expect.stringContaining('Write') }],
  ['claude-500.out', claudeCode, 1, { outcome: 'failed', message: expect.stringContaining('API Error: 500') }],
  [
    'claude-401b.out',
    claudeCode,
    0,
    { outcome: 'auth', message: expect.stringContaining('run `claude` once and log in') },
  ],
  [
    'sig-claude-INT.out',
    claudeCode,
    0,
    { outcome: 'failed', message: expect.stringContaining('before its answer was complete') },
  ],
  [
    'codex-bypass.out',
    codex,
    0,
    { outcome: 'done', text: 'DONE: file written.', usage: { inputTokens: 300, model: 'm' } },
  ],
  ['codex-401.out', codex, 1, { outcome: 'auth', message: expect.stringContaining('codex login') }],
  ['codex-500.out', codex, 1, { outcome: 'failed', message: expect.stringContaining('high demand') }],
  ['mcp-codex.out', codex, 0, { outcome: 'refused' }],
  ['opencode.out', opencode, 0, { outcome: 'done', usage: { costUsd: 0.000328, model: 'm' } }],
  ['opencode-401.out', opencode, 0, { outcome: 'auth' }],
  ['opencode-ask.out', opencode, 0, { outcome: 'refused' }],
] as const)('a stand-in that replays %s', async ([file, preset, exit, expected]) => {
  const executable = await standIn(`cat '${recorded(file)}'\nexit ${exit}`)
  const deltas: AgentDelta[] = []
  const agent = commandAgent({ preset, executable, env, model: 'm' })
  expect(agent.name).toBe(preset.name)
  expect(await agent.run(ask(), { ...call, onDelta: (delta) => deltas.push(delta) })).toMatchObject(expected)
})

test('a preset gives its CLI the arguments, and hides that we run inside another agent', async () => {
  const executable = await standIn(`printf '%s\\n' "$@"; echo "[$CLAUDECODE][$AIDER_PRETTY]"`)
  const agent = commandAgent({ preset: aider, executable, env: { ...env, CLAUDECODE: '1' }, extraArgs: ['--x'] })
  expect((await agent.run(ask(), call)).text).toBe(
    '--message\nSYS\n\nPROMPT\n--no-auto-commits\n--yes\n--x\n[1][false]\n',
  )
  const shows = await standIn(`echo "{\\"type\\":\\"result\\",\\"result\\":\\"[$CLAUDECODE]\\"}"`)
  const claude = commandAgent({ preset: claudeCode, executable: shows, env: { ...env, CLAUDECODE: '1' } })
  expect(await claude.run(ask(), call)).toMatchObject({ outcome: 'done', text: '[]' })
})

test('a resumed session costs only what is new', async () => {
  const replay = (one: string, two: string) =>
    standIn(`case "$*" in *resume*) cat '${recorded(two)}';; *) cat '${recorded(one)}';; esac`)
  const claude = commandAgent({
    preset: claudeCode,
    executable: await replay('claude-stream.jsonl', 'claude-resume.out'),
    env,
  })
  const first = await claude.run(ask(), call)
  const known = (response: AgentResponse) => ({
    sessionId: response.sessionId ?? '',
    ...(response.sessionTotals === undefined ? {} : { sessionTotals: response.sessionTotals }),
  })
  const second = await claude.run(ask(known(first)), call)
  expect(second.sessionId).toBe(first.sessionId)
  expect(second.usage?.costUsd).toBeCloseTo(0.0021471, 9)
  expect(second.usage?.inputTokens).toBe(246)
  // Nobody told what the session had: all of it counts, but no cost that is not this call's.
  const blind = await claude.run(ask({ sessionId: first.sessionId ?? '' }), call)
  expect(blind.usage).not.toHaveProperty('costUsd')
  expect(blind.usage?.inputTokens).toBe(246)
  const other = commandAgent({ preset: codex, executable: await replay('codex-bypass.out', 'codex-resume.out'), env })
  const begun = await other.run(ask(), call)
  expect((await other.run(ask(known(begun)), call)).usage).toMatchObject({
    inputTokens: 300,
    cacheReadTokens: 100,
    outputTokens: 60,
  })
})

test('an agent that goes past its allowance is stopped, and the budget is named', async () => {
  // Replays all but the result, then goes on for ever.
  const executable = await standIn(`head -n 5 '${recorded('claude-stream.jsonl')}'; exec sleep 600`)
  const agent = commandAgent({ preset: claudeCode, executable, env })
  expect(await agent.run(ask({ allowance: { tokens: 200 } }), call)).toMatchObject({
    outcome: 'failed',
    message: expect.stringMatching(/^stopped by the budget: the call used \d+ tokens of the 200/),
    usage: { inputTokens: 246 },
  })
  expect(await agent.run(ask({ allowance: { microUsd: 300 } }), call)).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('$0.000300 that were left'),
  })
})

test('an observer that throws does not harm the call', async () => {
  const onDelta = () => {
    throw new Error('observer')
  }
  expect(await template('echo hi').run(ask(), { ...call, onDelta })).toMatchObject({ outcome: 'done', text: 'hi\n' })
})

test('a call that was aborted before it began starts nothing', async () => {
  const signal = AbortSignal.abort()
  expect(await template(['sh', '-c', 'touch started; echo x']).run(ask(), { signal })).toMatchObject({
    outcome: 'killed',
  })
  await expect(readFile(join(cwd, 'started'))).rejects.toThrow('ENOENT')
})

test('an agent that does the same with the same result is warned of, then stopped', async () => {
  const [, , tool = '', result = ''] = (await readFile(recorded('mcp-claude.out'), 'utf8')).split('\n')
  await writeFile(join(cwd, 'pair'), `${tool}\n${result}\n`)
  const executable = await standIn(`while :; do cat '${join(cwd, 'pair')}'; sleep 0.02; done`)
  const deltas: AgentDelta[] = []
  const agent = commandAgent({ preset: claudeCode, executable, env })
  const answer = await agent.run(ask({ timeoutMs: 60_000 }), { ...call, onDelta: (delta) => deltas.push(delta) })
  expect(answer).toMatchObject({
    outcome: 'stuck',
    message: expect.stringMatching(/did the same 5 times with the same result: mcp__tiny__loop_claim.*T1/),
  })
  expect(deltas.filter((delta) => delta.type === 'notice')).toEqual([
    { type: 'notice', text: expect.stringContaining('did the same 3 times') },
  ])
})

test('a confined call reaches what its preset needs; a template needs nothing; its stall limit is passed on', async () => {
  const seen: SuperviseOptions[] = []
  const supervise = async (options: SuperviseOptions): Promise<Supervised> => {
    seen.push(options)
    return {
      exitCode: 0,
      signal: null,
      stdout: '',
      stderr: '',
      bytes: 0,
      durationMs: 0,
      timedOut: false,
      aborted: false,
      stalled: false,
      flooded: false,
    }
  }
  const confinement = { writable: [cwd], readable: [], hidden: ['/home/me'], network: ['example.com'], env: ['PATH'] }
  const home = { ...env, HOME: '/home/me' }
  const request = ask({ confinement, skipPermissions: true, env: { LOOPWRIGHT_RUN: 'r' }, stallMs: 5 })
  const agent = commandAgent({ preset: claudeCode, executable: 'claude', env: home, supervise, stallMs: 9 })
  expect(agent.spawns).toBe(true)
  await agent.run(request, call)
  await commandAgent({ template: 'tool {prompt}', env: home, supervise, stallMs: 9 }).run(ask({ confinement }), call)
  await commandAgent({ template: 'tool {prompt}', env: home, supervise }).run(ask(), call)
  const [confined, template, open] = seen
  expect(confined?.confinement).toMatchObject({
    writable: expect.arrayContaining([cwd, '/home/me/.claude']),
    // It names the servers that every start of it starts.
    readable: expect.arrayContaining(['/home/me/.claude.json', '/home/me/.claude/settings.json']),
    network: expect.arrayContaining(['example.com', 'api.anthropic.com']),
    env: expect.arrayContaining(['PATH', 'ANTHROPIC_*', 'IS_SANDBOX', 'LOOPWRIGHT_RUN', 'DISABLE_AUTOUPDATER']),
  })
  expect(confined?.env).toMatchObject({ IS_SANDBOX: '1', LOOPWRIGHT_RUN: 'r' })
  expect(confined?.stallMs).toBe(5)
  expect(template).toMatchObject({ confinement, stallMs: 9 })
  expect(open).not.toHaveProperty('confinement')
  expect(open).not.toHaveProperty('stallMs')
})

test('as root without a sandbox, Claude Code’s refusal says what to do', async () => {
  const executable = await standIn(
    'echo "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons" >&2; exit 1',
  )
  const answer = await commandAgent({ preset: claudeCode, executable, env }).run(ask({ skipPermissions: true }), call)
  expect(answer).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('run as another user, or confined'),
  })
})

test('Codex whose own sandbox cannot work is warned of, though it says that all went well', async () => {
  const executable = await standIn(
    `cat '${recorded('codex-ww.out')}'; echo 'WARNING: proceeding: Refusing to create helper binaries under temporary dir "/tmp"' >&2`,
  )
  const deltas: AgentDelta[] = []
  const agent = commandAgent({ preset: codex, executable, env })
  expect(await agent.run(ask(), { ...call, onDelta: (delta) => deltas.push(delta) })).toMatchObject({ outcome: 'done' })
  expect(deltas.at(-1)).toEqual({ type: 'notice', text: expect.stringContaining('set TMPDIR or CODEX_HOME elsewhere') })
})

test('a session or a model that a program could take for an option is not passed on', async () => {
  const executable = await standIn(
    `echo "$@" >> "${join(cwd, 'args')}"; echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","session_id":"--settings=x"}'`,
  )
  const claude = commandAgent({ preset: claudeCode, executable, env })
  const first = await claude.run(ask(), call)
  expect(first).toMatchObject({ outcome: 'done', text: 'ok' })
  expect(first).not.toHaveProperty('sessionId')
  for (const sessionId of ['--settings=x', '-c', '../../x', 'a b', '$(id)', 'a\nb', '', 'x'.repeat(300)])
    await claude.run(ask({ sessionId }), call)
  expect(await readFile(join(cwd, 'args'), 'utf8')).not.toMatch(/--resume/)
  expect(await claude.run(ask({ model: '--dangerously-skip-permissions' }), call)).toMatchObject({
    outcome: 'failed',
    message: expect.stringContaining('no name of a model'),
  })
  expect(await readFile(join(cwd, 'args'), 'utf8')).not.toMatch(/dangerously/)
})
