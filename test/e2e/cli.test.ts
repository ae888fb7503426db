import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const launcher = fileURLToPath(new URL('../../bin/loopwright.mjs', import.meta.url))
const patience = 60_000

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A real repository, a state directory of its own, and agents by a script. */
function setup(script = '{}') {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'loopwright-cli-')))
  const repository = join(folder, 'repo')
  const git = (...args: string[]) => execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim()
  execFileSync('git', ['init', '-q', '-b', 'main', repository])
  writeFileSync(join(repository, 'a.txt'), 'a\n')
  git('add', '.')
  git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '-qm', 'first')
  const agents = join(folder, 'agents.yaml')
  writeFileSync(agents, script)
  const env = { PATH: process.env.PATH, HOME: folder, LOOPWRIGHT_HOME: join(folder, 'home') }
  const start = (...args: string[]): ChildProcess & { readonly ended: Promise<Ended> } => {
    const child = spawn(process.execPath, [launcher, ...args], {
      cwd: repository,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (part) => {
      out += part
    })
    child.stderr.on('data', (part) => {
      err += part
    })
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, out, err })))
    return Object.assign(child, { ended })
  }
  const call = (...args: string[]) => start(...args).ended
  const run = (...args: string[]) => ['run', '--goal', 'write out.txt', '--agent', `scripted:${agents}`, ...args]
  return { folder, repository, git, start, call, run }
}

const writes = `
acceptOnIteration: 1
replies:
  - { role: worker, text: written, edits: [{ write: out.txt, content: "hello\\n" }] }
`
const slow = writes.replace('text: written', 'delayMs: 3000, text: written')

/** Resolves once the child said this on standard error. */
function said(child: ChildProcess, text: string): Promise<void> {
  let all = ''
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (part) => {
      all += part
      if (all.includes(text)) resolve()
    })
    child.on('close', () => reject(new Error(`ended without saying ${text}: ${all}`)))
  })
}

test('a goal becomes a branch that can be looked at and merged', { timeout: patience }, async () => {
  const { call, run, git, repository } = setup(writes)
  const done = await call(...run('--json', '--progress', '--verify', 'test -f out.txt', '--label', 'team=web'))
  expect(done.code).toBe(0)
  const result = JSON.parse(done.out)
  expect(result).toMatchObject({
    completed: true,
    stop_reason: 'goal_complete',
    worktree: { changed_files: ['out.txt'] },
  })
  expect(JSON.parse(done.err.split('\n').find((line) => line.startsWith('{')) ?? '')).toMatchObject({
    iteration: 1,
    verification_ok: 1,
    goal_complete: true,
  })
  expect(git('status', '--porcelain')).toBe('')
  expect((await call('diff', 'last')).out).toContain('+hello')
  expect(JSON.parse((await call('runs', '--label', 'team=web', '--json')).out).runs).toHaveLength(1)
  expect((await call('merge', result.run_id.slice(-6))).code).toBe(0)
  expect(readFileSync(join(repository, 'out.txt'), 'utf8')).toBe('hello\n')
  expect((await call('discard', 'last', '--yes')).code).toBe(0)
  expect(git('branch', '--list', 'loopwright/*')).toBe('')
  expect((await call('runs', 'prune')).code).toBe(0)
  expect(JSON.parse((await call('runs', '--json')).out).runs).toEqual([])
})

test('a budget ends with 1 and its result, a larger one goes on', { timeout: patience }, async () => {
  const { call, run } = setup(writes.replace('acceptOnIteration: 1', 'acceptOnIteration: 2'))
  const stopped = await call(...run('--json', '--quiet', '--max-iterations', '1'))
  expect(stopped.code).toBe(1)
  expect(JSON.parse(stopped.out)).toMatchObject({ completed: false, stop_reason: 'max_iterations (1) reached' })
  const done = await call('resume', 'last', '--max-iterations', '3', '--json', '--quiet')
  expect(done.code).toBe(0)
  expect(JSON.parse(done.out)).toMatchObject({ completed: true, iterations: 2 })
})

