import { LoopwrightError, messageOf } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import type { Clock } from '../core/ports.ts'

/** One request to the API, by whatever means. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST'
  /** From the API's base, encoded, with its query: `/repos/acme/widgets/issues?state=open`. */
  readonly path: string
  readonly body?: unknown
}

export interface ApiAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Makes one request and gives back whatever was answered. Rejects with `Unreachable` where nothing was. */
export type Transport = (request: ApiRequest) => Promise<ApiAnswer>

/** Nothing was answered, so that another try may be: no network, a timeout, a connection cut. */
export class Unreachable extends Error {}

export interface Calls {
  /** What a path answers, as JSON. Tried again when the server fails. */
  get(path: string, query?: Query): Promise<unknown>
  /** The entries of a list: its first pages, or its last ones. */
  pages(path: string, options?: { query?: Query; from?: 'start' | 'end'; in?: string }): Promise<unknown[]>
  /** Asks once: a second try might do it twice. */
  post(path: string, body: unknown): Promise<unknown>
}

type Query = Readonly<Record<string, string>>

const tries = 3
const firstPauseMs = 500
const pageSize = 100

/** What GitHub said no to: `status` is 0 where nothing was answered; `retryAt` in milliseconds since 1970. */
export function forgeError(
  message: string,
  data: { readonly status: number; readonly retryAt?: number },
  hint?: string,
): LoopwrightError {
  return new LoopwrightError('forge', message, { data, ...(hint === undefined ? {} : { hint }) })
}

/** The status of a refusal of the forge; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof LoopwrightError) || error.code !== 'forge') return undefined
  const data: unknown = error.data
  if (typeof data !== 'object' || data === null || !('status' in data)) return undefined
  return typeof data.status === 'number' ? data.status : undefined
}

/** Calls over a transport: retries, pages, and refusals as errors with code `forge`. */
export function createCalls(options: {
  readonly transport: Transport
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Of 100 entries each. */
  readonly maxPages: number
}): Calls {
  const { transport, clock, signal, maxPages } = options

  const once = async (request: ApiRequest): Promise<ApiAnswer> => {
    signal.throwIfAborted()
    const answer = await transport(request)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw refusal(answer, clock.now())
  }
  const patiently = async (request: ApiRequest): Promise<ApiAnswer> => {
    for (let tried = 1; ; tried++) {
      try {
        return await once(request)
      } catch (error) {
        if (tried >= tries || signal.aborted || !isPassing(error)) throw known(error)
        await pause(clock, firstPauseMs * 2 ** (tried - 1) * (1 + clock.random()), signal)
      }
    }
  }
  const read = async (path: string, query: Query) => {
    const answer = await patiently({ method: 'GET', path: withQuery(path, query) })
    return { headers: answer.headers, value: parse(answer) }
  }

  return {
    get: async (path, query = {}) => (await read(path, query)).value,
    async pages(path, { query = {}, from = 'start', in: inside } = {}) {
      const page = async (number: number) => {
        const { headers, value } = await read(path, { ...query, per_page: String(pageSize), page: String(number) })
        const list = inside === undefined ? value : (value as Record<string, unknown> | null)?.[inside]
        if (!Array.isArray(list)) throw forgeError('GitHub answered something that is no list', { status: 200 })
        return { list: list as unknown[], next: relation(headers.link, 'next'), last: relation(headers.link, 'last') }
      }
      const first = await page(1)
      const all = [first.list]
      let start = 2
      if (from === 'end' && (first.last ?? 0) > maxPages) {
        start = (first.last ?? 0) - maxPages + 1
        all.length = 0
      }
      for (let number = start, more = first.next !== undefined; more && all.length < maxPages; number++) {
        const { list, next } = await page(number)
        all.push(list)
        more = next !== undefined
      }
      return all.flat()
    },
    async post(path, body) {
      try {
        return parse(await once({ method: 'POST', path, body }))
      } catch (error) {
        throw known(error)
      }
    },
  }
}

function withQuery(path: string, query: Query): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? path : `${path}?${text}`
}

/** The page a `link` header names for a relation. */
function relation(link: string | undefined, name: 'next' | 'last'): number | undefined {
  for (const part of (link ?? '').slice(0, 5000).split(',')) {
    if (!part.includes(`rel="${name}"`)) continue
    const page = /[?&]page=(\d{1,6})\b/.exec(part)?.[1]
    if (page !== undefined) return Number(page)
  }
  return undefined
}

function parse({ text, status }: ApiAnswer): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw forgeError('GitHub answered something that is no JSON', { status }, 'is a proxy in between?')
  }
}

/** What is gone after a while; a limit on requests is not, and says when it ends. */
function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (statusOf(error) ?? 0) >= 500
}

function known(error: unknown): unknown {
  return error instanceof Unreachable
    ? forgeError(`GitHub cannot be reached: ${messageOf(error)}`, { status: 0 })
    : error
}

function refusal(answer: ApiAnswer, now: number): LoopwrightError {
  const { status, headers } = answer
  const said = saidIn(answer.text)
  const because = said === '' ? '' : `: ${said}`
  const limited = status === 429 || (status === 403 && isLimit(headers, said))
  if (limited) {
    const retryAt = retryAtOf(headers, now)
    const until = retryAt === undefined ? 'for now' : `until ${new Date(retryAt).toISOString().slice(0, 19)}Z`
    return forgeError(`GitHub takes no more requests ${until}${because}`, {
      status,
      ...(retryAt === undefined ? {} : { retryAt }),
    })
  }
  if (status === 401) {
    return forgeError(
      `GitHub does not accept the token${because}`,
      { status },
      'gh auth login, or give a new GITHUB_TOKEN',
    )
  }
  if (status === 403) {
    const hint = 'the token needs: contents read and write, issues, pull requests, actions read'
    return forgeError(`GitHub does not allow this${because}`, { status }, hint)
  }
  if (status === 404) {
    return forgeError('GitHub has no such thing, or the token may not see it', { status })
  }
  if (status >= 300 && status < 400) return forgeError('GitHub sends us elsewhere, and we do not follow', { status })
  return forgeError(`GitHub answered ${status}${because}`, { status })
}

function isLimit(headers: Readonly<Record<string, string>>, said: string): boolean {
  return headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0' || /rate limit/i.test(said)
}

function retryAtOf(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const farthest = now + 7 * 24 * 3_600_000
  const after = Number(headers['retry-after'])
  const reset = Number(headers['x-ratelimit-reset'])
  const at =
    headers['retry-after'] !== undefined && after >= 0 ? now + after * 1000 : reset > 0 ? reset * 1000 : Number.NaN
  return Number.isFinite(at) && at >= now && at <= farthest ? at : undefined
}

/** GitHub's own words, bounded and plain. */
function saidIn(text: string): string {
  try {
    const value = JSON.parse(text) as { message?: unknown; errors?: unknown } | null
    const details = Array.isArray(value?.errors) ? value.errors.slice(0, 3) : []
    const parts = [
      value?.message,
      ...details.map((one: { message?: unknown } | string | null) => (typeof one === 'string' ? one : one?.message)),
    ]
    return oneLine(parts.filter((part) => typeof part === 'string').join(': '), 300)
  } catch {
    return ''
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel()
      reject(signal.reason)
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
