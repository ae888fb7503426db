import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { browserRunner } from '../../src/checks/browser.ts'
import type { BrowserPlay } from '../../src/core/browser.ts'
import type { Confinement } from '../../src/core/ports.ts'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { page, scratch, serve } from './scene.ts'

const path = process.env.PATH ?? ''
const state = await findSandbox('auto', { PATH: path, HOME: process.env.HOME ?? '/' })
// On a machine without one there is nothing to play in.
const it = test.skipIf(state.sandbox === undefined)

function playConfined(play: BrowserPlay, artifacts: string, confinement: Partial<Confinement>) {
  const run = browserRunner({ path, run: confined(supervise, () => state) })
  const all: Confinement = { writable: [], readable: [], hidden: [], network: 'open', env: ['PATH'], ...confinement }
  return run({ timeoutMs: 4000, ...play }, { signal: new AbortController().signal, artifacts, confinement: all })
}

it('a play goes through in a sandbox, which reaches only what it may', async () => {
  await using server = await serve({ '/': page('reached') })
  using folder = scratch()
  const play = { url: server.url, steps: [{ expect: { text: 'reached' } }] }
  const { host } = new URL(server.url)
  for (const network of ['open', [host]] as const) {
    const result = await playConfined(play, folder.path, { network })
    expect(result.error, String(network)).toBeNull()
    expect(result.screenshots).toHaveLength(1)
  }
  const alone = await playConfined(play, folder.path, { network: 'none' })
  expect(alone.error).toContain(`cannot open ${server.url}: net::ERR_CONNECTION_REFUSED (is the server running?)`)
})

it('what is hidden from a play, its browser cannot open', async () => {
  using folder = scratch()
  const secrets = join(folder.path, 'secrets')
  mkdirSync(secrets)
  writeFileSync(join(secrets, 'page.html'), page('swordfish'))
  const play = { url: pathToFileURL(join(secrets, 'page.html')).href, steps: [{ expect: { text: 'swordfish' } }] }
  expect(await playConfined(play, folder.path, { readable: [folder.path] })).toMatchObject({ ok: true })
  expect(await playConfined(play, folder.path, { readable: [folder.path], hidden: [secrets] })).toMatchObject({
    ok: false,
    error: expect.stringContaining('ERR_FILE_NOT_FOUND'),
  })
})
