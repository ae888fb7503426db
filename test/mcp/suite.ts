import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { supervise } from '../../src/process/supervise.ts'
import { installed } from '../agents/install.ts'

/** The official suite. Its releases before 0.2 know nothing of 2026-07-28. */
const suite = { package: '@modelcontextprotocol/conformance', version: '0.2.0-alpha.12', command: 'conformance' }

export type Revision = '2025-11-25' | '2026-07-28'

/** What one check of a scenario found. */
export interface Check {
  readonly id: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
  readonly details?: unknown
}

/** The names of the scenarios for servers, with the revisions they are for (`extension` for those of extensions). */
export async function scenarios(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await run(['list', '--server'])
  const rows = stdout.matchAll(/^ +- (\S+) \[([^\]]*)\]$/gm)
  return new Map([...rows].map(([, name = '', revisions = '']) => [name, revisions.split(',')]))
}

/** Runs one scenario against a server; answers its checks. Rejects when it came to none. */
export async function scenario(url: string, name: string, revision: Revision): Promise<readonly Check[]> {
  const out = mkdtempSync(join(tmpdir(), 'conformance-'))
  try {
    const ran = await run([
      'server',
      '--url',
      url,
      '--scenario',
      name,
      '--spec-version',
      revision,
      '--force',
      '-o',
      out,
    ])
    const [folder] = readdirSync(out)
    if (folder === undefined) throw new Error(`${name}: no result (exit ${ran.exitCode}): ${ran.stderr || ran.stdout}`)
    return JSON.parse(readFileSync(join(out, folder, 'checks.json'), 'utf8')) as readonly Check[]
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

async function run(args: readonly string[]) {
  const commands = await installed(suite)
  const program = join(commands, suite.command)
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? tmpdir() }
  return await supervise({ argv: [process.execPath, program, ...args], cwd: tmpdir(), env, timeoutMs: 90_000 })
}

/**
 * A door before a server that needs a token: the suite can send none. What a request says of its `Host` and `Origin` goes through as it
 * came, but for the port, which is another one there.
 */
export async function doorTo(url: string, token: string) {
  const target = new URL(url)
  const server = createServer((asked, answer) => {
    const { port } = server.address() as AddressInfo
    const host = (asked.headers.host ?? '').replace(`:${port}`, `:${target.port}`)
    const headers = { ...asked.headers, host, authorization: `Bearer ${token}` }
    const passed = request(
      { host: target.hostname, port: target.port, path: asked.url, method: asked.method, headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers)
        answer.flushHeaders()
        got.pipe(answer)
      },
    )
    passed.once('error', () => answer.destroy())
    answer.once('close', () => passed.destroy())
    asked.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
