import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../src/surfaces/cli/main.ts'
import { git, scratch } from '../fixtures/repo.ts'
import { makeTriageProject } from '../fixtures/triage/project.ts'
import { fakeIo } from './fake-io.ts'

/** The command line in a project that was set up elsewhere, or in an empty folder; nothing is configured for us. */
function place(how: 'project' | 'empty') {
  const temporary = scratch()
  const at = temporary.path
  const cwd = join(at, 'here')
  if (how === 'project') makeTriageProject(cwd)
  else mkdirSync(cwd)
  mkdirSync(join(at, 'home'))
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: join(at, 'home'),
    LOOPWRIGHT_HOME: join(at, 'state'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    NO_COLOR: '1',
  }
  return {
    cwd,
    env,
    async type(...argv: string[]) {
      const io = fakeIo({ cwd, env })
      const code = await main(argv, io)
      return { code, out: io.out(), err: io.err() }
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

test('an empty folder is enough for a rehearsal from end to end', async () => {
  using here = place('empty')
  const { code, out } = await here.type('run', 'daily-triage', '--level', 'L2', '--dry-run')
  expect(code).toBe(0)
  expect(out).toBe(`Ran 1 tick(s) of Daily Triage [L2] via the scripted agent (dry-run):

  tick 1: act (accept) — 5000 tokens
    triage decision: act
    not looked at: git (not a git repository)
    not looked at: todo (not a git repository)
    not looked at: issues (the repository has no remote)
    item: rehearsal:example — An example, because nothing was found here: a rehearsal needs something to act on (try 1)
    proposed change touching src/example.ts
    verifier verdict: accept
    would commit: safe: nothing of it is protected, denied or too large

Budget: 5,000 / 100,000 tokens spent today.
`)
  expect(readdirSync(here.cwd)).toEqual([])
  // Nothing of it counts in the day of the pattern.
  expect((await here.type('run', 'daily-triage', '--level', 'L2', '--dry-run')).out).toContain('5,000 / 100,000')
})

test('a project that was set up elsewhere lists, plans and runs its patterns with no new configuration', async () => {
  using here = place('project')
  const listed = await here.type('list', '--json')
  expect(JSON.parse(listed.out).map(({ id }: { id: string }) => id)).toEqual(
    expect.arrayContaining(['daily-triage', 'ci-sweeper', 'thin-loop', 'issue-triage']),
  )
  const { out: plan } = await here.type('plan', 'daily-triage', '--level', 'L1')
  expect(plan).toMatch(/^Daily Triage \[L1\]$/m)
  expect(plan).toMatch(/may not +change, propose, merge/)
  expect((await here.type('run', 'ci-sweeper', '--dry-run')).out).toMatch(/Ran 1 tick\(s\) of CI Sweeper \[L2\]/)
  const ran = await here.type(
    'run',
    'daily-triage',
    '--level',
    'L2',
    '--ticks',
    '3',
    '--worktree',
    '--agent',
    'scripted',
  )
  expect(ran.code).toBe(0)
  expect(ran.out).toMatch(/Ran 3 tick\(s\) of Daily Triage \[L2\]/)
  // The first change waits to be merged, so the others only report it.
  expect(ran.out.match(/^ {2}tick \d: .*$/gm)).toEqual([
    '  tick 1: act (accept) — 5000 tokens',
    expect.stringMatching(/^ {2}tick 2: report — \d+ tokens$/),
    expect.stringMatching(/^ {2}tick 3: report — \d+ tokens$/),
  ])
  expect(git(here.cwd, 'branch', '--list', 'loopwright/*').trim().split('\n')).toHaveLength(1)
  const once = await here.type('start', '--once', '--dry-run')
  expect(once.code, once.err).toBe(0)
  expect(once.out).toMatch(/thin-loop tick 1: /)
})

test('--json prints one object, and the exit code says how it went', async () => {
  using here = place('project')
  const { code, out } = await here.type('run', 'daily-triage', '--level', 'L1', '--agent', 'scripted', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    pattern: 'daily-triage',
    ticks: [{ level: 'L1', decision: 'report', outcome: 'reported' }],
    budget: { spent: 1500, cap: 100_000 },
  })
})

test.each([
  [['run', 'daly-triage'], /there is no pattern "daly-triage"/, /did you mean daily-triage/],
  [['run', 'daily-triage', '--level', 'L4'], /there is no level L4/, /L0, L1, L2, L3/],
  [['run', 'daily-triage', '--goal', 'x'], /has a goal of its own/, /leave out --goal/],
  [['run', 'daily-triage', '--no-isolate'], /always works in a worktree/, /leave out/],
  [['run', '--goal', 'x', '--level', 'L2'], /--level goes with a pattern/, /daily-triage/],
  [['plan', 'nothing-like-it'], /there is no pattern/, /loopwright list/],
])('%j is refused with what to do', async (argv, said, hint) => {
  using here = place('project')
  const { code, err, out } = await here.type(...argv)
  expect(code).toBe(2)
  expect(err).toMatch(said)
  expect(err).toMatch(hint)
  expect(out).toBe('')
})
