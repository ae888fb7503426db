import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { createWorkspaces } from '../../src/workspace/workspaces.ts'
import { git, makeRepo, scratch, write } from '../fixtures/repo.ts'
import type { Tried } from './escape-run.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const state = await findSandbox('bwrap', { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' })
/** Some hundred processes, on a machine that may be busy. */
const patience = 900_000
const isRoot = process.getuid?.() === 0
/** Nobody's: no such user need exist. */
const stranger = 65_534

/** Runs every probe, as this user or as one without rights. The worlds are made where the sandbox shows them: not below /tmp, which it has of its own. */
async function tryAll(uid?: number): Promise<Tried[]> {
  const base = mkdtempSync(join(here, '../../node_modules/.sandbox-'))
  try {
    const program = [process.execPath, join(here, 'escape-run.ts'), base]
    const by = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
    if (uid !== undefined) chownSync(base, uid, uid)
    const [command = '', ...args] = [...by, ...program]
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', SECRET_OF_THE_ENGINE: 'ESCAPED' },
      // Somebody left a directory open.
      stdio: ['ignore', 'pipe', 'pipe', ...Array(37).fill('ignore'), openSync(base, 'r')],
    })
    let output = ''
    let errors = ''
    child.stdout?.on('data', (data) => {
      output += data
    })
    child.stderr?.on('data', (data) => {
      errors += data
    })
    const [code] = await once(child, 'close')
    expect(code, errors).toBe(0)
    return output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Tried)
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

function report(as: string, tried: readonly Tried[]): void {
  const groups = Map.groupBy(tried, (each) => each.group)
  const rows = [...groups].map(([group, all]) => {
    const counted = all.filter((each) => each.outside !== undefined)
    const out = all.filter((each) => each.inside !== undefined)
    return `  ${group.padEnd(18)} ${String(counted.length).padStart(3)} proved, ${out.length} succeeded`
  })
  const proved = tried.filter((each) => each.outside !== undefined)
  const unproved = tried.filter((each) => each.outside === undefined).map((each) => each.name)
  const out = tried.filter((each) => each.inside !== undefined)
  console.log(
    [
      `as ${as}: ${proved.length} probes, ${out.length} succeeded`,
      ...rows,
      `  tried as well, but not able to succeed here without a sandbox either, or not safe to: ${unproved.join(', ')}`,
    ].join('\n'),
  )
}

const reached = (tried: readonly Tried[]) =>
  tried.filter((each) => each.inside !== undefined).map(({ group, name, inside }) => `${group}: ${name}: ${inside}`)

// What is skipped proves nothing: where changes are judged, it must not be.
test.runIf(process.env.CI && process.platform === 'linux')('there is a sandbox to get out of', () => {
  expect(state.problem).toBeUndefined()
})

test.skipIf(state.sandbox === undefined)('nothing gets out of the sandbox', { timeout: patience }, async () => {
  const tried = await tryAll()
  report(isRoot ? 'root' : 'a user', tried)
  expect(reached(tried)).toEqual([])
  expect(tried.filter((each) => each.outside !== undefined).length).toBeGreaterThanOrEqual(60)
})

test.skipIf(state.sandbox === undefined || !isRoot)(
  'nothing gets out of the sandbox of a user without rights either',
  { timeout: patience },
  async (context) => {
    const may = readable()
    if (!may) context.skip('the checkout is not readable to other users')
    const tried = await tryAll(stranger)
    report('a user without rights', tried)
    expect(reached(tried)).toEqual([])
    expect(tried.filter((each) => each.outside !== undefined).length).toBeGreaterThanOrEqual(60)
  },
)

test.skipIf(state.sandbox === undefined)(
  'a repository that a confined agent has laid traps in springs none when the engine keeps its work',
  async () => {
    using place = scratch()
    const canary = join(place.path, 'canary')
    const project = makeRepo(join(place.path, 'project'))
    const home = join(place.path, 'state')
    const workspaces = createWorkspaces({ home, env: process.env })
    const run = await workspaces.open({ run: 'r1', project, isolation: 'worktree' })
    const trap = `touch ${canary}`
    const lay = [
      'git init -q nested && cd nested && echo n > n.txt',
      'git -c user.name=A -c user.email=a add -A && git -c user.name=A -c user.email=a commit -q -m n',
      `printf '#!/bin/sh\n${trap}\n' > evil.sh && chmod +x evil.sh`,
      'for each in core.fsmonitor core.pager diff.external gpg.program core.sshCommand; do git config $each "$PWD/evil.sh"; done',
      'for each in clean smudge process; do git config filter.evil.$each "$PWD/evil.sh"; done',
      'mkdir -p .git/hooks && for each in pre-commit post-checkout reference-transaction post-index-change; do cp evil.sh .git/hooks/$each; done',
      'cd .. && echo "* filter=evil diff=evil" > .gitattributes && echo changed > nested/n.txt',
      'git add nested; git config core.fsmonitor "$PWD/nested/evil.sh"; git update-index --add --cacheinfo 160000,$(git -C nested rev-parse HEAD),nested',
      'rm -f .git; mv .git gone; git init -q .; echo laid',
    ].join('\n')
    const laid = await confined(
      supervise,
      () => state,
    )({
      shell: lay,
      cwd: run.path,
      env: { PATH: process.env.PATH ?? '', HOME: place.path },
      confinement: {
        writable: [run.root],
        readable: run.repositories,
        hidden: [home, project],
        network: 'none',
        env: [],
      },
    })
    expect(laid.stdout).toContain('laid')
    expect(existsSync(canary)).toBe(false)
    await run.changedFiles()
    await run.diff()
    await run.checkpoint('x', '1')
    const worker = await run.fork('w')
    write(worker.path, { 'a.txt': 'worker\n' })
    await run.merge([{ id: 'w', title: 'w' }], '2')
    await run.publish()
    expect(existsSync(canary)).toBe(false)
    expect(existsSync(join(run.root, '.git'))).toBe(true)
    // The traps are armed: plain git springs one.
    git(join(run.path, 'nested'), 'status')
    expect(existsSync(canary)).toBe(true)
  },
)

function readable(): boolean {
  try {
    const args = [
      `--reuid=${stranger}`,
      `--regid=${stranger}`,
      '--clear-groups',
      'test',
      '-r',
      join(here, 'escape-run.ts'),
    ]
    execFileSync('setpriv', args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
