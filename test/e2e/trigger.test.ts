import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Triggers } from '../../src/compose/trigger.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { main } from '../../src/surfaces/cli/main.ts'
import { FakeGithub } from '../fixtures/fake-github.ts'
import { actOnFirst, triageWorld } from '../fixtures/triage-app.ts'
import { fakeIo } from './fake-io.ts'

const secret = 'a secret of the webhook'

/** A project on a GitHub of this machine, where ada may write and eve may read. */
async function scene(replies: Parameters<typeof triageWorld>[0] = {}) {
  const github = await FakeGithub.start()
  github.permissions = { ada: 'write', eve: 'read' }
  const env = {
    GITHUB_API_URL: github.url,
    GITHUB_REPOSITORY: github.repository,
    GITHUB_TOKEN: github.token,
    LOOPWRIGHT_WEBHOOK_SECRET: secret,
  }
  const world = await triageWorld({ implementer: 'mended', ...replies }, { env })
  const event = (more: JsonObject, login = 'ada') => ({
    repository: { full_name: github.repository, default_branch: 'main' },
    sender: { login, type: 'User' },
    ...more,
  })
  return {
    ...world,
    github,
    event,
    comment: (body: string, login = 'ada', id = 1) =>
      event({ action: 'created', issue: { number: 7 }, comment: { id, body } }, login),
    triggers: new Triggers({ app: world.app, env: world.env, settings: { agent: 'hand' } }),
    /** Types a command in the project. */
    typing(more: Readonly<Record<string, string>>, ...args: string[]) {
      const io = fakeIo({ cwd: world.project, env: { ...world.env, ...more } })
      return { io, code: main(args, io) }
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      await github[Symbol.asyncDispose]()
    },
  }
}

test('a comment of somebody who may write starts a tick, and the same event again is the same tick', async () => {
  await using s = await scene()
  const said = s.comment('/loopwright daily-triage --level L3\nonly the first')
  const done = await s.triggers.handle('issue_comment', said)
  expect(done).toMatchObject({ does: 'start', result: { pattern: 'daily-triage', level: 'L1' } })
  expect(await s.triggers.handle('issue_comment', said)).toMatchObject({ result: { run: done.result?.run } })
  const runs = await s.app.runs.list({ loop: 'triage' })
  expect(runs).toHaveLength(1)
  expect(runs[0]?.spec).toMatchObject({ item: 'issue:7', request: { text: 'only the first', by: 'ada' } })
  expect(s.github.requests.filter(({ path }) => path.includes('/permission'))).not.toEqual([])
})

test('whoever may not write starts nothing, unless the owner named them', async () => {
  await using s = await scene()
  for (const login of ['eve', 'nobody']) {
    expect(await s.triggers.handle('issue_comment', s.comment('/loopwright daily-triage', login))).toMatchObject({
      does: 'nothing',
      message: expect.stringContaining(`${login} may not`),
    })
  }
  const named = new Triggers({ app: s.app, env: s.env, users: ['eve'], settings: { agent: 'hand' } })
  expect(await named.handle('issue_comment', s.comment('/loopwright daily-triage', 'eve'))).toMatchObject({
    does: 'start',
  })
  s.github.fail(/permission/, { status: 500 }, { times: 99 })
  expect(await s.triggers.handle('issue_comment', s.comment('/loopwright daily-triage', 'ada', 2))).toMatchObject({
    does: 'nothing',
    message: expect.stringContaining('it is not known what ada may do'),
  })
  expect(await s.app.runs.list({ loop: 'triage' })).toHaveLength(1)
})

