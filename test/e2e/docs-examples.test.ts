import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepo, scratch } from '../fixtures/repo.ts'
import { root } from './docs-blocks.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function example(
  name: string,
  args: readonly string[],
  place: { readonly cwd: string; readonly path?: string },
): Promise<Ran> {
  const env = {
    PATH: [...(place.path === undefined ? [] : [place.path]), process.env.PATH].join(delimiter),
    HOME: place.cwd,
    LOOPWRIGHT_HOME: join(place.cwd, 'home'),
    TMPDIR: place.cwd,
    NO_COLOR: '1',
    NODE_NO_WARNINGS: '1',
  }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'examples', name), ...args],
      { cwd: place.cwd, env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

/** A program called `claude` that answers each role in the stream of the real one, and writes a file where a worker shall. */
const claude = `#!${process.execPath}
const { writeFileSync } = require('node:fs')
const role = process.env.LOOPWRIGHT_ROLE
if (role === 'worker') writeFileSync('made.txt', 'by claude\\n')
const answers = {
  criteria: '["made.txt is there"]',
  decomposer: '[{"id": "s1", "description": "make made.txt"}]',
  reviewer: '{"quality_ok": true, "consistency_ok": true, "goal_aligned": true, "goal_complete": true, "issues": []}',
}
const result = answers[role] ?? 'made it'
console.log(JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result, total_cost_usd: 0.01, usage: {} }))
`

test('run-demo shows a check that fails, feedback, and a branch in the end', async () => {
  using temporary = scratch()
  const { code, stdout } = await example('run-demo.ts', [], { cwd: temporary.path })
  expect(stdout).toContain('iteration 2')
  expect(stdout).not.toContain('iteration 3')
  expect(stdout).toMatch(/completed in 2 iteration\(s\) .* worktree loopwright\/\S+ \(2 files changed\)/)
  expect(stdout).toContain('loopwright: iteration 2')
  expect(stdout).toContain('git status says "nothing"')
  expect(code).toBe(0)
})

test('custom-loop turns the first drafts down and takes the next', async () => {
  using temporary = scratch()
  const { code, stdout } = await example('custom-loop.ts', [], { cwd: temporary.path })
  expect(stdout).toContain('then the test is green')
  expect(stdout).toContain('(2 iterations)')
  expect(code).toBe(0)
})

test('run-with-cli-agent leaves a repository it is given as it was, and the work on a branch', async () => {
  using temporary = scratch()
  const bin = join(temporary.path, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'claude'), claude)
  chmodSync(join(bin, 'claude'), 0o755)
  const repository = makeRepo(join(temporary.path, 'repository'))
  const ran = await example('run-with-cli-agent.ts', ['claude', repository, 'make made.txt'], {
    cwd: temporary.path,
    path: bin,
  })
  expect(ran.stdout).toContain('made it')
  expect(ran.code).toBe(0)
  const branch = git(repository, 'branch', '--list', 'loopwright/*', '--format=%(refname:short)').trim()
  expect(git(repository, 'diff', '--name-only', `HEAD...${branch}`).trim()).toBe('made.txt')
  expect(git(repository, 'status', '--porcelain', '-uall')).toBe('')
  expect(readdirSync(repository)).not.toContain('made.txt')
})

test('run-with-cli-agent says what is missing', async () => {
  using temporary = scratch()
  const wrong = await example('run-with-cli-agent.ts', ['claudx', temporary.path], { cwd: temporary.path })
  expect(wrong.stderr).toContain('unknown agent claudx')
  expect(wrong.code).toBe(2)
  const usage = await example('run-with-cli-agent.ts', [], { cwd: temporary.path })
  expect(usage.stderr).toContain('claude|codex|opencode|aider [REPO]')
  expect(usage.code).toBe(2)
})
