import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { git } from '../fixtures/repo.ts'
import { triageWorld } from '../fixtures/triage-app.ts'

const script = fileURLToPath(new URL('../fixtures/mcp-issues-process.ts', import.meta.url))
const mend = reply({ text: 'Mended it.', edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }] })

/** One connector, as a user writes it. */
const connector = (name: string, mode: string, more: object = {}) => ({
  name,
  command: process.execPath,
  args: [script, mode],
  tool: 'list',
  ...more,
})
const config = (...connectors: object[]) => JSON.stringify({ connectors })

/** A tick of a pattern that looks at these sources. */
async function tickOf(w: Awaited<ReturnType<typeof triageWorld>>, sources: readonly ('issues' | 'git' | 'todo')[]) {
  const pattern = { ...(await w.app.triage.pattern('daily-triage')), sources }
  return await w.app.triage.tick({ pattern, level: 'L2', settings: { agent: 'hand' } })
}

test('an issue of a tracker that a connector reaches becomes a change, and a broken connector is a source that could not look', async () => {
  let told = ''
  await using w = await triageWorld(
    {
      implementer: (request) => {
        told = request.prompt
        return mend
      },
    },
    {
      userConfig: config(
        connector('linear', 'list'),
        connector('down', 'dies', { as: 'ci', patterns: ['daily-triage'] }),
        connector('keyless', 'list', { envFrom: ['NOT_SET'] }),
        connector('other', 'list', { patterns: ['ci-sweeper'] }),
        connector('notes', 'list', { as: 'todo' }),
        { name: 'gone', command: 'no-such-program', tool: 'list' },
      ),
    },
  )
  const result = await tickOf(w, ['issues'])
  expect(result).toMatchObject({ outcome: 'committed', item: { id: 'mcp:linear:ENG-1' } })
  expect(result.items.map(({ id }) => id)).toEqual(['mcp:linear:ENG-1', 'mcp:linear:ENG-2'])
  expect(told).toContain('Login fails')
  expect(git(w.project, 'show', `${result.branch}:src/a.js`)).toBe('export const a = 1\n')
  expect(result.skipped).toEqual([
    expect.objectContaining({ source: 'issues', why: expect.stringContaining('no remote') }),
    { source: 'ci', why: 'down: it ended with 3: no API key', connector: 'down' },
    { source: 'issues', why: 'keyless: NOT_SET is not set', connector: 'keyless' },
    { source: 'issues', why: 'gone: command not found: no-such-program', connector: 'gone' },
  ])
})

test('what a connector gave stays in the state file while it cannot be asked', async () => {
  await using w = await triageWorld(
    {
      triager: {
        decision: 'report',
        reason: 'two of them',
        items: [{ id: 'mcp:linear:ENG-1', rank: 'high', why: '' }],
      },
    },
    { userConfig: config(connector('linear', 'list')) },
  )
  await tickOf(w, ['issues'])
  expect(w.read('STATE.md')).toContain('mcp:linear:ENG-1')
  w.configure(config(connector('linear', 'dies')))
  const again = await w.another()
  const pattern = { ...(await again.triage.pattern('daily-triage')), sources: ['issues', 'todo'] as const }
  await again.triage.tick({ pattern, level: 'L1', settings: { agent: 'hand' } })
  expect(w.read('STATE.md')).toContain('mcp:linear:ENG-1')
})

test('a server is given the usual variables and those it is promised, starts outside of the project, and no agent has its token', async () => {
  const secret = 'track-0123456789abcdef'
  let seen = ''
  let given: Readonly<Record<string, string>> | undefined
  await using w = await triageWorld(
    {
      triager: (request) => {
        seen = JSON.stringify(request.context)
        given = request.env
        return { decision: 'report', reason: 'r', items: [] }
      },
    },
    {
      env: { TRACKER_TOKEN: secret, GITHUB_TOKEN: 'ghp_0123456789', SSH_AUTH_SOCK: '/tmp/agent', OTHER_THING: 'x' },
      userConfig: config(connector('tracker', 'env', { envFrom: ['TRACKER_TOKEN'], env: { TEAM_NAME: 'core' } })),
    },
  )
  await tickOf(w, ['issues'])
  const shown = JSON.parse(seen) as { findings: { title: string }[] }
  const titles = shown.findings.map(({ title }) => title)
  expect(titles).toContain('TEAM_NAME=core')
  expect(titles).toContain(`cwd=${w.env.HOME}`)
  expect(titles.filter((title) => title.startsWith('TRACKER_TOKEN='))).toEqual(['TRACKER_TOKEN=[redacted]'])
  expect(titles.some((title) => /^(?:GITHUB_TOKEN|SSH_AUTH_SOCK|OTHER_THING)=/.test(title))).toBe(false)
  expect(given?.TRACKER_TOKEN).toBe('')
})

test('a server at an address is sent the token that its connector names, which is in no record even if the server repeats it', async () => {
  const heard: (string | undefined)[] = []
  const server = createServer((request, response) => {
    heard.push(request.headers.authorization)
    response.writeHead(400).end(`no: ${request.headers.authorization}`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const token = 'plain-0123456789'
  await using w = await triageWorld(
    { implementer: mend },
    {
      env: { NOTES: token },
      userConfig: config({ name: 'notes', url, tokenEnv: 'NOTES', resource: 'notes://todo' }),
    },
  )
  try {
    const result = await tickOf(w, ['issues', 'todo'])
    expect(result.outcome).toBe('committed')
    expect(result.skipped.find(({ connector }) => connector === 'notes')?.why).toMatch(/^notes: /)
    expect(new Set(heard)).toEqual(new Set([`Bearer ${token}`]))
    expect(JSON.stringify([result, await w.app.runs.get(result.run), w.read('STATE.md')])).not.toContain(token)
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})
