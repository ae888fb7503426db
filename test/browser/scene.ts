import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserOptions, type BrowserResult, browserRunner } from '../../src/checks/browser.ts'
import type { BrowserPlay } from '../../src/core/browser.ts'

/** What a path answers: HTML, or whatever a function does. */
export type Answer = string | ((request: IncomingMessage, response: ServerResponse) => void)

/** A server on the loopback, gone at the end of its block. */
export async function serve(
  pages: Readonly<Record<string, Answer>>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const answer = pages[(request.url ?? '/').split('?')[0] ?? '/']
    if (typeof answer === 'function') return answer(request, response)
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(answer ?? 'nothing here')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** A temporary directory, gone at the end of its block. */
export function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'loopwright-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Plays with the Chromium of this machine. */
export function play(
  what: BrowserPlay,
  { temporary, ...options }: Partial<BrowserOptions> & { readonly artifacts: string; readonly temporary?: string },
): Promise<BrowserResult> {
  const run = browserRunner({ path: process.env.PATH ?? '', ...(temporary === undefined ? {} : { temporary }) })
  return run(what, { signal: new AbortController().signal, ...options })
}

/** A whole page. */
export function page(body: string, title = 'A page'): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body>${body}</body></html>`
}