test('a run that asks ends with 3 and a token, answers go on', { timeout: patience }, async () => {
  const { call, run } = setup(`questions: [Which port?, Which name?]\n${writes}`)
  const asked = await call(...run('--ask', '--json', '--quiet'))
  expect(asked.code).toBe(3)
  const { token, questions } = JSON.parse(asked.out)
  expect(questions).toEqual(['Which port?', 'Which name?'])
  const short = await call('run', '--resume', token, '--answer', '80')
  expect(short).toMatchObject({ code: 2, err: expect.stringContaining('not answered: Which name?') })
  const done = await call('run', '--resume', token, '--answer', '80', '--answer', '2=x', '--json', '--quiet')
  expect(done.code).toBe(0)
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s interrupts, and resume goes on',
  { timeout: patience },
  async (signal) => {
    const { call, run, start } = setup(slow)
    const child = start(...run())
    await said(child, 'worker s1')
    child.kill(signal)
    const ended = await child.ended
    expect(ended.code).toBe(130)
    expect(ended.out).toContain('loopwright resume')
    expect((await call('resume', 'last', '--quiet')).code).toBe(0)
  },
)

test('a run whose process was killed is shown as interrupted and goes on', { timeout: patience }, async () => {
  const { call, run, start } = setup(slow)
  const child = start(...run())
  await said(child, 'worker s1')
  child.kill('SIGKILL')
  await child.ended
  expect(JSON.parse((await call('runs', '--json')).out).runs[0].status).toBe('interrupted')
  expect((await call('resume', 'last', '--quiet')).code).toBe(0)
})

test('a detached run that asked goes on by itself once it is answered', { timeout: patience }, async () => {
  const asks = `${writes}  - { role: clarifier, json: { ready: false, questions: ["Which colour?"] } }\n`
  const { call, run } = setup(asks)
  const { run_id: id } = JSON.parse((await call(...run('--detach', '--ask', '--json'))).out)
  expect((await call('result', id, '--wait')).out).toContain('Which colour?')
  expect(await call('answer', id, 'blue')).toMatchObject({ code: 0, out: expect.stringContaining('in the background') })
  expect(await call('result', id, '--wait', '--json')).toMatchObject({
    code: 0,
    out: expect.stringContaining('"status":"done"'),
  })
})

test('a detached run outlives its parent, and its result can be waited for', { timeout: patience }, async () => {
  const { call, run } = setup(slow)
  const away = await call(...run('--detach', '--json'))
  expect(away.code).toBe(0)
  const facts = JSON.parse(away.out)
  expect(facts).toMatchObject({ status: 'running', tail_command: `loopwright tail -f ${facts.run_id}` })
  expect((await call('result', 'last')).code).toBe(2)
  const done = await call('result', '--wait', facts.run_id, '--json')
  expect(done.code).toBe(0)
  expect(JSON.parse(done.out).completed).toBe(true)
  expect(existsSync(facts.events_path)).toBe(true)
})

test('pruning with --json prints one JSON object', { timeout: patience }, async () => {
  const { call, run } = setup(writes)
  await call(...run('--quiet', '--label', 'n=1'))
  const pruned = await call('runs', 'prune', '--json')
  expect(JSON.parse(pruned.out)).toMatchObject({ dry_run: false, removed: [expect.any(String)], kept: [] })
})

test('work done in place is not taken for a branch, nor for nothing', { timeout: patience }, async () => {
  const { call, run, repository } = setup(writes)
  expect((await call(...run('--quiet', '--no-isolate'))).code).toBe(0)
  expect((await call('diff')).err).toContain(`worked in place: 1 file in ${repository}`)
  for (const args of [['merge'], ['discard', 'last', '--yes']]) {
    expect(await call(...args)).toMatchObject({ code: 2, err: expect.stringContaining('worked in place') })
  }
  expect(readFileSync(join(repository, 'out.txt'), 'utf8')).toBe('hello\n')
})

test('of several attempts the diff is that of the chosen one, and discarding throws all away', {
  timeout: patience,
}, async () => {
  const { call, folder, git } = setup(writes)
  const flags = ['--attempts', '2', '--attempt-agents', `scripted:${join(folder, 'agents.yaml')}`, '--quiet']
  const done = await call('run', '--goal', 'write out.txt', ...flags)
  expect(done.code).toBe(0)
  expect((await call('diff')).out).toContain('+hello')
  expect(git('branch', '--list', 'loopwright/*').split('\n')).toHaveLength(2)
  expect((await call('discard', 'last', '--yes')).code).toBe(0)
  expect(git('branch', '--list', 'loopwright/*')).toBe('')
})

test('a backlog tells of its stories, and of a plan that cannot be marked', { timeout: patience }, async () => {
  const { call, folder, repository, git } = setup(writes)
  const agent = ['--agent', `scripted:${join(folder, 'agents.yaml')}`]
  const plan = '- [ ] US-1: the first\n'
  writeFileSync(join(repository, 'PRD.md'), plan)
  const apart = await call('run', '--plan', 'PRD.md', ...agent)
  expect(apart.err).toContain('story US-1: the first (0 of 1 pass)')
  expect(apart.err).toContain(
    `story US-1 passes (1 of 1); not marked: ${join(repository, 'PRD.md')} is not in the worktree`,
  )
  git('add', '.')
  git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '-qm', 'plan')
  expect((await call('run', '--plan', 'PRD.md', ...agent)).err).toMatch(/story US-1 passes \(1 of 1\)\n/)
  expect((await call('diff')).out).toContain('+- [x] US-1: the first')
  expect(readFileSync(join(repository, 'PRD.md'), 'utf8')).toBe(plan)
})

