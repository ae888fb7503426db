import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { launcher, type mcpScene } from '../fixtures/mcp.ts'

/** Our server on HTTP, as a user starts it. */
export interface Served {
  readonly url: string
  /** What every request must carry. */
  readonly token: string
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts our server on a free port. Rejects when it ends at once. */
export async function served({ repository: cwd, env, folder }: ReturnType<typeof mcpScene>): Promise<Served> {
  const argv = [launcher, 'mcp', 'serve', '--http', '--port', '0']
  const server = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(server, 'close')
  const line = await Promise.race([createInterface({ input: server.stdout })[Symbol.asyncIterator]().next(), ended])
  if (Array.isArray(line) || line.done) throw new Error('the server ended at once')
  return {
    url: line.value,
    token: readFileSync(join(folder, 'home', 'token'), 'utf8').trim(),
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM')
      await ended
    },
  }
}
