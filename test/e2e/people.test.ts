import { expect, test } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { Triggers } from '../../src/compose/trigger.ts'
import { decideIn } from '../../src/surfaces/cli/commands/inbox.ts'
import { main } from '../../src/surfaces/cli/main.ts'
import { type HookAnswer, hookServer } from '../fixtures/hook-server.ts'
import { triageWorld } from '../fixtures/triage-app.ts'
import { fakeIo } from './fake-io.ts'

/** Changes what the gate holds for a human. */
const risky = reply({ text: 'done', edits: [{ write: 'billing/pay.js', content: 'export const rate = 2\n' }] })

/** A tick that waits for a person, in a project whose owner is told by Slack. */
async function escalated(...answers: HookAnswer[]) {
  const slack = await hookServer(...answers)
  const warned: string[] = []
  const world = await triageWorld(
    { implementer: risky },
    { env: { LOOPWRIGHT_SLACK_WEBHOOK: slack.url.href }, warn: (message) => warned.push(message) },
  )
  const result = await world.tick()
  return {
    ...world,
    slack,
    warned,
    result,
    async type(...args: string[]) {
      const io = fakeIo({ cwd: world.project, env: world.env })
      const code = await main(args, io)
      return { code, out: io.out(), err: io.err() }
    },
    /** As approve and deny do, where the agent of this test is known. */
    async decide(approved: boolean, note: string) {
      const io = fakeIo({ cwd: world.project, env: world.env })
      const code = await decideIn(world.app, io, result.run, approved, { note, quiet: true })
      return { code, out: io.out() }
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      await slack[Symbol.asyncDispose]()
    },
  }
}

test('an escalation is told, stands in the inbox, and ends with a person who approves it', async () => {
  await using s = await escalated()
  const { run } = s.result
  expect(s.result).toMatchObject({ outcome: 'escalated', branch: `loopwright/${run}` })
  await expect.poll(() => s.slack.seen.length).toBe(1)
  expect(s.slack.seen[0]?.text).toContain(`loopwright approve ${run}`)
  const inbox = await s.type('inbox')
  for (const part of ['escalation', 'daily-triage', 'billing/pay.js', `loopwright/${run}`, `loopwright deny ${run}`]) {
    expect(inbox.out).toContain(part)
  }
  expect(await s.decide(true, 'fine')).toMatchObject({ code: 0 })
  const over = await s.app.runs.get(run)
  expect(over).toMatchObject({ status: 'done', result: { decided: { approved: true, note: 'fine' } } })
  expect(s.branches()).toContain(`loopwright/${run}`)
  expect(await s.type('inbox')).toMatchObject({ out: '' })
  expect(await s.type('deny', run)).toMatchObject({ code: 2, err: expect.stringContaining('approved by') })
})

test('a denial ends it, and the next try is told why', async () => {
  await using s = await escalated()
  expect(await s.decide(false, 'never touch billing')).toMatchObject({ code: 0 })
  expect(await s.app.runs.get(s.result.run)).toMatchObject({
    status: 'done',
    result: { decided: { approved: false, note: 'never touch billing' } },
  })
})

test('a tick does not wait for a service that is out of order, and the address is nowhere', async () => {
  await using s = await escalated({ status: 404 })
  await expect.poll(() => s.warned.length).toBeGreaterThan(0)
  expect(s.warned.join('\n')).toContain('slack was not told of')
  const journal = JSON.stringify(await s.app.runs.events(s.result.run))
  const shown = await Promise.all([s.type('config'), s.type('inbox', '--json'), s.type('notify', '--json')])
  expect(s.warned.join() + journal + JSON.stringify(shown)).not.toContain('top-secret-path')
})

test('what a tick starts never holds the address, nor the secret of webhooks', async () => {
  await using slack = await hookServer()
  const held = {
    LOOPWRIGHT_SLACK_WEBHOOK: slack.url.href,
    LOOPWRIGHT_WEBHOOK_SECRET: 'a secret of the webhook',
  }
  await using world = await triageWorld({ implementer: risky }, { env: held })
  const result = await world.tick('daily-triage', {
    settings: { verify: [{ shell: 'test -z "$LOOPWRIGHT_SLACK_WEBHOOK$LOOPWRIGHT_WEBHOOK_SECRET"' }] },
  })
  expect(result.checks).toMatchObject([{ ok: true }])
})

test('stop, said on the forge by somebody who may, ends a tick that waits', async () => {
  await using s = await escalated()
  const triggers = new Triggers({ app: s.app, env: s.env, users: ['ada'] })
  const payload = {
    action: 'labeled',
    label: { name: 'loop-pause-all' },
    issue: { number: 1 },
    repository: { full_name: 'acme/shop' },
    sender: { login: 'ada', type: 'User' },
  }
  const said = await triggers.handle('issues', payload)
  expect(said).toEqual({ does: 'stop', message: `ada said stop to every loop: ${s.result.run}` })
  await expect.poll(async () => (await s.app.runs.get(s.result.run)).status).toBe('cancelled')
  expect(await triggers.handle('issues', payload)).toMatchObject({
    message: expect.stringContaining('nothing was under way'),
  })
})
