import { ensureSigningKey, ensureToken, readToken, tokenFile } from '../../../config/server-token.ts'
import type { McpWorld } from '../../mcp/world.ts'
import { type Io, note, print } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'
import { versionOf } from '../version.ts'

interface ServeFlags {
  readonly http?: boolean
  readonly host?: string
  readonly port?: number
  readonly allowHost?: readonly string[]
}

/** `loopwright mcp serve`: on standard input and output for one client, or on HTTP for several. */
export async function serve(io: Io, flags: ServeFlags): Promise<number> {
  if (!flags.http && (flags.host ?? flags.port ?? flags.allowHost) !== undefined) {
    wrong('--host, --port and --allow-host go with --http')
  }
  const closing = new AbortController()
  const end = () => closing.abort()
  const stopListening = io.onInterrupt((times) => {
    if (times > 1) io.exit(130)
    end()
  })
  const world: McpWorld = {
    cwd: io.cwd,
    env: io.env,
    version: versionOf(),
    warn: (message) => note(io, `loopwright: ${message}`),
    closing: closing.signal,
    signingKey: once(async () => await ensureSigningKey(await homeOf(io))),
    busy: new Set(),
  }
  try {
    if (flags.http) await serveHttp(io, world, flags)
    else {
      io.unread.addEventListener('abort', end, { once: true })
      const { serveOnStdio } = await import('../../mcp/stdio.ts')
      await serveOnStdio(world, io, end)
    }
    return 0
  } finally {
    stopListening()
  }
}

async function homeOf(io: Io): Promise<string> {
  return await withApp(io, async (app) => app.config.home)
}

/** Asks until it is answered, then no more. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = undefined
      throw error
    })
    return answer
  }
}

async function serveHttp(io: Io, world: McpWorld, flags: ServeFlags): Promise<void> {
  const { isLoopback, serveOnHttp } = await import('../../mcp/http.ts')
  const { host = '127.0.0.1', port = 4180, allowHost = [] } = flags
  const home = await homeOf(io)
  await ensureToken(home)
  if (!isLoopback(host))
    note(io, `loopwright: ${host} can be reached from other machines, and what is said is not encrypted`)
  const door = { host, port, hosts: allowHost.map((name) => name.toLowerCase()), token: () => readToken(home) }
  await serveOnHttp(world, door, (url) => {
    print(io, url)
    note(io, `every request needs the header Authorization: Bearer TOKEN; the token is in ${tokenFile(home)}`)
  })
}
