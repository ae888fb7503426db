import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { decide, giveAnswers } from '../../src/compose/answer.ts'
import { openApp } from '../../src/compose.ts'
import { main } from '../../src/surfaces/cli/main.ts'
import { git } from '../fixtures/repo.ts'
import { triageWorld } from '../fixtures/triage-app.ts'
import { fakeIo } from './fake-io.ts'

const mend = reply({ text: 'Mended it.', edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }] })

/** Git as an agent may run it in its worktree. */
function as(cwd: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...args], { cwd, encoding: 'utf8' })
}

test.concurrent('commits of an agent’s own go no further: what is delivered is the one commit that was looked at', async () => {
  await using world = await triageWorld({
    implementer: (request) => {
      writeFileSync(join(request.cwd, 'key.txt'), 'not for anybody\n')
      as(request.cwd, 'add', '-A')
      as(request.cwd, 'commit', '-qm', 'take this along\n\nCloses #7')
      as(request.cwd, 'rm', '-q', 'key.txt')
      as(request.cwd, 'commit', '-qm', 'and forget it')
      as(request.cwd, 'merge', '-q', '--allow-unrelated-histories', '-s', 'ours', '-m', 'all of it', 'private')
      return mend
    },
  })
  git(world.project, 'switch', '-q', '--orphan', 'private')
  writeFileSync(join(world.project, 'diary.txt'), 'mine\n')
  git(world.project, 'add', '-A')
  git(world.project, 'commit', '-qm', 'mine alone')
  git(world.project, 'switch', '-q', 'main')
  const result = await world.tick()
  expect(result).toMatchObject({ outcome: 'committed', change: { files: ['src/a.js'] } })
  const branch = result.branch ?? ''
  expect(git(world.project, 'rev-list', `main..${branch}`).trim()).toBe(result.change?.commit)
  expect(git(world.project, 'rev-parse', `${branch}^@`).trim()).toBe(git(world.project, 'rev-parse', 'main').trim())
  expect(git(world.project, 'log', '--format=%B', `main..${branch}`)).not.toContain('Closes #7')
})

test.concurrent('what is written after the commit gets onto no branch', async () => {
  let worktree = ''
  await using world = await triageWorld({
    implementer: (request) => {
      worktree = request.cwd
      return mend
    },
    verifier: () => {
      writeFileSync(join(worktree, 'late.js'), 'export const late = 1\n')
      return '## Verdict: APPROVE'
    },
  })
  const result = await world.tick()
  expect(result).toMatchObject({ outcome: 'committed' })
  expect(git(world.project, 'rev-parse', result.branch ?? '').trim()).toBe(result.change?.commit)
  const escaped = await world.tick('daily-triage', {})
  expect(escaped.outcome).toBe('reported')
})

test.concurrent('what is written while a human decides gets onto no branch, and is not what they are shown', async () => {
  let worktree = ''
  await using world = await triageWorld({
    implementer: (request) => {
      worktree = request.cwd
      const usage = { inputTokens: 30_000, outputTokens: 0 }
      return reply({ text: 'done', edits: [{ write: 'auth/login.js', content: 'x\n' }], usage })
    },
  })
  const result = await world.tick()
  expect(result.outcome).toBe('escalated')
  writeFileSync(join(worktree, 'late.js'), 'export const late = 1\n')
  writeFileSync(join(worktree, 'auth/login.js'), 'harmless\n')
  expect(await world.app.diff(result.run)).not.toMatch(/late|harmless/)
  const view = await world.app.view(result.run)
  await world.app.runs.answer(result.run, view.asks[0]?.id ?? '', { approved: true, note: '', by: 'ada' })
  expect(await world.app.runs.drive(result.run)).toMatchObject({
    status: 'done',
    result: { outcome: 'committed', spent: 30_000 },
  })
  expect(git(world.project, 'rev-parse', result.branch ?? '').trim()).toBe(result.change?.commit)
})

