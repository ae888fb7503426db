import { mkdir, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ensureHome, explainConfig, isInside, loadConfig, loadSpecFile } from './config.ts'
import { configTemplate, goalTemplate } from './formats/templates.ts'

async function setup(files: Record<string, string> = {}) {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'loopwright-config-')))
  const cwd = join(root, 'project')
  await mkdir(join(cwd, '.git'), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  return { root, cwd, env: { HOME: join(root, 'me') } }
}
const own = 'project/.loopwright/config.yaml'
const mine = 'me/.config/loopwright/config.yaml'

test('a file is no project', async () => {
  const { cwd, env } = await setup({ 'project/file': '' })
  const file = join(cwd, 'file')
  await expect(loadConfig({ cwd: file, env })).rejects.toMatchObject({ message: `${file}: this is not a directory` })
})

test('with an empty HOME, state is kept where the user lives, not where a command happens to run', async () => {
  const { cwd } = await setup()
  vi.stubEnv('HOME', '')
  try {
    expect((await loadConfig({ cwd, env: { HOME: '' } })).home).toBe(
      join(userInfo().homedir, '.local', 'state', 'loopwright'),
    )
  } finally {
    vi.unstubAllEnvs()
  }
})

test('a flag beats the environment, the project, the user and the default, and each says where it comes from', async () => {
  const { root, cwd, env } = await setup({
    [own]: 'agent: p\nmodel: p\nretries: 3\nbudget: { cost: 1, duration: 1h }\nagents: { p: { command: run-p } }\n',
    [mine]:
      'agent: u\nmodel: u\nretries: 2\ncleanup: never\nbudget: { cost: 2, tokens: 5 }\nagents: { u: { command: run-u, env: { X: hidden } } }\n',
  })
  const config = await loadConfig({
    cwd,
    env: { ...env, LOOPWRIGHT_AGENT: 'e', LOOPWRIGHT_MODEL: 'e', CI: '1' },
    flags: { agent: 'f', model: undefined },
  })
  expect(config.projectAgents).toEqual(['p'])
  const rows = explainConfig(config).map((row) => `${row.key} = ${row.value} ← ${row.source}`.replaceAll(root, ''))
  expect(rows).toEqual([
    'agent = f ← flag',
    'model = e ← environment (LOOPWRIGHT_MODEL)',
    'concurrency = 8 ← default',
    `retries = 3 ← project (/${own})`,
    'isolation = worktree ← default',
    `cleanup = never ← user (/${mine})`,
    'stall = 900s ← default',
    'budget.iterations = 4 ← default',
    `budget.duration = 3600 ← project (/${own})`,
    `budget.tokens = 5 ← user (/${mine})`,
    `budget.cost = 1 ← project (/${own})`,
    `agents.u = {"command":"run-u","env":["X"]} ← user (/${mine})`,
    `agents.p = {"command":"run-p"} ← project (/${own})`,
    'home = /me/.local/state/loopwright ← default',
    'noColor = false ← default',
    'ci = true ← environment (CI)',
  ])
})

test('the user says how runs are confined, in one word or at length; a project cannot', async () => {
  const short = await loadConfig(await setup({ [mine]: 'sandbox: bwrap\nstall: never\n' }))
  expect(short).toMatchObject({ sandbox: { mode: 'bwrap' }, stall: 0 })
  const long = await setup({ [mine]: 'sandbox:\n  network: [a.example, "localhost:1234"]\n  write: ~/.cache/x\n' })
  expect((await loadConfig(long)).sandbox).toMatchObject({
    network: ['a.example', 'localhost:1234'],
    write: ['~/.cache/x'],
  })
  const env = { ...long.env, LOOPWRIGHT_SANDBOX: 'srt' }
  expect((await loadConfig({ ...long, env })).sandbox).toMatchObject({ mode: 'srt', write: ['~/.cache/x'] })
  const project = await setup({ [own]: 'sandbox: none\n' })
  await expect(loadConfig(project)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('a project cannot set how it is confined'),
  })
})

test('a project cannot set the home, its .env is not read, and its configuration cannot be a link out of it', async () => {
  const a = await setup({ [own]: 'agent: x\nhome: /evil\n' })
  await expect(loadConfig(a)).rejects.toMatchObject({
    code: 'bad_input',
    message: `${a.cwd}/.loopwright/config.yaml:2:7: home: a project cannot set where state is kept`,
  })
  const b = await setup({ 'project/.env': 'LOOPWRIGHT_HOME=/evil\nLOOPWRIGHT_AGENT=evil\n' })
  const config = await loadConfig(b)
  expect([config.agent, config.home]).toEqual([undefined, join(b.root, 'me/.local/state/loopwright')])
  const c = await setup({ 'outside.yaml': 'agent: x\n' })
  await mkdir(join(c.cwd, '.loopwright'))
  await symlink(join(c.root, 'outside.yaml'), join(c.cwd, '.loopwright/config.yaml'))
  await expect(loadConfig(c)).rejects.toThrow('this link leads out of the project')
})

