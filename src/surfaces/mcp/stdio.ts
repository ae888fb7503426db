import { Readable, type Writable } from 'node:stream'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { createServer } from './server.ts'
import type { McpWorld } from './world.ts'

/** Serves one client until it goes away or the server is told to end; then what this process drives is paused. */
export async function serveOnStdio(
  world: McpWorld,
  streams: { readonly stdin: AsyncIterable<Uint8Array | string>; readonly stdout: NodeJS.WritableStream },
  end: () => void,
): Promise<void> {
  const input = streams.stdin instanceof Readable ? streams.stdin : Readable.from(streams.stdin)
  const gone = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) input.once(event, () => resolve())
    world.closing.addEventListener('abort', () => resolve(), { once: true })
    if (world.closing.aborted) resolve()
  })
  const transport = new StdioServerTransport(input, streams.stdout as Writable)
  const serving = serveStdio(() => createServer(world), {
    transport,
    onerror: (error) => world.warn(`loopwright mcp: ${error.message}`),
  })
  await gone
  end()
  await Promise.allSettled([...world.busy])
  await serving.close()
}