test.concurrent.each(['by the next tick', 'by its id'] as const)(
  'a tick that was cut off is not gone on with, %s, when it would go further than is allowed now',
  async (how) => {
    const cut = new AbortController()
    await using world = await triageWorld({
      implementer: () => {
        cut.abort()
        return mend
      },
    })
    await expect(world.tick('daily-triage', { signal: cut.signal })).rejects.toThrow()
    const [left] = await world.app.runs.list({ loop: 'triage' })
    const id = left?.id ?? ''
    const calls = world.calls.length
    const result = await world.tick('daily-triage', { level: 'L1', ...(how === 'by its id' ? { id } : {}) })
    expect(result).toMatchObject({ level: 'L1', outcome: 'reported' })
    expect(world.calls.slice(calls)).toEqual(['triager'])
    expect(await world.app.runs.get(id)).toMatchObject({ status: 'killed', reason: expect.stringMatching(/L2.*L1/) })
    expect(world.branches()).toEqual([])
    expect(await world.app.worktrees()).toEqual([])
  },
)

test.concurrent('a tick that was cut off is not gone on with by a gate that is no longer so', async () => {
  const cut = new AbortController()
  await using world = await triageWorld({
    implementer: () => {
      cut.abort()
      return mend
    },
  })
  await expect(world.tick('daily-triage', { signal: cut.signal })).rejects.toThrow()
  writeFileSync(join(world.project, 'gate.yaml'), 'version: 1\ndenylist: ["src/**"]\nmaxFiles: 10\n')
  expect(await world.tick()).toMatchObject({ outcome: 'escalated', gate: { trigger: 'denylist' } })
})

