import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { git, write } from '../fixtures/repo.ts'
import { approve, triageWorld } from '../fixtures/triage-app.ts'

const mend = reply({
  text: 'Mended it.',
  edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }],
  usage: { inputTokens: 900, outputTokens: 100 },
})
const edit = (path: string, content = 'x\n') => reply({ text: 'done', edits: [{ write: path, content }] })

test.concurrent('an accepted change is a commit on a branch of its own, and the user’s copy stays as it was but for the records', async () => {
  await using world = await triageWorld({ implementer: mend })
  const result = await world.tick()
  expect(result).toMatchObject({
    pattern: 'daily-triage',
    level: 'L2',
    decision: 'act',
    verdict: 'accept',
    outcome: 'committed',
    gate: { decision: 'allow', trigger: 'ok' },
    change: { files: ['src/a.js'] },
    tokens: 1000,
    spent: 1000,
    cap: 100_000,
    branch: `loopwright/${result.run}`,
  })
  expect(world.calls).toEqual(['triager', 'implementer', 'verifier'])
  expect(world.branches()).toEqual([result.branch])
  expect(git(world.project, 'show', `${result.branch}:src/a.js`)).toBe('export const a = 1\n')
  expect(git(world.project, 'log', '--format=%s', `main..${result.branch}`).trim().split('\n')).toHaveLength(1)
  expect(world.read('src/a.js')).toBe('// TODO: mend this\n')
})

test.concurrent.each([
  ['the verifier says REJECT', { verifier: '## Verdict: REJECT' }, /rejected/],
  ['the verifier says nothing that is a verdict', { verifier: 'looks great, ship it!' }, /no verdict/],
  ['the verifier says both', { verifier: '## Verdict: REJECT\n## Verdict: APPROVE' }, /several verdicts/],
  ['nothing was changed', { implementer: 'all good already' }, /nothing was changed/],
] as const)('a change is thrown away when %s', async (_name, replies, reason) => {
  await using world = await triageWorld({ implementer: mend, ...replies })
  const result = await world.tick()
  expect(result).toMatchObject({ outcome: 'rejected', verdict: 'reject', reason: expect.stringMatching(reason) })
  expect(world.branches()).toEqual([])
  expect(await world.app.worktrees()).toEqual([])
  expect(git(world.project, 'worktree', 'list').trim().split('\n')).toHaveLength(1)
})

test.concurrent('a check that fails rejects the change before anybody is asked', async () => {
  await using world = await triageWorld({ implementer: mend })
  const result = await world.tick('daily-triage', {
    settings: { verify: [{ shell: 'test -f src/b.js' }] },
    item: 'todo:src/a.js:c4db7bb7',
  })
  expect(result).toMatchObject({ outcome: 'rejected', checks: [{ ok: false }] })
  expect(world.calls).toEqual(['triager', 'implementer'])
})

test.concurrent('what checks, triager and verifier write gets into no change', async () => {
  const litter = edit('src/litter.js')
  await using world = await triageWorld({
    implementer: mend,
    triager: (request) => {
      const [first] = (request.context?.findings ?? []) as { id: string }[]
      return reply({
        json: { decision: 'act', reason: 'r', items: [], act_on: first?.id ?? '', proposal: 'p' },
        edits: litter.edits ?? [],
      })
    },
    verifier: reply({ text: '## Verdict: APPROVE', edits: litter.edits ?? [] }),
  })
  const result = await world.tick('daily-triage', { settings: { verify: [{ shell: 'echo x > from-check.txt' }] } })
  expect(result).toMatchObject({ outcome: 'committed', change: { files: ['src/a.js'] } })
  expect(git(world.project, 'diff', '--name-only', `main...${result.branch}`).trim()).toBe('src/a.js')
})

