import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Confinement } from '../../src/core/ports.ts'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { type SuperviseOptions, supervise } from '../../src/process/supervise.ts'
import { readEnvironment } from '../../src/process/table.ts'
import { git, write } from '../fixtures/repo.ts'

const state = await findSandbox('bwrap', { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' })
const it = test.skipIf(state.sandbox === undefined)
const run = confined(supervise, () => state)
const base = mkdtempSync(fileURLToPath(new URL('../../node_modules/.sandbox-', import.meta.url)))
const home = join(base, 'home')
const work = join(base, 'work')
const repo = join(base, 'repo.git')
const env = { PATH: process.env.PATH ?? '', HOME: home }

beforeAll(() => {
  write(base, {
    'home/.agent/login.json': 'old',
    'home/.agent.json': 'old',
    'home/.config/tool/settings': 'set',
    'seed/a.txt': 'one\n',
  })
  git(join(base, 'seed'), 'init', '-q', '-b', 'main')
  git(join(base, 'seed'), 'add', '-A')
  git(join(base, 'seed'), 'commit', '-q', '-m', 'start')
  git(base, 'clone', '-q', '--bare', 'seed', 'repo.git')
  git(repo, 'worktree', 'add', '-q', '-b', 'run', work)
})
afterAll(() => rmSync(base, { recursive: true, force: true }))

/** Runs a command line in the worktree, confined as it usually is. */
function sh(shell: string, confinement: Partial<Confinement> = {}, more: Partial<SuperviseOptions> = {}) {
  return run({
    shell,
    cwd: work,
    env,
    ...more,
    confinement: { writable: [work], readable: [repo], hidden: [], network: 'none', env: [], ...confinement },
  })
}

it('git tells of the worktree', async () => {
  const seen = await sh(
    'echo two > a.txt && git -c safe.directory="*" status --short && git -c safe.directory="*" diff && git -c safe.directory="*" log --oneline',
  )
  expect(seen.stdout).toContain(' M a.txt')
  expect(seen.stdout).toContain('+two')
  expect(seen.stdout).toContain('start')
})

it('Node and npm test work, and write the worktree', async () => {
  write(work, {
    'package.json': '{"name":"x","scripts":{"test":"node --test"}}',
    'x.test.mjs': `import { test } from 'node:test'; import { writeFileSync } from 'node:fs'; test('it', () => writeFileSync('made.txt', 'by a test'))`,
  })
  const seen = await sh('npm test --silent')
  expect(seen.stdout + seen.stderr).toMatch(/pass 1/)
  expect(readFileSync(join(work, 'made.txt'), 'utf8')).toBe('by a test')
})

it("the agent's own login is written, in its directory and as a single file that is replaced", async () => {
  const writable = [
    work,
    join(home, '.agent'),
    join(home, '.agent.json'),
    join(home, '.fresh'),
    join(home, '.config/new.json'),
  ]
  const seen = await sh(
    'echo new > ~/.agent/login.json && echo new > ~/.agent.json.tmp && mv ~/.agent.json.tmp ~/.agent.json && mkdir ~/.agent.json.lock && echo x > ~/.fresh/x && echo n > ~/.config/new.json && cat ~/.config/tool/settings',
    { writable },
  )
  expect(seen).toMatchObject({ exitCode: 0, stdout: 'set' })
  for (const path of ['.agent/login.json', '.agent.json']) expect(readFileSync(join(home, path), 'utf8')).toBe('new\n')
  expect(readFileSync(join(home, '.fresh/x'), 'utf8')).toBe('x\n')
  expect(readFileSync(join(home, '.config/new.json'), 'utf8')).toBe('n\n')
  expect(existsSync(join(home, '.agent.json.lock'))).toBe(false)
})

it('two at once do not take each other what they wrote to a single file', async () => {
  const writable = [work, join(home, '.agent.json')]
  writeFileSync(join(home, '.agent.json'), 'start\n')
  const both = await Promise.all(['one', 'two'].map((each) => sh(`echo ${each} > ~/.agent.json`, { writable })))
  expect(both.map((each) => each.exitCode)).toEqual([0, 0])
  expect(readFileSync(join(home, '.agent.json'), 'utf8')).toMatch(/^(one|two)\n$/)
})

it('there is a temporary directory of its own, which is gone afterwards', async () => {
  const seen = await sh('ls -A /tmp; echo x > /tmp/x && mkdir -p $TMPDIR/a/b && chmod 0 /tmp/a && cat /tmp/x')
  expect(seen).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/x\n$/) })
})

