import { DeliveryFailure } from './failure.ts'

export interface Post {
  readonly url: URL
  /** JSON. */
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/**
 * Sends JSON to an address and makes sure that it was taken. A redirect is not followed: what is said there is for the one who was
 * named. Rejects with `DeliveryFailure`, which says whether another try makes sense and never where it went.
 */
export async function post({ url, body, headers = {}, signal }: Post): Promise<void> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'loopwright', ...headers },
      body,
      signal,
    })
  } catch (error) {
    throw new DeliveryFailure(signal.aborted ? 'no answer in time' : `cannot be reached${codeOf(error)}`, {
      again: true,
    })
  }
  const said = await wordOf(response)
  const { status } = response
  if (response.ok) return
  if (status === 429) {
    const afterMs = waitOf(response.headers)
    throw new DeliveryFailure('asks for fewer notices (429)', { again: true, afterMs })
  }
  if (status >= 500 || status === 408) {
    throw new DeliveryFailure(`is out of order (${status}${said})`, { again: true, afterMs: waitOf(response.headers) })
  }
  if (status >= 300 && status < 400) {
    throw new DeliveryFailure(`answers with a redirect (${status}), which is not followed`, { again: false })
  }
  const why = [401, 403, 404, 410].includes(status) ? ': the address is wrong, or was withdrawn' : ''
  throw new DeliveryFailure(`refused the notice (${status}${said})${why}`, { again: false })
}

/** The network's own word for what happened. Its messages may name the address. */
function codeOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{2,60}$/.test(code) ? ` (${code})` : ''
}

/** The one word some services answer with, such as `invalid_payload`. Anything longer is not ours to repeat. */
async function wordOf(response: Response): Promise<string> {
  try {
    const reader = response.body?.getReader()
    const first = await reader?.read()
    await reader?.cancel()
    const text = new TextDecoder().decode(first?.value?.subarray(0, 100)).trim()
    return /^[a-z]+(?:_[a-z]+){1,6}$/.test(text) ? `, ${text}` : ''
  } catch {
    return ''
  }
}

/** What `Retry-After` asks for, in milliseconds: it gives seconds, or a date. */
function waitOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (text === undefined || text === '') return undefined
  const seconds = Number(text)
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
  const [at, now] = [Date.parse(text), Date.parse(headers.get('date') ?? '')]
  return Number.isNaN(at) || Number.isNaN(now) ? undefined : Math.max(0, at - now)
}
