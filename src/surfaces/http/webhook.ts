import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'

/** Where webhooks are taken. */
export const webhookPath = '/webhook'

/** The longest body that is read, in bytes. */
const maxBody = 5_000_000
/** How many events are remembered, so that none counts twice. */
const remembered = 10_000
/** How many events may wait to be looked at. */
const maxWaiting = 100

export interface WebhookDoor {
  /** 0: any that is free. */
  readonly port: number
  /** What GitHub signs with. */
  readonly secret: string
  /** Does what an event asks for. Called one event after the other, after the answer was sent. */
  readonly handle: (event: string, payload: Json) => Promise<void>
  /** Whether an event is worth more than an answer; called before that. */
  readonly wants: (event: string, payload: Json) => Promise<{ readonly ignored: string } | { readonly now: boolean }>
  readonly warn: (message: string) => void
  /** Aborted: no more events are taken, and what waits is left. */
  readonly closing: AbortSignal
}

/**
 * Takes webhooks of GitHub on this machine's own address, until it is told to end. Only what carries a signature with the secret is
 * read, and the same body counts once: what a header says is not signed. Answers before anything is done. Rejects with `bad_input` where
 * it cannot listen.
 *
 * @param ready hears the URL
 */
export async function serveWebhooks(door: WebhookDoor, ready: (url: string) => void): Promise<void> {
  const known = new Set<string>()
  const queue: (() => Promise<void>)[] = []
  let working: Promise<void> | undefined

  const work = async () => {
    for (let next = queue.shift(); next !== undefined && !door.closing.aborted; next = queue.shift()) {
      await next().catch((error: unknown) => door.warn(`trigger: ${messageOf(error)}`))
    }
    working = undefined
  }
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { headers, method, url = '' } = request
    if (url.split('?')[0] !== webhookPath) return [404, { error: `nothing is here: webhooks go to ${webhookPath}` }]
    if (method !== 'POST') return [405, { error: 'webhooks are sent by POST' }]
    const body = await bodyOf(request)
    if (body === undefined) return [413, { error: `at most ${maxBody} bytes` }]
    if (!isSigned(body, headers['x-hub-signature-256'], door.secret)) {
      return [401, { error: 'the signature is missing or wrong' }]
    }
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
      return [415, { error: 'set the content type of the webhook to application/json' }]
    }
    const event = headers['x-github-event']
    if (typeof event !== 'string' || !/^[a-z_]{1,60}$/.test(event)) return [400, { error: 'no event is named' }]
    const payload = parse(body)
    if (payload === undefined) return [400, { error: 'the body is not JSON' }]
    if (event === 'ping') return [200, { ok: true }]
    const digest = createHash('sha256').update(body).digest('hex')
    if (known.has(digest)) return [200, { ignored: 'this was seen before' }]
    const wanted = await door.wants(event, payload)
    if ('ignored' in wanted) return [200, wanted]
    if (!wanted.now && queue.length >= maxWaiting) return [429, { error: 'too many events wait' }]
    known.add(digest)
    if (known.size > remembered) for (const oldest of known) if (known.delete(oldest)) break
    const task = () => door.handle(event, payload)
    // To stop something has no time to wait behind what it stops.
    if (wanted.now) void task().catch((error: unknown) => door.warn(`trigger: ${messageOf(error)}`))
    else queue.push(task)
    return [202, { accepted: true }]
  }

  const http = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      answer(request).then(
        (answered) => {
          send(response, answered)
          if (queue.length > 0) working ??= work()
        },
        (error: unknown) => {
          // Whatever is wrong with what came is not for whoever sent it.
          if (request.complete) door.warn(`trigger: ${messageOf(error)}`)
          send(response, [400, { error: 'this could not be read' }])
        },
      )
    },
  )
  http.maxConnections = 100
  http.listen(door.port, '127.0.0.1')
  try {
    await once(http, 'listening')
  } catch (error) {
    throw new LoopwrightError('bad_input', `cannot listen on port ${door.port}: ${messageOf(error)}`, {
      hint: 'take another --port; 0 takes one that is free',
    })
  }
  const address = http.address()
  const port = typeof address === 'object' && address !== null ? address.port : door.port
  ready(`http://127.0.0.1:${port}${webhookPath}`)
  if (!door.closing.aborted) await new Promise((resolve) => door.closing.addEventListener('abort', resolve))
  http.close()
  http.closeAllConnections()
  await working
}

type Answer = readonly [status: number, body: object]

/** The whole body; undefined when it is longer than we read. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBody) return undefined
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > maxBody) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** Whether a signature is ours, looked at in a time that says nothing about it. */
function isSigned(body: Buffer, given: string | readonly string[] | undefined, secret: string): boolean {
  if (typeof given !== 'string') return false
  const [one, other] = [`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`, given.toLowerCase()].map(
    (text) => createHash('sha256').update(text).digest(),
  )
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

function parse(body: Buffer): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Json
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, [status, body]: Answer): void {
  if (response.headersSent || response.destroyed) return
  const close = status >= 400 ? { connection: 'close' } : {}
  response.writeHead(status, { 'content-type': 'application/json', ...close }).end(JSON.stringify(body))
}
