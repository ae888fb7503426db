import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { browserRunner } from '../../src/checks/browser.ts'
import { readEnvironment } from '../../src/process/table.ts'
import { ProcessTree } from '../../src/process/tree.ts'
import { page, play, scratch, serve } from './scene.ts'

/** Plays one page with nothing to do, and hands back what was found and whether anything is left. */
async function visit(
  body: string,
  what: { readonly steps?: Parameters<typeof play>[0]['steps']; readonly timeoutMs?: number } = {},
) {
  await using server = await serve({ '/': page(body), '/other': page('other') })
  using folder = scratch()
  using temporary = scratch()
  let marker = ''
  const result = await play(
    { url: server.url, steps: what.steps ?? [], timeoutMs: what.timeoutMs ?? 20_000 },
    {
      artifacts: folder.path,
      temporary: temporary.path,
      onStart: (child) => {
        marker = child.marker
      },
    },
  )
  expect(new ProcessTree({ marker }).members()).toEqual([])
  expect(readdirSync(temporary.path)).toEqual([])
  return { ...result, url: server.url, kinds: result.findings.map(({ kind }) => kind) }
}

test('dialogs without end are dismissed, and end the play', async () => {
  const result = await visit('<script>setTimeout(() => { for (;;) alert("again") }, 100)</script>', {
    steps: [{ wait: '#never' }],
  })
  expect(result.error).toBe('step 1: the page showed more than 20 dialogs')
  expect(result.findings.find(({ kind }) => kind === 'dialog')?.times).toBeGreaterThan(20)
  expect(result.duration).toBeLessThan(20)
})

test('one dialog is dismissed and noted; the play goes on', async () => {
  const result = await visit(
    '<p></p><script>document.querySelector("p").textContent = "said " + confirm("sure?")</script>',
    {
      steps: [{ expect: { text: 'said false' } }],
    },
  )
  expect(result).toMatchObject({ ok: true, findings: [{ kind: 'dialog', text: 'confirm: sure?', fatal: false }] })
})

