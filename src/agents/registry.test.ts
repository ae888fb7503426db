import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createProbe, readLoginFile } from './probe.ts'
import { type AgentsOptions, createAgents } from './registry.ts'
import { createWhich } from './which.ts'

const nothing = () => undefined
const all = (command: string) => `/bin/${command}`
const agents = (more: Partial<AgentsOptions> = {}) =>
  createAgents({ env: {}, which: all, probe: async () => ({ version: '1.0' }), readLogin: nothing, ...more })

test('every name and alias leads to its agent, always the same one', () => {
  const known = agents()
  expect(known.names).toEqual([
    'scripted',
    'claude-code',
    'codex',
    'opencode',
    'gemini',
    'copilot',
    'cursor',
    'grok',
    'pi',
    'aider',
    'acp:claude-code',
    'acp:codex',
    'acp:opencode',
    'acp:gemini',
    'acp:copilot',
    'acp:cursor',
    'acp:grok',
  ])
  for (const name of ['scripted', 'mock', 'Mock']) expect(known.get(name).name).toBe('scripted')
  for (const name of ['claude', 'claude_code', 'claude-code', ' Claude_Code '])
    expect(known.get(name).name).toBe('claude-code')
  for (const [alias, name] of [
    ['gemini-cli', 'gemini'],
    ['cursor-agent', 'cursor'],
    ['github_copilot', 'copilot'],
    ['grok-build', 'grok'],
    ['pi-coding-agent', 'pi'],
    ['Open_Code', 'opencode'],
    ['openai-codex', 'codex'],
  ] as const) {
    expect(known.get(alias)).toBe(known.get(name))
  }
  expect(known.get('codex')).toBe(known.get('codex'))
})

test('an unknown name is refused with what there is and what was likely meant', () => {
  const error = (name: string) => {
    try {
      agents().get(name)
    } catch (thrown) {
      return thrown
    }
    return undefined
  }
  expect(error('codx')).toMatchObject({
    code: 'bad_input',
    message:
      'unknown agent codx; there are scripted, claude-code, codex, opencode, gemini, copilot, cursor, grok, pi, aider, auto',
    hint: 'did you mean codex?',
  })
  expect(error('open')).toMatchObject({ hint: 'did you mean opencode?' })
  expect(error('something-else-altogether')).toMatchObject({ code: 'bad_input', hint: undefined })
  expect(error('constructor')).toMatchObject({ code: 'bad_input' })
  expect(error('claude_api')).toMatchObject({ code: 'bad_input', message: expect.stringContaining('use claude-code') })
})

test('auto goes by what was asked for, the configuration, the caller, the environment, and what is installed', () => {
  const everything = { configured: 'opencode', callerAgent: 'codex', hints: { CLAUDECODE: '1' } }
  expect(agents(everything).choose('aider')).toEqual({ name: 'aider', because: 'asked for' })
  expect(agents(everything).choose('auto').name).toBe('opencode')
  expect(agents(everything).choose().name).toBe('opencode')
  expect(agents({ ...everything, configured: 'auto' }).choose().name).toBe('codex')
  expect(agents({ hints: { CLAUDECODE: '1' } }).choose().name).toBe('claude-code')
  expect(agents({ hints: { CODEX_SANDBOX: 'seatbelt' } }).choose().name).toBe('codex')
  expect(agents({ hints: { OPENCODE: '1' } }).choose().name).toBe('opencode')
  for (const [variable, name] of [
    ['GEMINI_CLI', 'gemini'],
    ['COPILOT_CLI', 'copilot'],
    ['CURSOR_AGENT', 'cursor'],
    ['PI_CODING_AGENT', 'pi'],
  ] as const) {
    expect(agents({ hints: { [variable]: '1' } }).choose()).toEqual({ name, because: 'we were started in it' })
  }
  const configured = { CODEX_HOME: '/x', OPENCODE_CONFIG: 'y', CURSOR_TRACE_ID: 'z', GEMINI_API_KEY: 'k' }
  expect(agents({ hints: configured }).choose().because).toContain('it is installed')
  expect(agents({ which: (name) => (name === 'aider' ? '/bin/aider' : undefined) }).choose().name).toBe('aider')
})

test('a calling agent nobody knows, or whose command is gone, is passed over', () => {
  expect(agents({ callerAgent: 'nobody', env: { ANTHROPIC_API_KEY: 'k' } }).choose().name).toBe('claude-code')
  const which = (name: string) => (name === 'opencode' ? '/bin/opencode' : undefined)
  expect(agents({ callerAgent: 'codex', hints: { CLAUDECODE: '1' }, which }).choose().name).toBe('opencode')
})

test('auto prefers what is not known to be logged out, and says why', () => {
  const choice = (env: Record<string, string>, installed: readonly string[] = ['claude', 'codex', 'grok']) =>
    agents({
      env: { HOME: '/home/me', ...env },
      which: (name) => (installed.includes(name) ? `/bin/${name}` : undefined),
    }).choose()
  expect(choice({ ANTHROPIC_API_KEY: 'secret' })).toEqual({
    name: 'claude-code',
    because: 'it is installed and logged in (ANTHROPIC_API_KEY)',
  })
  expect(choice({ XAI_API_KEY: 'secret' })).toEqual({
    name: 'grok',
    because: 'it is installed and logged in (XAI_API_KEY); nobody is logged in to claude-code, codex',
  })
  // Of one that may be logged in, without a trace of it, one cannot say no.
  expect(choice({}, ['codex', 'opencode'])).toEqual({
    name: 'opencode',
    because: 'it is installed; nobody is logged in to codex',
  })
  expect(choice({})).toEqual({
    name: 'claude-code',
    because:
      'it is installed, but nobody seems to be logged in: run `claude` once and log in, or set ANTHROPIC_API_KEY',
  })
})

