import { randomBytes } from 'node:crypto'
import { type Io, note } from '../io.ts'
import { versionOf } from '../version.ts'

/** `loopwright mcp serve`: on standard input and output, for one client. */
export async function serve(io: Io): Promise<number> {
  const { serveOnStdio } = await import('../../mcp/stdio.ts')
  const closing = new AbortController()
  const end = () => closing.abort()
  const stopListening = io.onInterrupt((times) => {
    if (times > 1) io.exit(130)
    end()
  })
  io.unread.addEventListener('abort', end, { once: true })
  const world = {
    cwd: io.cwd,
    env: io.env,
    version: versionOf(),
    warn: (message: string) => note(io, `loopwright: ${message}`),
    closing: closing.signal,
    signingKey: randomBytes(32),
    busy: new Set<Promise<unknown>>(),
  }
  try {
    await serveOnStdio(world, io, end)
    return 0
  } finally {
    stopListening()
  }
}
