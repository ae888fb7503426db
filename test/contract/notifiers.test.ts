import { createHmac } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Notifier } from '../../src/core/triage/ports.ts'
import { desktopNotifier } from '../../src/notify/desktop.ts'
import { discordNotifier } from '../../src/notify/discord.ts'
import { slackNotifier } from '../../src/notify/slack.ts'
import { webhookNotifier } from '../../src/notify/webhook.ts'
import { commandRunner } from '../../src/process/command.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { type HookAnswer, hookServer } from '../fixtures/hook-server.ts'
import { scratch } from '../fixtures/repo.ts'
import { type Mood, type NotifierScene, notice, notifierContract } from './notifier.ts'

const answers: Readonly<Record<Mood, HookAnswer>> = {
  'takes it': { status: 204 },
  'refuses it': { status: 404, text: 'no_service' },
  'is out of order': { status: 503, text: 'https://secret.example/' },
  'is silent': 'silence',
  'is not there': 'hang up',
}
const moods: readonly Mood[] = ['refuses it', 'is out of order', 'is silent', 'is not there']
const never = new AbortController().signal

const onWeb = (make: (url: URL) => Notifier) => async (mood: Mood) => {
  const server = await hookServer(answers[mood])
  return {
    notifier: make(server.url),
    arrived: () => server.seen.map(({ text }) => text).join('\n'),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const secret = 'a secret that only two know'
const hook = (url: URL) =>
  webhookNotifier('webhook', { url, secret, clock: new FakeClock({ start: 1_800_000_000_000 }) })

notifierContract(
  'slack',
  onWeb((url) => slackNotifier('slack', url)),
  moods,
)
notifierContract(
  'discord',
  onWeb((url) => discordNotifier('discord', url)),
  moods,
)
notifierContract('webhook', onWeb(hook), moods)

/** A stand-in for notify-send or osascript that keeps what it was given, or behaves as told. */
async function onDesktop(platform: 'linux' | 'darwin', mood: Mood): Promise<NotifierScene> {
  const temporary = scratch()
  const kept = join(temporary.path, 'kept')
  const tool = join(temporary.path, platform === 'linux' ? 'notify-send' : 'osascript')
  if (mood !== 'is not there') {
    const end = mood === 'refuses it' ? 'echo "no bus" >&2; exit 1' : ''
    writeFileSync(tool, `#!/bin/sh\nfor one; do printf '%s\\0' "$one" >>"${kept}"; done\n${end}\n`)
    chmodSync(tool, 0o755)
  }
  const run = commandRunner({ PATH: `${temporary.path}:/usr/bin:/bin` })
  return {
    notifier: desktopNotifier('desktop', { platform, run, cwd: temporary.path }),
    arrived: () => (existsSync(kept) ? readFileSync(kept, 'utf8') : ''),
    [Symbol.asyncDispose]: async () => temporary[Symbol.dispose](),
  }
}

notifierContract('desktop on Linux', (mood) => onDesktop('linux', mood), ['refuses it'])
notifierContract('desktop on macOS', (mood) => onDesktop('darwin', mood), ['refuses it'])

test('Slack gets blocks in which what others wrote is plain text, and its fallback cannot mention anybody', async () => {
  await using server = await hookServer()
  const evil = { ...notice, title: 'a <!channel> b', text: '<@U1> *bold* <https://evil.example|free>' }
  await slackNotifier('slack', server.url).notify(evil, { signal: never })
  expect(server.seen[0]?.body).toEqual({
    text: 'a &lt;!channel&gt; b',
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: 'a <!channel> b', emoji: false } },
      { type: 'section', text: { type: 'plain_text', text: evil.text, emoji: false } },
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: `\`\`\`\nloopwright approve ${notice.run}\nloopwright deny ${notice.run}\n\`\`\``,
          verbatim: true,
        },
      },
      { type: 'section', text: { type: 'mrkdwn', text: `<${notice.url}|Look at it>`, verbatim: true } },
      {
        type: 'context',
        elements: [
          { type: 'plain_text', text: `loopwright · escalation · ci-sweeper · run ${notice.run}`, emoji: false },
        ],
      },
    ],
  })
})

test('Discord mentions nobody, and shows markup of others as the characters they are', async () => {
  await using server = await hookServer()
  const evil = { ...notice, title: '@everyone', text: '[free](https://evil.example) **now**' }
  await discordNotifier('discord', server.url).notify(evil, { signal: never })
  const { allowed_mentions, embeds } = server.seen[0]?.body ?? {}
  expect(allowed_mentions).toEqual({ parse: [] })
  expect(embeds).toMatchObject([
    {
      title: '\\@everyone',
      description: '\\[free\\]\\(https\\://evil.example\\) \\*\\*now\\*\\*',
      url: notice.url,
      footer: { text: `loopwright · escalation · ci-sweeper · run ${notice.run}` },
    },
  ])
})

