import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { page, play, scratch, serve } from './scene.ts'

const form = page(
  `<h1>Names</h1><input id="name" placeholder="Name"><button id="add">Add</button><p id="status">none   yet</p>
  <ul></ul><p id="secret" hidden>hidden words</p>
  <script>
    document.querySelector('#add').onclick = () => {
      const name = document.querySelector('#name')
      document.querySelector('ul').insertAdjacentHTML('beforeend', '<li></li>')
      document.querySelector('li:last-child').textContent = name.value
      setTimeout(() => { document.querySelector('#status').textContent = 'added ' + name.value }, 100)
    }
    document.onkeydown = (event) => { if (event.key === 'Escape') history.pushState(null, '', '/home'), document.title = 'Home' }
  </script>`,
)

test('a play that goes through passes, tells each step in its log, and leaves its pictures', async () => {
  await using server = await serve({ '/': form })
  using folder = scratch()
  const result = await play(
    {
      url: server.url,
      steps: [
        { wait: '#add' },
        { type: { selector: '#name', text: 'Ada' } },
        { click: '#add' },
        { expect: { text: 'added Ada', selector: '#status' } },
        { expect: { text: 'Ada', selector: '#name' } },
        { expect: { count: 1, selector: 'li' } },
        { expect: { visible: 'text=Names' } },
        { expect: { hidden: '#secret' } },
        { expect: { hidden: '#not-there' } },
        { press: 'Escape' },
        { expect: { url: '/home' } },
        { expect: { title: 'Home' } },
        { screenshot: '../../After: adding' },
      ],
      viewport: { width: 400, height: 300 },
    },
    { artifacts: join(folder.path, 'artifacts'), prefix: 'round-1', outputPath: join(folder.path, 'logs', 'play.log') },
  )
  expect(result.error).toBeNull()
  expect(result).toMatchObject({ ok: true, exit_code: null, findings: [], steps: { done: 13, total: 13 } })
  expect(readdirSync(join(folder.path, 'artifacts'))).toEqual(['round-1-1-after-adding.png', 'round-1-2-end.png'])
  expect(result.screenshots.map(({ step }) => step)).toEqual([13, 13])
  const picture = readFileSync(result.screenshots[0]?.path ?? '')
  expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([400, 300])
  const log = readFileSync(join(folder.path, 'logs', 'play.log'), 'utf8')
  expect(log).toBe(result.stdout)
  expect(log).toMatch(/^Chromium \d+/)
  expect(log).toContain('2. type 3 characters into #name\n   ✓')
})

test('a step that fails is told with its number and selector, with a picture, and ends the play', async () => {
  await using server = await serve({ '/': form })
  using folder = scratch()
  const result = await play(
    {
      url: server.url,
      steps: [{ click: '#add' }, { expect: { text: 'added Eve', selector: 'li' } }, { click: '#add' }],
      timeoutMs: 4000,
    },
    { artifacts: folder.path },
  )
  expect(result).toMatchObject({ ok: false, steps: { done: 1, total: 3 } })
  const last = result.findings.at(-1)
  expect(last).toMatchObject({ step: 2, selector: 'li', fatal: true, url: server.url })
  expect(result.error).toContain('expected text "added Eve" in li, but')
  expect(readdirSync(folder.path)).toEqual(['play-1-failure.png'])
})