test('init writes through no link that a repository brought along', { timeout: patience }, async () => {
  const { call, folder, repository } = setup()
  const target = join(folder, 'target')
  mkdirSync(target)
  symlinkSync(target, join(repository, '.loopwright'))
  expect(await call('init')).toMatchObject({ code: 2, err: expect.stringContaining('is a link') })
  expect(readdirSync(target)).toEqual([])
})

test('two runs at once in one repository do not meet', { timeout: patience }, async () => {
  const { call, run } = setup(writes)
  const both = await Promise.all([call(...run('--quiet')), call(...run('--quiet'))])
  expect(both.map((one) => one.code)).toEqual([0, 0])
  expect(JSON.parse((await call('runs', '--where', 'status=done', '--json')).out).runs).toHaveLength(2)
})

test('a reader that goes away ends nothing', { timeout: patience }, async () => {
  const { call, run, start } = setup(writes)
  const child = start(...run())
  child.stdout?.destroy()
  expect((await child.ended).code).toBe(0)
  expect(JSON.parse((await call('runs', '--json')).out).runs[0].status).toBe('done')
})

test('a dry run starts nothing and says where values come from', { timeout: patience }, async () => {
  const { call, run } = setup(writes)
  const shown = await call(...run('--dry-run', '--json', '--max-cost', '2'))
  expect(shown.code).toBe(0)
  expect(JSON.parse(shown.out)).toMatchObject({ dry_run: true, origins: { 'budget.cost': 'flag', retries: 'default' } })
  expect(JSON.parse((await call('runs', '--json')).out).runs).toEqual([])
})

test('a loop file of the project needs trust first, and a wrong one says where', { timeout: patience }, async () => {
  const { call, repository, folder } = setup(writes)
  writeFileSync(join(repository, 'fix.yaml'), `goal: x\nagent: scripted:${join(folder, 'agents.yaml')}\n`)
  const refused = await call('run', 'fix.yaml')
  expect(refused.code).toBe(2)
  expect(refused.err).toContain('loopwright trust')
  expect((await call('trust', 'fix.yaml', '--yes')).code).toBe(0)
  expect((await call('run', 'fix.yaml', '--quiet')).code).toBe(0)
  writeFileSync(join(repository, 'bad.yaml'), 'goal: x\nverfiy: npm test\n')
  const wrong = await call('run', 'bad.yaml')
  expect(wrong.code).toBe(2)
  expect(wrong.err).toMatch(/bad\.yaml:2:1: unknown key "verfiy"[\s\S]*did you mean "verify"/)
})

test('the kill switch lets nothing start until it is off', { timeout: patience }, async () => {
  const { call, run } = setup(writes)
  expect((await call('kill', '--all')).code).toBe(0)
  expect(await call(...run())).toMatchObject({ code: 2, err: expect.stringContaining('kill --off') })
  expect((await call('kill', '--off')).code).toBe(0)
  expect((await call(...run('--quiet'))).code).toBe(0)
})
