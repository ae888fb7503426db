import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../test/fixtures/repo.ts'
import { explainConfig, loadConfig } from '../config.ts'
import type { Env } from './environment.ts'

const mine = 'me/.config/loopwright/config.yaml'
const theirs = 'project/.loopwright/config.yaml'

async function configOf(files: Readonly<Record<string, string>>, env: Env = {}) {
  using temporary = scratch()
  mkdirSync(join(temporary.path, 'project'))
  write(temporary.path, files)
  return await loadConfig({ cwd: join(temporary.path, 'project'), env: { HOME: join(temporary.path, 'me'), ...env } })
}

/** What is wrong with a user's file, with its hint. */
async function problemOf(text: string, env: Env = {}): Promise<string> {
  return await configOf({ [mine]: text }, env).then(
    () => 'nothing',
    (error: { readonly message: string; readonly hint?: string }) => `${error.message}\n${error.hint ?? ''}`,
  )
}

test('the user says who is told of what, and no address or secret is ever shown', async () => {
  const config = await configOf(
    {
      [mine]: `notify:
  - { kind: slack, url: 'https://hooks.slack.example/services/T0/B0/one-secret', on: [escalation] }
  - { kind: slack, urlEnv: OTHER_TEAM }
  - { kind: webhook, url: 'http://127.0.0.1:8080/two-secret', secretEnv: HOOK_SECRET, on: [failed, merged] }
  - { kind: desktop }
`,
    },
    {
      OTHER_TEAM: 'https://hooks.slack.example/services/T0/B1/three-secret',
      HOOK_SECRET: 'four-secret-of-a-good-length',
      LOOPWRIGHT_DISCORD_WEBHOOK: 'https://discord.example/api/webhooks/1/five-secret',
    },
  )
  expect(config.notify.map(({ name, on, url }) => [name, on.join(' '), url?.hostname])).toEqual([
    ['slack 1', 'escalation', 'hooks.slack.example'],
    ['slack 2', 'escalation halted failed proposed merged', 'hooks.slack.example'],
    ['webhook', 'failed merged', '127.0.0.1'],
    ['desktop', 'escalation halted failed proposed merged', undefined],
    ['discord', 'escalation halted failed proposed merged', 'discord.example'],
  ])
  const shown = explainConfig(config)
  expect(JSON.stringify(shown)).not.toMatch(/secret|hooks\.slack/)
  expect(shown.filter(({ key }) => key === 'notify').map(({ value }) => value)[0]).toBe('slack 1: escalation')
  expect([...config.withheld].sort()).toEqual([
    'HOOK_SECRET',
    'LOOPWRIGHT_DISCORD_WEBHOOK',
    'LOOPWRIGHT_SLACK_WEBHOOK',
    'LOOPWRIGHT_WEBHOOK_SECRET',
    'OTHER_TEAM',
  ])
  for (const number of ['one', 'two', 'three', 'four', 'five']) {
    expect(config.secrets.some((one) => one.includes(`${number}-secret`))).toBe(true)
  }
})

test('a project cannot choose who is told of what happens', async () => {
  await expect(
    configOf({ [theirs]: "notify: [{ kind: slack, url: 'https://example.org/a' }]\n" }),
  ).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('a project cannot choose who is told of what happens'),
    hint: 'set notify in your own config.yaml',
  })
})

test('a variable that is not set is a problem of its notifier alone', async () => {
  const { notify } = await configOf({ [mine]: 'notify: [{ kind: slack, urlEnv: NOT_SET }, { kind: desktop }]\n' })
  expect(notify.map(({ name, problem }) => [name, problem])).toEqual([
    ['slack', 'NOT_SET is not set'],
    ['desktop', undefined],
  ])
})

test('what is wrong is said without the address', async () => {
  const secret = 'https://ada:hunter2secret@example.org/x'
  expect(await problemOf(`notify: [{ kind: slack, url: '${secret}' }]\n`)).toContain('notify[0].url: an address with')
  expect(await problemOf("notify: [{ kind: slack, url: 'http://example.org/hunter2secret' }]\n")).toContain(
    'http is for this machine alone',
  )
  expect(await problemOf('', { LOOPWRIGHT_SLACK_WEBHOOK: 'hunter2secret' })).toContain(
    'LOOPWRIGHT_SLACK_WEBHOOK: this is not an address',
  )
  expect(await problemOf('notify: [{ kind: slack }]\n')).toContain('no address is given')
  expect(await problemOf(`notify: [{ kind: slack, url: '${secret}', urlEnv: X }]\n`)).toContain('two addresses')
  expect(await problemOf('notify: [{ kind: slack, urlEnv: X, on: [everything] }]\n')).toContain('notify[0].on[0]')
  expect(
    await problemOf("notify: [{ kind: webhook, url: 'https://a.example/', secretEnv: S }]\n", { S: 'short' }),
  ).toContain('S is too short for a secret')
  for (const wrong of [
    `notify: [{ kind: slak, url: '${secret}' }]\n`,
    `notify: '${secret}'\n`,
    `notify: [{ kind: slack, urll: '${secret}' }]\n`,
    `notify: ['${secret}']\n`,
    `notify: [{ kind: slack, urlEnv: '${secret}' }]\n`,
    `notify: [{ kind: slack, url: ['${secret}'] }]\n`,
    `notify: { slack: '${secret}' }\n`,
    `notify: [{ kind: '${secret}' }]\n`,
    `notify: [{ kind: slack, '${secret}' }]\n`,
    `notify: [{ kind: slack, '${secret}': url }]\n`,
  ]) {
    const said = await problemOf(wrong)
    expect(said).toContain('notify')
    expect(said).not.toContain('hunter2')
  }
})
