import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveOnHttp } from '../../src/surfaces/mcp/http.ts'
import type { McpWorld } from '../../src/surfaces/mcp/world.ts'
import { launcher, mcpScene } from '../fixtures/mcp.ts'
import { everything } from './everything.ts'
import { type Check, doorTo, type Revision, scenario, scenarios } from './suite.ts'

const sessions =
  'it asks back inside of a call or reconnects to one, which before 2026-07-28 needs a session; over HTTP we keep none'
const subscriptions = 'we offer no subscriptions to resources: clients ask again'
const skills = 'we do not offer the skills extension'

/** Scenarios that cannot pass here, by revision where only that one is meant, and why. */
const without: Readonly<Record<string, string>> = {
  'tools-call-sampling': sessions,
  'tools-call-elicitation': sessions,
  'elicitation-sep1034-defaults': sessions,
  'elicitation-sep1330-enums': sessions,
  'server-sse-polling': sessions,
  'server-sse-multiple-streams 2025-11-25': sessions,
  'resources-subscribe': subscriptions,
  'resources-unsubscribe': subscriptions,
  'sep-2640-skills-directory': skills,
  'sep-2640-skills-enumeration': skills,
  'sep-2640-skills-manifest': skills,
  'tasks-status-notifications': 'the suite itself leaves it out so far; clients of ours ask with tasks/get',
  'tasks-required-task-error': 'it wants a tool that works as a task only; ours all work without tasks too',
}

/** Checks that are left out where a server says it has no such thing, and why we say so. */
const left = [
  // Nobody hears of changed lists: what can be listed changes only with the version.
  'sep-2575-server-sends-prompts-list-changed-on-subscription',
  'sep-2575-server-sends-tools-list-changed-on-subscription',
]

/** Scenarios that need no tools of the suite's own, and hold for loopwright itself. */
const forLoopwright = [
  ...['server-initialize', 'server-session-lifecycle', 'ping', 'tools-list', 'resources-list', 'prompts-list'],
  ...['sep-2164-resource-not-found', 'dns-rebinding-protection', 'caching', 'http-header-validation'],
  ...['server-sse-multiple-streams', 'input-required-result-unsupported-methods'],
]

const all = await scenarios()

function rows(): readonly (readonly [string, Revision])[] {
  const revisions: readonly Revision[] = ['2025-11-25', '2026-07-28']
  return [...all].flatMap(([name, served]) =>
    revisions
      .filter((one) => served.includes(one) || (one === '2026-07-28' && served.includes('extension')))
      .filter((one) => without[name] === undefined && without[`${name} ${one}`] === undefined)
      .map((one) => [name, one] as const),
  )
}

/** What a scenario found wrong. */
function wrong(checks: readonly Check[]): readonly Check[] {
  return checks.filter(
    ({ id, status }) => status === 'FAILURE' || status === 'WARNING' || (status === 'SKIPPED' && !left.includes(id)),
  )
}

test('every scenario that is left out, or held against loopwright itself, is one of the suite', () => {
  const names = [...Object.keys(without).map((row) => row.split(' ')[0] ?? ''), ...forLoopwright]
  expect(names.filter((name) => !all.has(name))).toEqual([])
  expect(all.size).toBeGreaterThan(60)
})

describe.concurrent('our HTTP server, with the tools of the suite behind it', () => {
  const closing = new AbortController()
  let url = ''
  let serving: Promise<void> = Promise.resolve()
  let door: Awaited<ReturnType<typeof doorTo>> | undefined

  beforeAll(async () => {
    const world: McpWorld = {
      ...{ cwd: '/', env: {}, version: '1', warn: () => {}, closing: closing.signal },
      ...{ signingKey: async () => new Uint8Array(32), busy: new Set() },
    }
    const one = { host: '127.0.0.1', port: 0, hosts: [], token: async () => 'secret', offer: everything }
    const ready = await new Promise<string>((resolve) => {
      serving = serveOnHttp(world, one, resolve)
    })
    door = await doorTo(ready, 'secret')
    url = door.url
  })

  afterAll(async () => {
    closing.abort()
    await serving
    await door?.[Symbol.asyncDispose]()
  })

  test.each(rows())('%s holds on %s', async (name, revision) => {
    const checks = await scenario(url, name, revision)
    expect(checks).not.toEqual([])
    expect(wrong(checks)).toEqual([])
  })
})

describe('loopwright mcp serve --http', () => {
  const scene = mcpScene()
  const server = spawn(process.execPath, [launcher, 'mcp', 'serve', '--http', '--port', '0'], {
    cwd: scene.repository,
    env: scene.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let url = ''
  let door: Awaited<ReturnType<typeof doorTo>> | undefined

  beforeAll(async () => {
    const { value = '' } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
    door = await doorTo(value, readFileSync(join(scene.folder, 'home', 'token'), 'utf8').trim())
    url = door.url
  })

  afterAll(async () => {
    await door?.[Symbol.asyncDispose]()
    server.kill('SIGTERM')
    await once(server, 'close')
    await scene[Symbol.asyncDispose]()
  })

  test.each(rows().filter(([name]) => forLoopwright.includes(name)))('%s holds on %s', async (name, revision) => {
    const checks = await scenario(url, name, revision)
    expect(checks).not.toEqual([])
    expect(wrong(checks)).toEqual([])
  })
})
