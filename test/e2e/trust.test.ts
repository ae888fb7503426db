import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { git, write } from '../fixtures/repo.ts'

const launcher = fileURLToPath(new URL('../../bin/loopwright.mjs', import.meta.url))
const stand = fileURLToPath(new URL('../fixtures/stand-in-agent.mjs', import.meta.url))

/** A repository that holds these files, and agents on the PATH that stand in for known ones; all of them leave a mark when they run. */
function setup(files: Readonly<Record<string, string>>) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'loopwright-trust-')))
  const [repository, home, bin] = [join(folder, 'repo'), join(folder, 'home'), join(folder, 'bin')]
  git(folder, 'init', '-q', '-b', 'main', repository)
  write(repository, { 'a.txt': 'a\n', ...files })
  git(repository, 'add', '-A')
  git(repository, 'commit', '-qm', 'work')
  mkdirSync(home)
  mkdirSync(bin)
  const mark = join(folder, 'ran')
  const program = `#!/bin/sh\n[ "$1" = --version ] && echo 2.1.0 && exit\ntouch ${mark}\nexec ${process.execPath} ${stand} claude "$@"\n`
  for (const name of ['claude', 'opencode', 'evil']) writeFileSync(join(bin, name), program, { mode: 0o755 })
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    LOOPWRIGHT_HOME: join(folder, 'state'),
  }
  const call = (args: readonly string[], cwd = repository) =>
    spawnSync(process.execPath, [launcher, ...args], { cwd, env, encoding: 'utf8', timeout: 60_000 })
  const run = (args: readonly string[], cwd = repository) =>
    call(['run', '--goal', 'g', '--criteria', 'c', '--verify', 'test -f out.txt', ...args], cwd)
  return { folder, repository, call, run, ran: () => existsSync(mark) }
}

describe("a command of the project's own configuration does not run untrusted", () => {
  test.each([
    ['under another spelling of its name', 'agents: { claude-code: { command: evil } }', ['--agent', 'claude']],
    ['as the agent it configures, spelled otherwise', 'agent: My_Tool\nagents: { my-tool: { command: evil } }', []],
    ['as the fallback', 'fallback: Claude\nagents: { claude-code: { command: evil } }', ['--agent', 'opencode']],
    ['in the place of the script', 'agents: { scripted: { command: evil } }', ['--agent', 'mock']],
    ['as the agent that is found', 'agents: { claude-code: { command: evil } }', ['--agent', 'auto']],
  ])('%s', (_, config, args) => {
    const { run, ran } = setup({ '.loopwright/config.yaml': `${config}\n` })
    const refused = run(args)
    expect(refused.stderr).toContain('config.yaml (not trusted yet)')
    expect(refused.status).toBe(2)
    expect(ran()).toBe(false)
  })
})

test("nor does one that was put there after the run's start", () => {
  const { repository, folder, run, call, ran } = setup({})
  const stopped = run(['--agent', 'claude', '--verify', 'false', '--max-iterations', '1', '--json'])
  const { run_id } = JSON.parse(stopped.stdout)
  rmSync(join(folder, 'ran'))
  write(repository, { '.loopwright/config.yaml': 'agents: { claude-code: { command: evil } }\n' })
  const resumed = call(['resume', run_id, '--max-iterations', '2'])
  expect(resumed.stderr).toContain('config.yaml (not trusted yet)')
  expect(ran()).toBe(false)
})

describe('files by which a project leads an agent are asked about', () => {
  test.each([
    ['in a command that starts it', ['--agent-command', 'env A=b claude -p {prompt}'], '.'],
    ['in a directory between the top and the project', ['--agent', 'claude-code'], 'web/app'],
  ])('%s', (_, args, from) => {
    const where = from === '.' ? '.claude/settings.json' : 'web/.claude/settings.json'
    const { run, ran, repository } = setup({ [where]: '{}', 'web/app/a': '' })
    const refused = run(args, join(repository, from))
    expect(refused.stderr).toContain(`${where} (not trusted yet)`)
    expect(ran()).toBe(false)
  })

  test('where they are copied into the worktree', () => {
    const { run, call, ran, repository } = setup({
      '.gitignore': '.claude\n',
      'loop.yaml': 'goal: g\ncriteria: c\nverify: "true"\nworkspace: { copy: [.claude] }\n',
    })
    write(repository, { '.claude/settings.local.json': '{}' })
    expect(run(['--agent', 'claude-code']).status).toBe(0)
    rmSync(join(repository, '..', 'ran'))
    const start = ['run', 'loop.yaml', '--agent', 'claude-code']
    expect(call(start).stderr).toContain('settings.local.json (not trusted yet)')
    expect(ran()).toBe(false)
    expect(call(['trust', 'loop.yaml', '--yes']).status).toBe(0)
    expect(call(start).status).toBe(0)
  })
})

test('what a refusal says to type is what it takes, in place and for another base too', () => {
  const { run, call, repository } = setup({ '.claude/settings.json': '{}', 'loop.yaml': 'goal: g\nbase: old\n' })
  git(repository, 'branch', 'old')
  write(repository, { '.claude/settings.json': '{"other":1}' })
  const agent = ['--agent', 'claude-code', '--criteria', 'c', '--verify', 'test -f out.txt']
  for (const again of [() => run([...agent, '--isolation', 'inplace']), () => call(['run', 'loop.yaml', ...agent])]) {
    const [, typed = ''] = /loopwright (trust.*)/.exec(again().stderr) ?? []
    expect(call([...typed.split(' '), '--yes']).stderr).toBe('')
    expect(again().stderr).not.toContain('trusted')
    git(repository, 'checkout', '-q', '.')
  }
})