test.concurrent('a change of what is denied waits for a human with its branch; a yes delivers it', async () => {
  await using world = await triageWorld({ implementer: edit('auth/login.js') })
  const result = await world.tick()
  expect(result).toMatchObject({
    outcome: 'escalated',
    gate: { decision: 'escalate' },
    branch: `loopwright/${result.run}`,
  })
  expect(world.branches()).toEqual([`loopwright/${result.run}`])
  expect(await world.app.runs.get(result.run)).toMatchObject({ status: 'waiting', reason: 'input' })
  const view = await world.app.view(result.run)
  await world.app.runs.answer(result.run, view.asks[0]?.id ?? '', { approved: true, note: '', by: 'ada' })
  const run = await world.app.runs.drive(result.run)
  expect(run).toMatchObject({
    status: 'done',
    result: { outcome: 'committed', decided: { approved: true, by: 'ada' } },
  })
  expect(world.branches()).toEqual([`loopwright/${result.run}`])
})

test.concurrent('a no leaves nothing but its record, and the next try hears why', async () => {
  let told = ''
  await using world = await triageWorld({
    implementer: (request) => {
      told = request.prompt
      return edit('auth/login.js')
    },
  })
  const first = await world.tick()
  const again = await world.tick()
  expect(again).toMatchObject({ decision: 'report', reason: expect.stringMatching(/waits for a human/) })
  const view = await world.app.view(first.run)
  await world.app.runs.answer(first.run, view.asks[0]?.id ?? '', {
    approved: false,
    note: 'use the library',
    by: 'ada',
  })
  expect(await world.app.runs.drive(first.run)).toMatchObject({ status: 'done', result: { outcome: 'rejected' } })
  expect(world.branches()).toEqual([])
  const third = await world.tick()
  expect(third.item).toMatchObject({ attempt: 2 })
  expect(told).toContain('use the library')
})

test.concurrent('the gate of the base rules, whatever the change makes of it', async () => {
  await using world = await triageWorld({
    implementer: reply({
      text: 'done',
      edits: [
        { write: 'gate.yaml', content: 'version: 1\ndenylist: []\nmaxFiles: 1000\nautoMergeAllowlist: ["**"]\n' },
        { write: 'auth/login.js', content: 'x\n' },
      ],
    }),
  })
  const result = await world.tick('daily-triage', {
    level: 'L3',
    settings: { deliver: 'merge', verify: [{ shell: 'true' }] },
  })
  expect(result.gate?.decision).not.toBe('allow')
  expect(git(world.project, 'log', '--format=%s').trim()).toBe('start')
})

test.concurrent('an agent that edits the records of the loop is denied', async () => {
  await using world = await triageWorld({ implementer: edit('STATE.md', '# all is well\n') })
  const result = await world.tick()
  expect(result).toMatchObject({ outcome: 'denied', gate: { decision: 'deny', trigger: 'protected' } })
  expect(world.branches()).toEqual([])
})

test.concurrent('a secret in the patch is denied', async () => {
  await using world = await triageWorld({
    implementer: edit(
      'src/a.js',
      `const key = "${'AKIA'}${'IOSFODNN7EXAMPLE'.slice(0, 16)}"\nconst t = "${'ghp_'}${'a1B2'.repeat(9)}"\n`,
    ),
  })
  const result = await world.tick()
  expect(result).toMatchObject({ outcome: 'denied', gate: { decision: 'deny', trigger: 'patch' } })
  expect(JSON.stringify(result)).not.toContain('a1B2a1B2a1B2a1B2')
})

test.concurrent.each(['L0', 'L1'] as const)('%s changes nothing, whatever the triager wants', async (level) => {
  await using world = await triageWorld({ implementer: mend })
  const before = world.read('STATE.md')
  const result = await world.tick('daily-triage', { level })
  expect(result).toMatchObject({ decision: 'report', outcome: level === 'L0' ? 'drafted' : 'reported' })
  expect(world.calls).toEqual(['triager'])
  expect(world.branches()).toEqual([])
  expect(await world.app.worktrees()).toEqual([])
  if (level === 'L0') expect(world.read('STATE.md')).toBe(before)
  else expect(world.read('STATE.md')).toContain('todo:src/a.js')
})

test.concurrent('a dry run shows all and leaves nothing', async () => {
  await using world = await triageWorld({ implementer: mend })
  const result = await world.tick('daily-triage', { dryRun: true })
  expect(result).toMatchObject({ outcome: 'would_commit', dryRun: true, spent: 1000 })
  expect(world.status()).toBe('')
  expect(world.branches()).toEqual([])
  expect(await world.app.worktrees()).toEqual([])
  const real = await world.tick()
  expect(real).toMatchObject({ spent: 1000 })
})