test('names with acp: lead to the agents that speak the protocol, by themselves or through an adapter', async () => {
  const started: (readonly string[] | undefined)[] = []
  const known = agents({
    which: (name) => (name === 'grok' ? undefined : `/bin/${name}`),
    supervise: async (call) => {
      started.push(call.argv)
      throw new Error('not here')
    },
  })
  expect(known.get('acp:gemini-cli').name).toBe('acp:gemini')
  expect(known.get('ACP:Gemini')).toBe(known.get('acp:gemini'))
  expect(known.get('gemini').name).toBe('gemini')
  const request = { role: 'worker', system: '', prompt: 'p', cwd: '/' }
  for (const name of ['acp:gemini', 'acp:claude']) {
    const { signal } = new AbortController()
    await known
      .get(name)
      .run(request, { signal })
      .catch(() => undefined)
  }
  expect(started).toEqual([['/bin/gemini', '--acp'], ['/bin/claude-agent-acp']])
  expect(() => known.get('acp:grok')).toThrow(expect.objectContaining({ code: 'missing_tool' }))
  expect(() => known.get('acp:aider')).toThrow(
    expect.objectContaining({ code: 'bad_input', message: expect.stringContaining('does not speak') }),
  )
  expect(() => known.get('acp:nobody')).toThrow(expect.objectContaining({ code: 'bad_input' }))
  const speaking = (await known.list()).filter((each) => each.kind === 'acp')
  expect(speaking.map((each) => [each.name, each.available])).toEqual([
    ['acp:claude-code', true],
    ['acp:codex', true],
    ['acp:opencode', true],
    ['acp:gemini', true],
    ['acp:copilot', true],
    ['acp:cursor', true],
    ['acp:grok', false],
  ])
  // It never picks the protocol by itself.
  expect(known.choose().name).not.toContain(':')
})

test('a file that tells of a login is read when it is a file, and never waited for', async () => {
  const path = join(directory, 'auth.json')
  expect(readLoginFile(path)).toBeUndefined()
  await writeFile(path, '{}')
  expect(readLoginFile(path)).toBe('{}')
  expect(readLoginFile(directory)).toBeUndefined()
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(directory, 'pipe')])
  expect(readLoginFile(join(directory, 'pipe'))).toBeUndefined()
})

test('where nothing is installed, it says what to install', () => {
  const none = agents({ which: nothing })
  expect(() => none.choose()).toThrow(
    expect.objectContaining({ code: 'missing_tool', hint: expect.stringContaining('npm install -g') }),
  )
  expect(() => none.get('codex')).toThrow(
    expect.objectContaining({ code: 'missing_tool', hint: 'install it: npm install -g @openai/codex' }),
  )
  expect(none.get('scripted').name).toBe('scripted')
})

test('agents of one’s own come by their names, and before the known ones', async () => {
  const mine = { name: 'x', run: async () => ({ text: 'mine' }) }
  const known = agents({
    custom: { mine, codex: mine, My_Tool: { command: 'echo {prompt}' } },
    env: { PATH: '/usr/bin:/bin' },
  })
  expect(known.get('mine')).toBe(mine)
  expect(known.get('codex')).toBe(mine)
  const tool = known.get('my_tool')
  const request = { role: 'worker', system: '', prompt: 'hello', cwd: tmpdir() }
  expect(await tool.run(request, { signal: new AbortController().signal })).toMatchObject({
    outcome: 'done',
    text: 'hello\n',
  })
  expect((await known.list()).find((each) => each.name === 'mine')).toEqual({
    name: 'mine',
    kind: 'custom',
    available: true,
  })
})

test('the list says where each agent is, which version, and what is missing', async () => {
  const which = (name: string) => (name === 'codex' ? '/bin/codex' : undefined)
  const list = await agents({ which }).list()
  expect(list.find((each) => each.name === 'scripted')).toEqual({ name: 'scripted', kind: 'scripted', available: true })
  expect(list.find((each) => each.name === 'codex')).toEqual({
    name: 'codex',
    kind: 'command',
    available: true,
    executable: 'codex',
    path: '/bin/codex',
    version: '1.0',
    login: { state: 'no' },
    hint: 'run `codex login`, or set CODEX_API_KEY',
  })
  expect(list.find((each) => each.name === 'aider')).toMatchObject({
    available: false,
    error: expect.stringContaining('not installed'),
  })
})

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'which-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function program(name: string, body: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
  return path
}

test('a command is found in the directories of the PATH, if it can be run', async () => {
  await mkdir(join(directory, 'folder'))
  await writeFile(join(directory, 'plain'), '')
  const path = await program('tool', 'true')
  const which = createWhich(`:relative:/nowhere:${directory}`)
  expect(which('tool')).toBe(path)
  expect(which(path)).toBe(path)
  for (const name of ['folder', 'plain', 'missing']) expect(which(name)).toBeUndefined()
  expect(createWhich('')('sh')).toBeUndefined()
})

test('the version check reads the version, and gives up on what fails or hangs', async () => {
  const env = { PATH: '/usr/bin:/bin' }
  const probe = createProbe(env, directory)
  expect(await probe(await program('good', 'echo "tool-cli 2.1.329 (Tool)"; cat'))).toEqual({ version: '2.1.329' })
  expect(await probe(await program('odd', 'echo nightly'))).toEqual({ version: 'nightly' })
  expect(await probe(await program('bad', 'echo no >&2; exit 4'))).toEqual({ error: 'exited 4: no' })
  expect(await probe(join(directory, 'missing'))).toMatchObject({ error: expect.stringContaining('not found') })
  expect(await createProbe(env, directory, 300)(await program('slow', 'exec sleep 600'))).toEqual({
    error: 'did not tell its version within 0.3s',
  })
})
