import { LoopwrightError } from '../core/errors.ts'
import type { Forge } from '../core/triage/ports.ts'
import { type ApiAnswer, type ApiRequest, forgeError, Unreachable } from './calls.ts'
import { type GithubOptions, github } from './github.ts'

export interface GithubRestOptions extends GithubOptions {
  readonly token: string
  /** `https://api.github.com` by default; `https://github.example.com/api/v3` of an enterprise. */
  readonly apiUrl?: string
  /** Milliseconds for one request; 30,000 by default. */
  readonly timeoutMs?: number
}

const mostBytes = 16 * 1024 * 1024
const mostRedirects = 3

/** GitHub by its REST API. Throws `bad_input` for an API that is neither https nor on this machine, or a token with odd characters. */
export function githubRest(options: GithubRestOptions): Forge {
  const { token, clock, timeoutMs = 30_000, signal } = options
  const base = apiBase(options.apiUrl ?? 'https://api.github.com')
  if (!/^[!-~]{1,2000}$/.test(token)) {
    throw new LoopwrightError('bad_input', 'the GitHub token holds characters that no token has', {
      hint: 'look for blanks or line breaks in GITHUB_TOKEN',
    })
  }
  return github(options, async (request) => {
    const ended = new AbortController()
    const stop = () => ended.abort()
    const disarm = clock.after(timeoutMs, stop)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await ask(base, request, token, ended.signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (error instanceof LoopwrightError) throw error
      throw new Unreachable(ended.signal.aborted ? `no answer for ${timeoutMs / 1000} s` : reasonOf(error))
    } finally {
      disarm()
      signal?.removeEventListener('abort', stop)
    }
  })
}

/** The base of an API, without a slash at its end. Over plain HTTP only on this machine: the token goes there. */
export function apiBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const local = url?.protocol === 'http:' && isLoopback(url.hostname)
  if (url === undefined || (url.protocol !== 'https:' && !local) || url.username !== '' || url.password !== '') {
    throw new LoopwrightError('bad_input', `not the address of a GitHub API: ${text.slice(0, 200)}`, {
      hint: 'GITHUB_API_URL is https://api.github.com, or https://HOST/api/v3',
    })
  }
  url.pathname = url.pathname.replace(/\/+$/, '')
  url.search = ''
  url.hash = ''
  return url
}

/** True for an address that cannot leave this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
}

async function ask(base: URL, request: ApiRequest, token: string, signal: AbortSignal): Promise<ApiAnswer> {
  let target = `${base.href.replace(/\/$/, '')}${request.path}`
  for (let hop = 0; ; hop++) {
    const response = await fetch(target, {
      method: request.method,
      redirect: 'manual',
      signal,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'user-agent': 'loopwright',
        'x-github-api-version': '2022-11-28',
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    })
    const moved = request.method === 'GET' && hop < mostRedirects ? movedTo(response, target) : undefined
    if (moved === undefined) {
      const headers = Object.fromEntries(response.headers)
      return { status: response.status, headers, text: await textOf(response) }
    }
    await response.body?.cancel()
    target = moved
  }
}

/** Where a renamed repository is now; never another host, which would get the token. */
function movedTo(response: Response, from: string): string | undefined {
  const location = response.headers.get('location')
  if (![301, 302, 307, 308].includes(response.status) || location === null || !URL.canParse(location, from))
    return undefined
  const to = new URL(location, from)
  return to.origin === new URL(from).origin ? to.href : undefined
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > mostBytes) throw forgeError('GitHub answered far more than we asked for', { status: response.status })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