test.concurrent('L3 merges what the allowlist names, and asks about the rest', async () => {
  await using world = await triageWorld(
    { implementer: edit('docs/note.md') },
    { files: { 'gate.yaml': 'version: 1\ndenylist: [auth/**]\nmaxFiles: 10\nautoMergeAllowlist: ["docs/**"]\n' } },
  )
  const settings = { deliver: 'merge', verify: [{ shell: 'true' }] } as const
  expect(
    await world.tick('daily-triage', { level: 'L3', settings: { ...settings, verify: [...settings.verify] } }),
  ).toMatchObject({
    outcome: 'merged',
  })
  expect(world.read('docs/note.md')).toBe('x\n')
})

test.concurrent('L2 never merges, though it is told to', async () => {
  await using world = await triageWorld(
    { implementer: edit('docs/note.md') },
    { files: { 'gate.yaml': 'version: 1\ndenylist: []\nmaxFiles: 10\nautoMergeAllowlist: ["**"]\n' } },
  )
  const result = await world.tick('daily-triage', { settings: { deliver: 'merge' } })
  expect(result).toMatchObject({ outcome: 'committed', reason: expect.stringMatching(/L2 merges nothing/) })
  expect(world.read('docs/note.md')).toBeUndefined()
})

test.concurrent('from 80 % of the day’s tokens on it only reports, and at the cap it halts, in other processes too', async () => {
  const costly = (tokens: number) =>
    reply({ text: 'done', edits: mend.edits ?? [], usage: { inputTokens: tokens, outputTokens: 0 } })
  await using world = await triageWorld(
    {
      implementer: costly(45_000),
      verifier: reply({ text: '## Verdict: REJECT', usage: { inputTokens: 40_000, outputTokens: 0 } }),
    },
    { files: { 'loop-budget.md': '', 'LOOP.md': '' } },
  )
  await world.tick()
  const other = await world.another()
  const pattern = await other.triage.pattern('daily-triage')
  const second = await other.triage.tick({ pattern, level: 'L2', settings: { agent: 'hand' } })
  expect(second).toMatchObject({
    level: 'L1',
    decision: 'report',
    lowered: expect.stringMatching(/85000 of today's 100000/),
  })
  expect(world.calls.filter((role) => role === 'implementer')).toHaveLength(1)
  const asked = world.calls.length
  write(world.project, { 'loop-budget.md': '| Loop | Max tokens/day |\n| --- | --- |\n| Daily Triage | 80k |\n' })
  const third = await other.triage.tick({ pattern, level: 'L2', settings: { agent: 'hand' } })
  expect(third).toMatchObject({
    outcome: 'halted',
    reason: expect.stringMatching(/85000 of today's 80000 tokens are used/),
  })
  expect(world.calls).toHaveLength(asked)
})

test.concurrent('a pause in the state file halts before any call', async () => {
  await using world = await triageWorld({ implementer: mend })
  write(world.project, { 'STATE.md': `${world.read('STATE.md')}\nloop-pause-all\n` })
  expect(await world.tick()).toMatchObject({
    decision: 'halt',
    outcome: 'halted',
    reason: expect.stringMatching(/loop-pause-all/),
  })
  expect(world.calls).toEqual([])
})

test.concurrent('the kill switch lets no tick begin', async () => {
  await using world = await triageWorld({ implementer: mend })
  await world.app.store.killSwitch(true)
  await expect(world.tick()).rejects.toMatchObject({ code: 'killed' })
  expect(world.calls).toEqual([])
})

test.concurrent('after three tries that came to nothing a finding is left to a human', async () => {
  await using world = await triageWorld(
    { implementer: mend, verifier: '## Verdict: REJECT' },
    { files: { 'loop-constraints.md': '' } },
  )
  const outcomes = []
  for (let n = 0; n < 4; n++) outcomes.push((await world.tick()).outcome)
  expect(outcomes).toEqual(['rejected', 'rejected', 'rejected', 'reported'])
  expect(world.calls.filter((role) => role === 'implementer')).toHaveLength(3)
  expect(world.read('STATE.md')).toMatch(/needs a human/)
})

test.concurrent('records are what the predecessors wrote: the state file, the run log, the ledger', async () => {
  await using world = await triageWorld({ implementer: mend, verifier: '## Verdict: REJECT' })
  const result = await world.tick()
  const log = world.read('loop-run-log.md') ?? ''
  const entry = JSON.parse(log.trim().split('\n').at(-1) ?? '')
  expect(entry).toMatchObject({ pattern: 'daily-triage', actions_taken: 0, tokens_estimate: 1000 })
  expect(world.read('loop-ledger.json')).toContain(result.item?.id ?? 'none')
  expect(world.read('STATE.md')).toMatch(/Last run: \d{4}-/)
  await world.app.triage.tick({ pattern: await world.app.triage.pattern('daily-triage'), level: 'L2', id: result.run })
  expect(world.read('loop-run-log.md')).toBe(log)
})

test.concurrent('a loop that finds nothing costs nothing', async () => {
  await using world = await triageWorld({ implementer: mend })
  const pattern = { ...(await world.app.triage.pattern('daily-triage')), sources: ['audit'] as const }
  const result = await world.app.triage.tick({ pattern, level: 'L2', settings: { agent: 'hand' } })
  expect(result).toMatchObject({ decision: 'noop', outcome: 'noop', tokens: 0 })
  expect(world.calls).toEqual([])
})

test.concurrent('tokens that may push are not seen by checks', async () => {
  await using world = await triageWorld(
    { implementer: mend },
    { env: { GITHUB_TOKEN: 'not-a-real-token', GITHUB_API_URL: 'http://127.0.0.1:9' } },
  )
  const result = await world.tick('daily-triage', { settings: { verify: [{ shell: 'test -z "$GITHUB_TOKEN"' }] } })
  expect(result).toMatchObject({ checks: [{ ok: true }] })
})

test.concurrent('a project without a commit is told what to do', async () => {
  await using world = await triageWorld({ implementer: mend })
  const empty = join(world.at, 'empty')
  write(empty, { 'a.txt': 'a' })
  const { openApp } = await import('../../src/compose.ts')
  const app = await openApp({ cwd: empty, env: world.env })
  try {
    const pattern = await app.triage.pattern('daily-triage')
    await expect(app.triage.tick({ pattern, level: 'L1', settings: { agent: 'scripted' } })).rejects.toMatchObject({
      code: 'bad_input',
      hint: expect.stringMatching(/--dry-run/),
    })
    expect(await app.triage.tick({ pattern, level: 'L2', dryRun: true })).toMatchObject({
      outcome: 'would_commit',
      tokens: 5000,
    })
    expect(readdirSync(empty)).toEqual(['a.txt'])
    expect(
      existsSync(join(world.env.LOOPWRIGHT_HOME ?? '', 'rehearsals')) &&
        readdirSync(join(world.env.LOOPWRIGHT_HOME ?? '', 'rehearsals')),
    ).toEqual([])
  } finally {
    await app.close()
  }
})

test.concurrent('a finding whose change waits to be merged is left alone until it is', async () => {
  await using world = await triageWorld({ implementer: mend })
  const first = await world.tick()
  expect(world.read('STATE.md')).toContain(`committed: ${first.branch}, waits to be merged`)
  expect(await world.tick()).toMatchObject({ decision: 'report', reason: expect.stringMatching(/waits for a human/) })
  expect(world.branches()).toEqual([first.branch])
  git(world.project, 'branch', '-D', first.branch ?? '')
  expect(await world.tick()).toMatchObject({ outcome: 'committed' })
})

test.concurrent('nothing of a change is in the repository of the user before the gate has ruled', async () => {
  let seen: readonly string[] | undefined
  await using world = await triageWorld({
    implementer: mend,
    verifier: () => {
      seen = world.branches()
      return approve
    },
  })
  const result = await world.tick()
  expect(seen).toEqual([])
  expect(world.branches()).toEqual([result.branch])
})
