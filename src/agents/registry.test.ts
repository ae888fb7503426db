import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createProbe } from './probe.ts'
import { type AgentsOptions, createAgents } from './registry.ts'
import { createWhich } from './which.ts'

const nothing = () => undefined
const all = (command: string) => `/bin/${command}`
const agents = (more: Partial<AgentsOptions> = {}) =>
  createAgents({ env: {}, which: all, probe: async () => ({ version: '1.0' }), ...more })

test('every name and alias leads to its agent, always the same one', () => {
  const known = agents()
  expect(known.names).toEqual(['scripted', 'claude-code', 'codex', 'opencode', 'aider'])
  for (const name of ['scripted', 'mock', 'Mock']) expect(known.get(name).name).toBe('scripted')
  for (const name of ['claude', 'claude_code', 'claude-code', ' Claude_Code '])
    expect(known.get(name).name).toBe('claude-code')
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
    message: 'unknown agent codx; there are scripted, claude-code, codex, opencode, aider, auto',
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
  expect(agents({ hints: { CODEX_HOME: '/x', OPENCODE_CONFIG: 'y' } }).choose().because).toBe('it is installed')
  expect(agents({ which: (name) => (name === 'aider' ? '/bin/aider' : undefined) }).choose().name).toBe('aider')
})

test('a calling agent nobody knows, or whose command is gone, is passed over', () => {
  expect(agents({ callerAgent: 'cursor' }).choose().name).toBe('claude-code')
  const which = (name: string) => (name === 'opencode' ? '/bin/opencode' : undefined)
  expect(agents({ callerAgent: 'codex', hints: { CLAUDECODE: '1' }, which }).choose().name).toBe('opencode')
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