test('a review of a branch of ours is heard by the pattern that made it, for the item it was about', async () => {
  const heard: string[] = []
  await using s = await scene({
    triager: (request, ...rest) => {
      heard.push(request.prompt)
      return actOnFirst(request, ...rest)
    },
  })
  const first = await s.tick('daily-triage')
  const review = s.event({
    action: 'submitted',
    review: { state: 'changes_requested', body: 'rename it, please' },
    pull_request: {
      number: 8,
      head: { ref: `loopwright/${first.run}`, repo: { full_name: s.github.repository } },
    },
  })
  const done = await s.triggers.handle('pull_request_review', review)
  expect(done).toMatchObject({ does: 'feedback', result: { pattern: 'daily-triage' } })
  const run = await s.app.runs.get(done.result?.run ?? '')
  expect(run.spec).toMatchObject({ item: first.item?.id, request: { text: 'rename it, please', by: 'ada' } })
  expect(heard.at(-1)).toContain('rename it, please')
})

test('the command line does what an event of a workflow asks for, and tells the workflow', async () => {
  await using s = await scene()
  const at = (name: string) => join(s.at, name)
  writeFileSync(at('event.json'), JSON.stringify(s.comment('/loopwright daily-triage')))
  const workflow = {
    GITHUB_EVENT_NAME: 'issue_comment',
    GITHUB_EVENT_PATH: at('event.json'),
    GITHUB_STEP_SUMMARY: at('summary.md'),
    GITHUB_OUTPUT: at('output'),
  }
  const dry = s.typing(workflow, 'trigger', '--dry-run')
  expect(await dry.code).toBe(0)
  expect(JSON.parse(dry.io.out())).toEqual({
    does: 'start',
    pattern: 'daily-triage',
    level: 'L1',
    item: 'issue:7',
    by: 'ada',
  })
  const done = s.typing(workflow, 'trigger', '--agent', 'scripted', '--level', 'L0')
  expect([await done.code, done.io.err()]).toEqual([0, expect.not.stringContaining('loopwright:')])
  expect(done.io.out()).toContain('daily-triage [L0] for ada:')
  expect(readFileSync(at('summary.md'), 'utf8')).toContain('| tick | decision |')
  expect(readFileSync(at('output'), 'utf8')).toMatch(/^decision<<(end-\S+)\n\w+\n\1\n/)
  const missing = s.typing({}, 'trigger')
  expect([await missing.code, missing.io.err()]).toEqual([2, expect.stringContaining('which event?')])
  writeFileSync(at('bad.json'), '{')
  const bad = s.typing({}, 'trigger', '--event', 'push', '--payload', at('bad.json'))
  expect([await bad.code, bad.io.err()]).toEqual([2, expect.stringContaining('this is not JSON')])
})

test('a webhook that is signed starts a tick, once, and only what may be done is done', async () => {
  await using s = await scene()
  const { io, code } = s.typing({}, 'trigger', '--listen', '--port', '0', '--agent', 'scripted', '--json')
  await expect.poll(() => io.out(), { timeout: 20_000 }).toContain('/webhook')
  const [url = ''] = io.out().split('\n')
  const post = async (body: JsonObject, key = secret) => {
    const text = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'issue_comment',
      'x-hub-signature-256': `sha256=${createHmac('sha256', key).update(text).digest('hex')}`,
    }
    return (await fetch(url, { method: 'POST', body: text, headers })).status
  }
  expect(await post(s.comment('/loopwright daily-triage'), 'somebody else’s secret')).toBe(401)
  expect(await post(s.comment('hello'))).toBe(200)
  expect(await post(s.comment('/loopwright daily-triage'))).toBe(202)
  expect(await post(s.comment('/loopwright daily-triage'))).toBe(200)
  expect(await post(s.comment('/loopwright stop', 'eve', 2))).toBe(202)
  await expect.poll(() => io.out(), { timeout: 20_000 }).toContain('"does":"start"')
  await expect.poll(() => io.out(), { timeout: 20_000 }).toContain('eve may not')
  io.interrupt()
  expect(await code).toBe(0)
  const none = s.typing({ LOOPWRIGHT_WEBHOOK_SECRET: '' }, 'trigger', '--listen')
  expect([await none.code, none.io.err()]).toEqual([2, expect.stringContaining('LOOPWRIGHT_WEBHOOK_SECRET is not set')])
})
