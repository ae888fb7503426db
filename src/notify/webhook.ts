import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../core/ports.ts'
import type { Notice, Notifier } from '../core/triage/ports.ts'
import { post } from './post.ts'

export interface WebhookOptions {
  readonly url: URL
  /** Signs what is sent; without one nothing is signed. `whsec_` and base64, or any text. */
  readonly secret?: string | undefined
  readonly clock: Pick<Clock, 'now'>
}

/**
 * Tells any service by JSON: `{ version: 1, notice }`. Headers are those of Standard Webhooks: `webhook-id` (the same for the same
 * notice, however often it is tried), `webhook-timestamp` in seconds, and with a secret `webhook-signature`: `v1,` and the base64 of
 * HMAC-SHA256 over `id.timestamp.body`.
 */
export function webhookNotifier(name: string, { url, secret, clock }: WebhookOptions): Notifier {
  return {
    name,
    async notify(notice, { signal }) {
      const body = JSON.stringify({ version: 1, notice: contentOf(notice) })
      const id = `msg_${createHash('sha256').update(body).digest('hex').slice(0, 32)}`
      const timestamp = String(Math.floor(clock.now() / 1000))
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        ...(secret === undefined ? {} : { 'webhook-signature': signature(secret, `${id}.${timestamp}.${body}`) }),
      }
      await post({ url, body, headers, signal })
    },
  }
}

/** Its known fields in one order, so that the same notice is the same bytes. */
function contentOf({ kind, title, text, pattern, run, url, commands }: Notice): Notice {
  return {
    kind,
    title,
    text,
    ...(pattern === undefined ? {} : { pattern }),
    ...(run === undefined ? {} : { run }),
    ...(url === undefined ? {} : { url }),
    ...(commands === undefined ? {} : { commands }),
  }
}

function signature(secret: string, content: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
}