test.concurrent('a finding’s title is a commit’s subject that names nobody, closes nothing and skips no check', async () => {
  await using world = await triageWorld(
    { implementer: mend },
    { files: { 'src/a.js': '// TODO: @ada fixes #7 [skip ci] [no ci]\n' } },
  )
  const result = await world.tick()
  const subject = git(world.project, 'log', '-1', '--format=%s', result.branch ?? '')
  expect(subject).toMatch(/ada.*fixes/)
  expect(subject).not.toMatch(/@ada|#7|\[skip ci\]|\[no ci\]/)
})

test.concurrent('started deeper in a repository, a tick goes by the rules at its top: its gate, its budget, its pause', async () => {
  await using world = await triageWorld(
    { implementer: mend },
    { files: { 'gate.yaml': 'version: 1\ndenylist: ["src/**"]\nmaxFiles: 10\n' } },
  )
  const deeper = await openApp({ cwd: join(world.project, 'src'), env: world.env })
  try {
    expect(deeper.config.project).toBe(world.project)
    const pattern = await deeper.triage.pattern('daily-triage')
    const settings = { agent: 'scripted' }
    expect(await deeper.triage.tick({ pattern, level: 'L2', dryRun: true, settings })).toMatchObject({
      outcome: 'would_escalate',
      gate: { trigger: 'denylist' },
    })
    writeFileSync(join(world.project, 'STATE.md'), 'loop-pause-all\n')
    expect(await deeper.triage.tick({ pattern, level: 'L2', settings })).toMatchObject({ outcome: 'halted' })
  } finally {
    await deeper.close()
  }
})

test.concurrent('an audit sends nothing of yours to a registry that the project names', async () => {
  const heard: string[] = []
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
    response.writeHead(404).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const place = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  await using world = await triageWorld(
    { implementer: mend },
    {
      files: {
        '.npmrc': `registry=http://${place}/\n//${place}/:_authToken=\${ANTHROPIC_API_KEY}\nfetch-retries=0\n`,
        'package.json': '{"name":"x","version":"1.0.0","dependencies":{"left-pad":"1.0.0"}}',
        'package-lock.json': JSON.stringify({
          ...{ name: 'x', version: '1.0.0', lockfileVersion: 3, requires: true },
          packages: {
            '': { name: 'x', version: '1.0.0', dependencies: { 'left-pad': '1.0.0' } },
            'node_modules/left-pad': { version: '1.0.0', resolved: `http://${place}/left-pad.tgz` },
          },
        }),
      },
      env: { ANTHROPIC_API_KEY: 'mine-alone' },
    },
  )
  try {
    const pattern = { ...(await world.app.triage.pattern('daily-triage')), sources: ['audit'] as const }
    await world.app.triage.tick({ pattern, level: 'L1', settings: { agent: 'hand' } })
    expect(heard.length).toBeGreaterThan(0)
    expect(heard.join('\n')).not.toContain('mine-alone')
  } finally {
    server.close()
  }
})

test.concurrent('an agent of a run decides nothing that was escalated, and neither trusts, nor promotes, nor lifts the kill switch', async () => {
  await using world = await triageWorld({
    implementer: reply({ text: 'done', edits: [{ write: 'auth/login.js', content: 'x\n' }] }),
  })
  const { run } = await world.tick()
  const env = { ...world.env, LOOPWRIGHT_RUN: run, LOOPWRIGHT_ROLE: 'implementer' }
  const inside = await openApp({ cwd: world.project, env })
  try {
    const refused = { code: 'conflict', message: expect.stringMatching(/a person decides/) }
    await expect(decide(inside, { run }, { approved: true })).rejects.toMatchObject(refused)
    await expect(giveAnswers(inside, { run }, ['yes'], 'somebody')).rejects.toMatchObject(refused)
  } finally {
    await inside.close()
  }
  writeFileSync(join(world.project, '.loopwright', 'config.yaml'), 'triage: { verify: [npm test] }\n')
  for (const args of [
    ['approve', run],
    ['kill', '--off'],
    ['trust', '--yes'],
    ['promote', 'daily-triage', '--to', 'L3', '--apply', '--force', '--reason', 'please'],
  ]) {
    const io = fakeIo({ env, cwd: world.project })
    expect([args[0], await main(args, io), io.err()]).toEqual([
      args[0],
      2,
      expect.stringMatching(/a person decides that/),
    ])
  }
})

test.concurrent('what waits for a human is not cleaned up, whatever cleaning up was asked for', async () => {
  const warnings: string[] = []
  await using world = await triageWorld(
    { implementer: reply({ text: 'done', edits: [{ write: 'auth/login.js', content: 'x\n' }] }) },
    { warn: (message) => warnings.push(message) },
  )
  const result = await world.tick('daily-triage', { settings: { cleanup: 'always' } })
  expect(world.branches()).toEqual([result.branch])
  await decide(world.app, { run: result.run }, { approved: true, by: 'ada' })
  expect(await world.app.runs.drive(result.run)).toMatchObject({ result: { outcome: 'committed' } })
  expect(git(world.project, 'rev-parse', result.branch ?? '').trim()).toBe(result.change?.commit)
  expect(await world.app.worktrees()).toEqual([])
  expect(warnings.join()).not.toContain('nothing changed')
})

test.concurrent('a tick that was left half-done does not take the place of one that was asked for', async () => {
  const cut = new AbortController()
  await using world = await triageWorld(
    {
      implementer: () => {
        cut.abort()
        return mend
      },
    },
    { files: { 'src/b.js': '// TODO: and this\n' } },
  )
  await expect(world.tick('daily-triage', { signal: cut.signal })).rejects.toThrow()
  const [left] = await world.app.runs.list({ loop: 'triage' })
  const wanted = 'todo:src/b.js:'
  const seen = await world.tick('daily-triage', { dryRun: true })
  const id = seen.items.map((item) => item.id).find((one) => one.startsWith(wanted)) ?? ''
  const result = await world.tick('daily-triage', { item: id })
  expect(result).toMatchObject({ item: { id }, outcome: 'committed' })
  expect((await world.app.runs.get(left?.id ?? '')).status).toBe('done')
})