test('the home follows LOOPWRIGHT_HOME, then XDG_STATE_HOME; a relative or unwritable one is refused', async () => {
  const { root, cwd, env } = await setup({ file: '' })
  expect((await loadConfig({ cwd, env: { ...env, LOOPWRIGHT_HOME: '/a/h', XDG_STATE_HOME: '/b' } })).home).toBe('/a/h')
  expect((await loadConfig({ cwd, env: { ...env, XDG_STATE_HOME: '/b' } })).home).toBe('/b/loopwright')
  await expect(loadConfig({ cwd, env: { ...env, LOOPWRIGHT_HOME: 'h' } })).rejects.toThrow(
    'LOOPWRIGHT_HOME: the home of loopwright must be an absolute path, not h',
  )
  await expect(ensureHome(join(root, 'file', 'home'))).rejects.toMatchObject({ code: 'store_readonly' })
  // Where a directory can never be made, trying must end.
  if (process.platform === 'linux') {
    await expect(ensureHome('/proc/loopwright/home')).rejects.toMatchObject({ code: 'store_readonly' })
  }
})

test('a wrong variable, file or directory is named', async () => {
  const { cwd, env } = await setup()
  await expect(loadConfig({ cwd, env: { ...env, LOOPWRIGHT_CONCURRENCY: 'many' } })).rejects.toThrow(
    'LOOPWRIGHT_CONCURRENCY: "many" is not allowed',
  )
  await expect(loadConfig({ cwd: join(cwd, 'no'), env })).rejects.toThrow('there is no such directory')
  await expect(loadSpecFile(join(cwd, 'no.yaml'))).rejects.toMatchObject({ code: 'not_found' })
  const bad = await setup({ [own]: 'agnet: x\n' })
  await expect(loadConfig(bad)).rejects.toMatchObject({
    message: expect.stringMatching(/config\.yaml:1:1: unknown key "agnet"$/),
    hint: 'did you mean "agent"?',
  })
})

test('the configuration is found from a subdirectory, and the calling agent and secrets are data', async () => {
  const { cwd, env } = await setup({ [own]: 'agent: x\n', 'project/a/b/file': '' })
  const config = await loadConfig({
    cwd: join(cwd, 'a/b'),
    env: { ...env, CLAUDECODE: '1', MY_API_KEY: 'made-up-value', DB_password: 'short' },
  })
  expect([config.project, config.agent, config.caller?.agent, config.secrets]).toEqual([
    cwd,
    'x',
    'claude-code',
    ['made-up-value'],
  ])
})

test('what an agent is given by the configuration is as secret as what stands in the environment', async () => {
  const agents = 'agents: { mine: { command: x, env: { DEPLOY_TOKEN: from-the-file, REGION: nowhere } } }\n'
  const { cwd, env } = await setup({ [own]: agents })
  expect((await loadConfig({ cwd, env: { ...env, MY_API_KEY: 'made-up' } })).secrets).toEqual([
    'from-the-file',
    'made-up',
  ])
})

test('the templates are valid, also with every comment taken as text', async () => {
  const { root, cwd, env } = await setup({ [own]: configTemplate, 'goal.yaml': goalTemplate })
  expect((await loadConfig({ cwd, env })).concurrency).toBe(8)
  expect((await loadSpecFile(join(root, 'goal.yaml'))).spec).toMatchObject({ verify: [{ argv: ['npm', 'test'] }] })
  const full = await setup({
    [own]: configTemplate.replace(/^# (loopwright|the).*$/gm, '').replace(/^# (?=( {2})*[a-z]+:)/gm, ''),
    'goal.yaml': goalTemplate.replace(/^( *)# (?=[- a-z])/gm, '$1'),
  })
  expect((await loadConfig(full)).agents.mine?.command).toBe('my-agent --print {prompt}')
  expect((await loadSpecFile(join(full.root, 'goal.yaml'))).spec.workspace.copy).toEqual(['.env.local'])
})

test('a path is inside by segments', () => {
  expect([
    isInside('/a/b', '/a/b/c'),
    isInside('/a/b', '/a/b'),
    isInside('/a/b', '/a/bc'),
    isInside('/a/b', '/a'),
    isInside('/a/b', '/a/b/..x'),
  ]).toEqual([true, true, false, false, true])
})