test('a page that is busy for ever ends with the time of the play', async () => {
  const result = await visit(
    '<button>go</button><script>document.querySelector("button").onclick = () => { for (;;); }</script>',
    {
      steps: [{ click: 'button' }, { expect: { text: 'done' } }],
      timeoutMs: 3000,
    },
  )
  expect(result).toMatchObject({ ok: false, failure: 'timeout' })
  expect(result.error).toMatch(/the play's 3 s are over/)
})

test('a page that is busy from its first moment ends too', async () => {
  const result = await visit('<script>for (;;);</script>', { timeoutMs: 2000 })
  expect(result).toMatchObject({ ok: false, failure: 'timeout', screenshots: [] })
})

test('a flood of console errors is bounded', async () => {
  const result = await visit('<script>for (let n = 0; n < 20000; n++) console.error("bad " + n)</script>', {
    steps: [{ expect: { title: 'A page' } }],
    timeoutMs: 60_000,
  })
  expect(result.ok).toBe(false)
  expect(result.findings.length).toBeLessThanOrEqual(101)
  expect(result.stdout.length).toBeLessThan(200_000)
})

test('one message of 300 MB does not reach the engine', async () => {
  const before = process.memoryUsage().rss
  const result = await visit('<script>console.error("x".repeat(300e6))</script>', { timeoutMs: 15_000 })
  expect(result.ok).toBe(false)
  expect(JSON.stringify(result).length).toBeLessThan(100_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 ** 2)
})

test('a huge page is pictured as far as the window shows it', async () => {
  const rows = '<script>document.write("<p>row</p>".repeat(100000)); document.title = "written"</script>'
  const result = await visit(rows, {
    steps: [{ expect: { text: 'row row' } }, { screenshot: 'rows' }],
    timeoutMs: 60_000,
  })
  expect(result.error).toBeNull()
  expect(result.screenshots).toHaveLength(2)
})

test('a window the page opens on a click is closed and noted; one that it opens by itself is blocked', async () => {
  const result = await visit(
    '<button onclick="window.open(\'/other\')">go</button><script>for (let n = 0; n < 50; n++) window.open("/other?" + n)</script>',
    { steps: [{ click: 'button' }, { expect: { text: 'go' } }] },
  )
  expect(result.error).toBeNull()
  expect(result.kinds).toContain('popup')
  expect(
    result.findings.filter(({ kind }) => kind === 'popup').reduce((sum, { times = 1 }) => sum + times, 0),
  ).toBeLessThan(5)
})

test('downloads are refused and noted', async () => {
  const result = await visit('<a href="data:application/octet-stream,abc" download="loot.bin">get</a>', {
    steps: [{ click: 'a' }],
  })
  expect(result.findings).toEqual([
    expect.objectContaining({ kind: 'download', text: 'a download was refused: loot.bin' }),
  ])
})

test('a page of the web reads no file, and one that goes elsewhere is noted', async () => {
  await using elsewhere = await serve({ '/': page('elsewhere') })
  using folder = scratch()
  const secret = join(folder.path, 'secret.txt')
  writeFileSync(secret, 'swordfish')
  const result = await visit(
    `<iframe src="${pathToFileURL(secret)}"></iframe><a href="${elsewhere.url}">go</a>
    <script>fetch("${pathToFileURL(secret)}").then((r) => r.text()).then((t) => document.title = t, () => {})
    location.hash = 'here'
    try { location.href = "${pathToFileURL(secret)}" } catch {}</script>`,
    { steps: [{ expect: { title: 'A page' } }, { click: 'a' }, { expect: { text: 'elsewhere' } }] },
  )
  expect(result.steps).toEqual({ done: 3, total: 3 })
  expect(JSON.stringify(result)).not.toContain('swordfish')
  expect(result.findings).toContainEqual(
    expect.objectContaining({ kind: 'navigation', url: elsewhere.url, fatal: false }),
  )
})

test('a file is played when it is what the play opens', async () => {
  using folder = scratch()
  const file = join(folder.path, 'page.html')
  writeFileSync(file, page('from a file'))
  const steps = [{ expect: { text: 'from a file' } }] as const
  const result = await play({ url: pathToFileURL(file).href, steps }, { artifacts: join(folder.path, 'a') })
  expect(result.error).toBeNull()
})

test('a cancelled play leaves no process, and nothing of our environment was in any', async () => {
  await using server = await serve({ '/': page('waiting') })
  using folder = scratch()
  process.env.LOOPWRIGHT_TEST_SECRET = 'swordfish-in-the-environment'
  using temporary = scratch()
  const cancel = new AbortController()
  const environments: string[] = []
  let tree: ProcessTree | undefined
  const result = await play(
    { url: server.url, steps: [{ expect: { text: 'waiting' } }, { screenshot: 'now' }, { wait: '#never' }] },
    {
      artifacts: folder.path,
      temporary: temporary.path,
      signal: cancel.signal,
      onStart: (child) => {
        const found = new ProcessTree({ root: child, marker: child.marker })
        tree = found
        const look = setInterval(() => {
          const members = found.members()
          // Browser, zygotes, graphics, network, page: as soon as all are there.
          if (members.length < 6) return
          clearInterval(look)
          environments.push(...members.map(({ pid }) => readEnvironment(pid)?.toString() ?? ''))
          cancel.abort()
        }, 50)
      },
    },
  )
  delete process.env.LOOPWRIGHT_TEST_SECRET
  expect(result).toMatchObject({ ok: false, error: 'cancelled' })
  expect(environments.length).toBeGreaterThanOrEqual(6)
  expect(environments.join()).not.toContain('swordfish')
  expect(environments.join()).not.toContain(`HOME=${process.env.HOME}\0`)
  expect(tree?.members()).toEqual([])
  expect(readdirSync(temporary.path)).toEqual([])
})

test.each(['player', 'browser'] as const)(
  'when the %s is killed the play says so, and nothing is left',
  async (whom) => {
    await using server = await serve({ '/': page('waiting') })
    using folder = scratch()
    const log = join(folder.path, 'play.log')
    let tree: ProcessTree | undefined
    const result = await play(
      { url: server.url, steps: [{ wait: '#never' }] },
      {
        artifacts: folder.path,
        outputPath: log,
        onStart: (child) => {
          const found = new ProcessTree({ root: child, marker: child.marker })
          tree = found
          const look = setInterval(() => {
            const members = found.members()
            if (!existsSync(log) || !readFileSync(log, 'utf8').includes('wait for #never')) return
            clearInterval(look)
            const browser = members.find(({ parent }) => parent === child.pid)
            process.kill(whom === 'player' ? child.pid : (browser?.pid ?? 0), 'SIGKILL')
          }, 50)
        },
      },
    )
    expect(result.ok).toBe(false)
    expect(result.failure).toBe('crash')
    expect(tree?.members()).toEqual([])
  },
)

test('when the engine is killed its browser is gone too', async () => {
  await using server = await serve({ '/': page('waiting') })
  using folder = scratch()
  const program = fileURLToPath(new URL('./engine-process.ts', import.meta.url))
  // Its scratch directory outlives it, so it gets a place that is removed.
  const engine = spawn(process.execPath, [program, server.url, folder.path], {
    env: { PATH: process.env.PATH, HOME: folder.path, TMPDIR: folder.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(engine.stdout, 'data')
  const tree = new ProcessTree({ marker: String(said).trim() })
  const log = join(folder.path, 'play.log')
  await vi.waitUntil(() => existsSync(log) && readFileSync(log, 'utf8').includes('wait for #never'), {
    timeout: 30_000,
  })
  expect(tree.members().length).toBeGreaterThanOrEqual(6)
  engine.kill('SIGKILL')
  await vi.waitUntil(() => tree.members().length === 0, { timeout: 30_000 })
})

test('two plays at once do not meet', async () => {
  await using server = await serve({
    '/': page('<script>document.title = localStorage.seen ?? "new"; localStorage.seen = "seen"</script>'),
  })
  using folder = scratch()
  const steps = [{ expect: { title: 'new' } }] as const
  const both = await Promise.all(
    ['a', 'b'].map((name) => play({ url: server.url, steps }, { artifacts: join(folder.path, name) })),
  )
  expect(both.map(({ error }) => error)).toEqual([null, null])
})

test('a browser that cannot start is told with what it said', async () => {
  using folder = scratch()
  const executable = join(folder.path, 'chromium')
  writeFileSync(executable, '#!/bin/sh\necho "no display, no luck" >&2\nexit 3\n', { mode: 0o755 })
  const run = browserRunner({ path: process.env.PATH ?? '', executable })
  const signal = new AbortController().signal
  const result = await run({ url: 'http://127.0.0.1/', steps: [] }, { signal, artifacts: folder.path })
  expect(result.error).toBe('Chromium did not start; no display, no luck; exitCode=3, signal=null')
})

test('a temporary directory with a path too long for sockets is not in the way', async () => {
  await using server = await serve({ '/': page('<p>there</p>') })
  using folder = scratch()
  const temporary = join(folder.path, 'deep'.repeat(20))
  mkdirSync(temporary)
  const before = readdirSync('/tmp')
  const result = await play(
    { url: server.url, steps: [{ expect: { text: 'there' } }] },
    { artifacts: folder.path, temporary },
  )
  expect(result).toMatchObject({ ok: true, error: null })
  const left = readdirSync('/tmp').filter((name) => name.startsWith('loopwright-browser-') && !before.includes(name))
  expect(left).toEqual([])
})