it('servers on this machine that are allowed, and only they, are reached under their own port', async () => {
  const server = createServer((_request, answer) => answer.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = `node -e "fetch('http://localhost:${port}/').then(r=>r.text()).then(console.log,e=>console.log('no',e.cause?.code))"; curl -sS http://127.0.0.1:${port}/ || true`
  expect((await sh(ask, { network: [`localhost:${port}`] })).stdout).toBe('hello\nhello')
  expect((await sh(ask, { network: ['localhost:40001'] })).stdout).toMatch(/^no /)
  expect((await sh(ask, { network: 'none' })).stdout).toMatch(/^no /)
  expect((await sh(ask, { network: 'open' })).stdout).toBe('hello\nhello')
  server.close()
})

it('a refused host says who refused it and what to do', async () => {
  const seen = await sh('curl -s http://evil.example/; curl -sS https://evil.example/', { network: ['good.example'] })
  expect(seen.stdout).toContain('evil.example:80 was refused')
  expect(seen.stdout).toContain('To allow it, add "evil.example"')
  expect(seen.stderr).toContain('403')
})

for (const network of ['none', ['good.example']] as const) {
  const how = network === 'none' ? 'without a network' : 'with an allowlist'
  it(`exit codes, signals, stdin and both outputs pass ${how}`, async () => {
    expect((await sh('exit 7', { network })).exitCode).toBe(7)
    expect((await sh('kill -SEGV $$', { network })).exitCode).toBe(139)
    expect(await sh('cat; echo err >&2', { network }, { input: 'in\n' })).toMatchObject({
      stdout: 'in\n',
      stderr: 'err\n',
    })
  })

  it(`what is asked to end may end itself ${how}`, async () => {
    const stop = new AbortController()
    const seen = await sh(
      'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.05; done',
      { network },
      {
        signal: stop.signal,
        graceMs: 20_000,
        onStdout: (text) => {
          if (text.includes('up')) stop.abort()
        },
      },
    )
    expect(seen).toMatchObject({ stdout: 'up\nbye\n', aborted: true, exitCode: 3 })
  })
}

it('100 MB of output come through', async () => {
  const began = performance.now()
  const seen = await sh('head -c 100000000 /dev/zero')
  expect(seen.bytes).toBe(100_000_000)
  console.log(`100 MB of output: ${Math.round(performance.now() - began)} ms`)
})

it('a big environment comes through, and nothing that is not allowed', async () => {
  const big = Object.fromEntries(Array.from({ length: 100 }, (_, each) => [`BIG_${each}`, 'x'.repeat(10_000)]))
  const seen = await sh(
    'printenv BIG_99 | wc -c; echo $SECRET $LOOPWRIGHT_RUN $LOOPWRIGHT_TOKEN',
    { env: ['BIG_*'] },
    {
      env: { ...env, ...big, SECRET: 'secret', LOOPWRIGHT_RUN: 'r1', LOOPWRIGHT_TOKEN: 'secret' },
    },
  )
  expect(seen.stdout).toBe('10001\nr1\n')
})

it('the markers by which a tree is found are in every process inside', async () => {
  let marker = ''
  const seen = await sh(
    'echo $LOOPWRIGHT_GUARD; sh -c "cat /proc/self/environ" | tr "\\0" "\\n" | grep LOOPWRIGHT_GUARD',
    {},
    {
      onStart: (child) => {
        marker = child.marker
        expect(readEnvironment(child.pid)).toBeDefined()
      },
    },
  )
  expect(seen.stdout).toBe(`${marker}\nLOOPWRIGHT_GUARD=${marker}\n`)
})

it('what cannot be confined is not started, and says why', async () => {
  const link = join(work, 'link')
  symlinkSync(home, link)
  const cases: [Partial<Confinement>, RegExp][] = [
    [{ writable: ['relative'] }, /not a path a sandbox can be told/],
    [{ writable: [`${work}/../home`] }, /not a path a sandbox can be told/],
    [{ writable: [work, link] }, /leads out of/],
    [{ writable: [work, join(link, '.config')] }, /leads out of/],
    [{ writable: ['/'] }, /it is the system's/],
    [{ writable: ['/proc/self'] }, /it is the system's/],
    [{ writable: [join(base, 'absent')] }, /does not exist/],
    [{ network: ['http://x.example/'] }, /not a host that can be allowed/],
    [{ network: ['localhost:80'] }, /ports below 1024/],
  ]
  for (const [confinement, message] of cases) {
    const seen = await sh('touch started', confinement)
    expect(seen.spawnError).toMatch(message)
    expect(existsSync(join(work, 'started'))).toBe(false)
  }
  rmSync(link)
  expect(
    (
      await run({
        argv: ['no-such-command'],
        cwd: work,
        env,
        confinement: { writable: [work], readable: [], hidden: [], network: 'none', env: [] },
      })
    ).spawnError,
  ).toBe('command not found: no-such-command')
  expect((await sh('true', {}, { cwd: join(base, 'absent') })).spawnError).toMatch(/working directory does not exist/)
})

it('a kept file that is not there yet stands for nothing afterwards', async () => {
  const kept = [join(work, '.tool/settings.json'), join(work, '.hooks/')]
  const seen = await sh('echo x > .tool/settings.json; echo x > .hooks/x; mv .tool .other; cat .tool/settings.json', {
    readable: [repo, ...kept],
  })
  expect(seen.stdout).toBe('{}')
  for (const path of ['.tool', '.hooks', '.other']) expect(existsSync(join(work, path))).toBe(false)
})

it('nothing inside outlives an engine that is killed', async () => {
  const mark = `${Math.floor(1e6 + Math.random() * 1e9)}`
  const engine = spawn(process.execPath, [fileURLToPath(new URL('./engine-process.ts', import.meta.url)), work, mark], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const data of engine.stdout) if (String(data).includes('up')) break
  expect(sleepers(mark)).toBe(1)
  engine.kill('SIGKILL')
  const until = performance.now() + 30_000
  while (sleepers(mark) > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(sleepers(mark)).toBe(0)
})

it('starting in it costs little', async () => {
  const time = async (once: () => Promise<unknown>) => {
    const taken: number[] = []
    for (let each = 0; each < 15; each++) {
      const began = performance.now()
      await once()
      taken.push(performance.now() - began)
    }
    return Math.round(taken.toSorted((a, b) => a - b)[7] ?? 0)
  }
  const plain = await time(() => supervise({ shell: 'true', cwd: work, env }))
  const none = await time(() => sh('true'))
  const listed = await time(() => sh('true', { network: ['good.example'] }))
  console.log(
    `a start, median of 15: ${plain} ms without a sandbox, ${none} ms in it without a network, ${listed} ms with an allowlist`,
  )
  expect(none).toBeLessThan(5000)
})

/** How many processes sleep for just that long. */
function sleepers(seconds: string): number {
  const commands = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : []
    } catch {
      return []
    }
  })
  return commands.filter((each) => each === `sleep\0${seconds}\0`).length
}
