import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { deferred } from '../../../test/fixtures/kernel.ts'
import type { Json } from '../../core/json.ts'
import { serveWebhooks, type WebhookDoor } from './webhook.ts'

const secret = 'a secret of the webhook'
const sign = (body: string, key = secret) => `sha256=${createHmac('sha256', key).update(body).digest('hex')}`

async function open(more: Partial<WebhookDoor> = {}) {
  const closing = new AbortController()
  const handled: { readonly event: string; readonly payload: Json }[] = []
  const warned: string[] = []
  const ready = deferred<string>()
  const door: WebhookDoor = {
    port: 0,
    secret,
    handle: async (event, payload) => {
      handled.push({ event, payload })
    },
    wants: async () => ({ now: false }),
    warn: (message) => warned.push(message),
    closing: closing.signal,
    ...more,
  }
  const serving = serveWebhooks(door, ready.resolve)
  const url = await Promise.race([ready.promise, serving.then(() => 'closed')])
  const post = async (body: string, headers: Readonly<Record<string, string>> = {}, to = url) => {
    const usual = {
      'content-type': 'application/json',
      'x-github-event': 'issues',
      'x-hub-signature-256': sign(body),
    }
    const response = await fetch(to, { method: 'POST', body, headers: { ...usual, ...headers } })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  return {
    url,
    post,
    handled,
    warned,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await serving
    },
  }
}

test('a signed event is accepted, answered at once and handled', async () => {
  const goes = deferred()
  const done = deferred()
  await using door = await open({
    handle: async () => {
      await goes.promise
      done.resolve()
    },
  })
  expect(await door.post('{"action":"labeled"}')).toEqual({ status: 202, body: { accepted: true } })
  goes.resolve()
  await done.promise
})

test('what is not signed with the secret is refused, whatever it looks like', async () => {
  await using door = await open()
  const body = '{"a":1}'
  for (const signature of ['', 'sha256=', sign(body, 'another secret here'), sign('{"a":2}'), sign(body).slice(7)]) {
    expect(await door.post(body, { 'x-hub-signature-256': signature })).toMatchObject({ status: 401 })
  }
  const plain = await fetch(door.url, { method: 'POST', body })
  expect(plain.status).toBe(401)
  expect(
    await door.post(body, { 'x-hub-signature-256': sign(body).toUpperCase().replace('SHA', 'sha') }),
  ).toMatchObject({ status: 202 })
  expect(door.handled).toHaveLength(1)
})

test('the same body counts once, whatever its headers say: they are not signed', async () => {
  await using door = await open()
  expect(await door.post('{"a":1}', { 'x-github-delivery': '1' })).toMatchObject({ status: 202 })
  for (const headers of [{ 'x-github-delivery': '2' }, { 'x-github-event': 'push' }]) {
    expect(await door.post('{"a":1}', headers)).toEqual({ status: 200, body: { ignored: 'this was seen before' } })
  }
  expect(await door.post('{"a":2}')).toMatchObject({ status: 202 })
  expect(door.handled).toHaveLength(2)
})

test('bad input is answered with what is wrong, and never as our fault', async () => {
  await using door = await open()
  expect(await door.post('{')).toEqual({ status: 400, body: { error: 'the body is not JSON' } })
  expect(await door.post('{}', { 'x-github-event': '../x' })).toMatchObject({ status: 400 })
  expect(await door.post('payload=%7B%7D', { 'content-type': 'application/x-www-form-urlencoded' })).toMatchObject({
    status: 415,
  })
  expect(await door.post('{}', {}, door.url.replace('/webhook', '/other'))).toMatchObject({ status: 404 })
  expect((await fetch(door.url)).status).toBe(405)
  expect(await door.post('x'.repeat(5_000_001))).toMatchObject({ status: 413 })
  expect(await door.post('"\\ud800"')).toMatchObject({ status: 202 })
  expect(await door.post('null', { 'x-github-event': 'ping' })).toEqual({ status: 200, body: { ok: true } })
  expect(door.warned).toEqual([])
})

test('a connection that says garbage, or goes away in the middle, ends nothing', async () => {
  await using door = await open()
  const { port } = new URL(door.url)
  for (const said of ['\0\0\0\r\n\r\n', 'POST /webhook HTTP/1.1\r\ncontent-length: 99\r\n\r\nhalf']) {
    const socket = connect(Number(port), '127.0.0.1')
    await new Promise<void>((resolve) => {
      socket.on('error', () => resolve())
      socket.on('close', () => resolve())
      socket.write(said, () => socket.destroySoon())
    })
  }
  expect(await door.post('{}')).toMatchObject({ status: 202 })
})

test('what nobody wants is answered with why, and may come again', async () => {
  await using door = await open({ wants: async () => ({ ignored: 'the label is none of ours' }) })
  for (let n = 0; n < 2; n++) {
    expect(await door.post('{}')).toEqual({ status: 200, body: { ignored: 'the label is none of ours' } })
  }
  expect(door.handled).toEqual([])
})

test('events are handled one after the other; to stop does not wait behind them, and too many are refused', async () => {
  const goes = deferred()
  const order: string[] = []
  await using door = await open({
    wants: async (event) => ({ now: event === 'issue_comment' }),
    handle: async (event) => {
      order.push(event)
      if (event === 'issues') await goes.promise
    },
  })
  const answers = []
  for (let n = 0; n < 102; n++) answers.push(await door.post(`{"n":${n}}`))
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(101)
  expect(answers.at(-1)).toMatchObject({ status: 429 })
  expect(await door.post('{"stop":1}', { 'x-github-event': 'issue_comment' })).toMatchObject({ status: 202 })
  expect(order).toEqual(['issues', 'issue_comment'])
  goes.resolve()
})

test('an event whose handling fails is told to the owner alone, and the next goes on', async () => {
  await using door = await open({
    handle: async () => {
      throw new Error('no such pattern')
    },
  })
  expect(await door.post('{"a":1}')).toMatchObject({ status: 202 })
  expect(await door.post('{"a":2}')).toMatchObject({ status: 202 })
  await expect.poll(() => door.warned).toEqual(['trigger: no such pattern', 'trigger: no such pattern'])
})