test.each([
  [{ click: '#nope' }, /cannot click #nope/],
  [{ type: { selector: 'h1', text: 'x' } }, /cannot type 1 characters into h1: .*not an <input>/],
  [{ press: 'NoSuchKey' }, /Unknown key/],
  [{ expect: { visible: '#secret' } }, /#secret visible, but it is hidden/],
  [{ expect: { hidden: 'h1' } }, /h1 hidden, but 1 is visible/],
  [{ expect: { count: 2, selector: 'button' } }, /2 × button, but there are 1/],
  [{ expect: { title: 'Other' } }, /the title is "A page"/],
  [{ expect: { text: 'x', selector: '#nope' } }, /but nothing matches/],
  [{ expect: { visible: 'div[[' } }, /div\[\[/],
  [{ open: 'javascript:alert(1)' }, /only http, https and file/],
  [{ open: 'http://127.0.0.1:1/' }, /cannot open http:\/\/127\.0\.0\.1:1\//],
] as const)('what is wrong is said in one line: %j', async (step, said) => {
  await using server = await serve({ '/': form })
  using folder = scratch()
  const result = await play({ url: server.url, steps: [step], timeoutMs: 2000 }, { artifacts: folder.path })
  expect(result.ok).toBe(false)
  expect(result.error).toMatch(said)
  expect(result.error).not.toContain('\n')
})

test('console errors, errors of the page and failed requests are findings, also when every step passes', async () => {
  await using server = await serve({
    '/': page(`<p>here</p><script>
      console.error('this is', 'bad')
      fetch('/missing.json?id=1')
      fetch('http://127.0.0.1:1/other').catch(() => {})
      setTimeout(() => { throw new TypeError('late and wrong') }, 50)
    </script><img src="/also-missing.png">`),
  })
  using folder = scratch()
  const result = await play({ url: server.url, steps: [{ expect: { text: 'here' } }] }, { artifacts: folder.path })
  const seen = result.findings.map(({ kind, text, fatal }) => `${kind} ${fatal} ${text.replaceAll(server.url, '/')}`)
  expect(seen.toSorted()).toEqual([
    'console_error true this is bad',
    expect.stringMatching(/^failed_request false GET http:\/\/127\.0\.0\.1:1\/other: net::ERR_/),
    'failed_request true GET /also-missing.png: 404 Not Found',
    'failed_request true GET /missing.json?id=1: 404 Not Found',
    expect.stringContaining('page_error true TypeError: late and wrong'),
  ])
  expect(result.ok).toBe(false)
  expect(result.steps).toEqual({ done: 1, total: 1 })
})

test('console errors can be allowed; what the page throws cannot', async () => {
  await using server = await serve({
    '/': page(`<script>console.error('known')</script>`),
    '/throws': page(`<script>console.error('known'); nope()</script>`),
  })
  using folder = scratch()
  const allowed = await play({ url: server.url, steps: [], allowConsoleErrors: true }, { artifacts: folder.path })
  expect(allowed).toMatchObject({ ok: true, findings: [{ kind: 'console_error', fatal: false }] })
  const throws = await play(
    { url: `${server.url}throws`, steps: [], allowConsoleErrors: true },
    { artifacts: folder.path },
  )
  expect(throws).toMatchObject({ ok: false, error: expect.stringContaining('nope is not defined') })
})

test('a server that starts a moment later is waited for', async () => {
  await using first = await serve({})
  const { url } = first
  await first[Symbol.asyncDispose]()
  using folder = scratch()
  const { createServer } = await import('node:http')
  const server = createServer((_, response) => response.end('<title>late</title>'))
  const playing = play(
    { url, steps: [{ expect: { title: 'late' } }] },
    {
      artifacts: folder.path,
      onStart: () => void setTimeout(() => server.listen(Number(new URL(url).port), '127.0.0.1'), 1500),
    },
  )
  const result = await playing
  server.close()
  expect(result.error).toBeNull()
})

test('the log hides secrets and so do findings', async () => {
  await using server = await serve({ '/': page(`<script>console.error('key swordfish-swordfish')</script>`) })
  using folder = scratch()
  const { browserRunner } = await import('../../src/checks/browser.ts')
  const run = browserRunner({
    path: process.env.PATH ?? '',
    redact: (text) => text.replaceAll('swordfish-swordfish', '[redacted]'),
  })
  const outputPath = join(folder.path, 'play.log')
  const result = await run(
    { url: server.url, steps: [] },
    { signal: new AbortController().signal, artifacts: folder.path, outputPath },
  )
  expect(JSON.stringify(result) + readFileSync(outputPath, 'utf8')).not.toContain('swordfish')
  expect(result.findings[0]?.text).toBe('key [redacted]')
  expect(existsSync(outputPath)).toBe(true)
})