test('no message is longer than the services take', async () => {
  await using server = await hookServer()
  const long = { ...notice, title: '*'.repeat(5000), text: '*'.repeat(9000), commands: Array(50).fill('x'.repeat(500)) }
  await slackNotifier('slack', server.url).notify(long, { signal: never })
  await discordNotifier('discord', server.url).notify(long, { signal: never })
  const blocks = (server.seen[0]?.body.blocks ?? []) as { readonly type: string; readonly text?: { text: string } }[]
  for (const { type, text } of blocks)
    expect(text?.text.length ?? 0).toBeLessThanOrEqual(type === 'header' ? 150 : 3000)
  const [embed] = (server.seen[1]?.body.embeds ?? []) as {
    readonly title: string
    readonly description: string
    readonly fields: { readonly value: string }[]
  }[]
  expect(embed?.title.length).toBeLessThanOrEqual(256)
  expect(embed?.description.length).toBeLessThanOrEqual(4096)
  expect(embed?.fields[0]?.value.length).toBeLessThanOrEqual(1024)
  const all = [embed?.title, embed?.description, embed?.fields[0]?.value, 'footer'.padEnd(400)].join('')
  expect(all.length).toBeLessThanOrEqual(6000)
})

test('a webhook is signed over its id, its time and its body, and the same notice has the same id', async () => {
  await using server = await hookServer()
  await hook(server.url).notify(notice, { signal: never })
  await hook(server.url).notify(notice, { signal: never })
  await hook(server.url).notify({ ...notice, title: 'another' }, { signal: never })
  const [first, again, other] = server.seen
  expect(first?.headers).toMatchObject({ 'webhook-timestamp': '1800000000', 'content-type': 'application/json' })
  const id = String(first?.headers['webhook-id'])
  const content = `${id}.1800000000.${first?.text}`
  expect(first?.headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', secret).update(content).digest('base64')}`,
  )
  expect(first?.body).toEqual({ version: 1, notice })
  expect(again?.headers['webhook-id']).toBe(id)
  expect(other?.headers['webhook-id']).not.toBe(id)
})

test('a webhook without a secret is not signed', async () => {
  await using server = await hookServer()
  await webhookNotifier('webhook', { url: server.url, clock: new FakeClock() }).notify(notice, { signal: never })
  expect(server.seen[0]?.headers['webhook-signature']).toBeUndefined()
})

test('a redirect is not followed: what is said is for the one who was named', async () => {
  await using other = await hookServer()
  await using server = await hookServer({ status: 307, headers: { location: other.url.href } })
  await expect(slackNotifier('slack', server.url).notify(notice, { signal: never })).rejects.toMatchObject({
    message: 'answers with a redirect (307), which is not followed',
    again: false,
  })
  expect(other.seen).toEqual([])
})

test('a service that asks for fewer notices says when to try again', async () => {
  await using server = await hookServer(
    { status: 429, headers: { 'retry-after': '7' } },
    { status: 503, headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' } },
    { status: 429, headers: { 'retry-after': 'soon' } },
  )
  const slack = slackNotifier('slack', server.url)
  const failed = async () => await slack.notify(notice, { signal: never }).catch((error: unknown) => error)
  expect(await failed()).toMatchObject({ again: true, afterMs: 7000 })
  expect(await failed()).toMatchObject({ again: true, afterMs: 30_000 })
  expect(await failed()).toMatchObject({ again: true, afterMs: undefined })
})

test('a desktop without a tool for it says so', async () => {
  await using scene = await onDesktop('linux', 'is not there')
  const run = commandRunner({ PATH: '/nowhere' })
  const linux = desktopNotifier('desktop', { platform: 'linux', run, cwd: '/' })
  await expect(linux.notify(notice, { signal: never })).rejects.toMatchObject({
    message: 'notify-send is not installed',
  })
  const windows = desktopNotifier('desktop', { platform: 'win32', run, cwd: '/' })
  await expect(windows.notify(notice, { signal: never })).rejects.toMatchObject({
    message: 'there is no way to on win32',
  })
  expect(scene.arrived()).toBe('')
})

test('notify-send gets texts as arguments behind its flags, with markup as the characters they are', async () => {
  await using scene = await onDesktop('linux', 'takes it')
  await scene.notifier.notify({ kind: 'failed', title: '--icon=x <b>', text: '$(id) `id`' }, { signal: never })
  expect(scene.arrived().split('\0')).toEqual([
    '--app-name=loopwright',
    '--urgency=critical',
    '--',
    'loopwright: --icon=x &lt;b&gt;',
    '$(id) `id`',
    '',
  ])
})
