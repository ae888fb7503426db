import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BrowserOptions, type BrowserResult, browserRunner } from '../../src/checks/browser.ts'
import type { BrowserPlay } from '../../src/core/browser.ts'
import type { Confinement } from '../../src/core/ports.ts'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { page, scratch, serve } from './scene.ts'

const path = process.env.PATH ?? ''
const state = await findSandbox('auto', { PATH: path, HOME: process.env.HOME ?? '/' })
const itConfined = test.skipIf(state.sandbox === undefined)

/** A project with a server that tells what it was started with, and where it may be reached. */
async function project(folder: string, more = '') {
  const port = await freePort()
  mkdirSync(join(folder, 'shop'))
  const cwd = join(folder, 'shop')
  writeFileSync(join(cwd, 'index.html'), page('<h1>Shop</h1><img src="/pixel.svg">'))
  writeFileSync(
    join(cwd, 'server.mjs'),
    `import { createServer } from 'node:http'
    import { readFileSync, writeFileSync } from 'node:fs'
    writeFileSync('pid', String(process.pid))
    const server = createServer((request, response) => {
      ${more}
      if (request.url === '/pixel.svg') return response.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg xmlns="http://www.w3.org/2000/svg"/>')
      response.writeHead(200, { 'content-type': 'text/html' })
      if (request.url === '/facts') return response.end('<pre>' + [process.env.LOOPWRIGHT_ROUND, process.env.GREETING, process.env.SECRET ?? 'no secret', process.cwd()].join(' ') + '</pre>')
      response.end(readFileSync('index.html'))
    })
    process.on('SIGTERM', () => { console.log('asked to end'); process.exit(0) })
    server.listen(${port}, '127.0.0.1', () => console.log('listening', '\\u001b[31mred\\u001b[0m'))`,
  )
  return { cwd, port, url: `http://127.0.0.1:${port}/` }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

function play(what: BrowserPlay, options: Partial<BrowserOptions> & { artifacts: string }): Promise<BrowserResult> {
  const run = browserRunner({ path, env: { SECRET: 'swordfish' }, run: confined(supervise, () => state) })
  return run(what, { signal: new AbortController().signal, ...options })
}

/** Whether a process runs; one that has ended and waits for its parent does not. */
function runs(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}

const argv = ['node', 'server.mjs']

test('a play starts its server in the workspace, with the facts of the run, and ends it', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const outputPath = join(folder.path, 'play.log')
  const result = await play(
    {
      url,
      serve: { argv, env: { GREETING: 'hello' } },
      steps: [
        { expect: { text: 'Shop', selector: 'h1' } },
        { open: '/facts' },
        { expect: { text: `3 hello swordfish ${cwd}` } },
      ],
    },
    { artifacts: folder.path, cwd, env: { LOOPWRIGHT_ROUND: '3' }, outputPath },
  )
  expect(result.error).toBeNull()
  expect(result.screenshots.map(({ name }) => name)).toEqual(['end'])
  const log = readFileSync(outputPath, 'utf8')
  expect(log).toContain('   [server] listening red\n')
  expect(log).toContain('   [server] asked to end\n')
  expect(runs(Number(readFileSync(join(cwd, 'pid'), 'utf8')))).toBe(false)
})

test('a shell line is a server too, and all that it started is ended with it', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const result = await play(
    { url, serve: { shell: 'echo first; (exec node server.mjs) & wait' }, steps: [{ expect: { text: 'Shop' } }] },
    { artifacts: folder.path, cwd },
  )
  expect(result.error).toBeNull()
  expect(result.stdout).toContain('[server] first')
  expect(runs(Number(readFileSync(join(cwd, 'pid'), 'utf8')))).toBe(false)
})

test.each([
  [{ argv: ['node', '-e', 'throw new TypeError("no port")'] }, 'the server ended with exit 1: TypeError: no port'],
  [{ shell: 'echo all done' }, 'the server ended with exit 0: all done'],
  [{ shell: 'kill -9 $$' }, 'the server ended by SIGKILL'],
  [{ argv: ['no-such-server'] }, 'the server cannot be started: command not found: no-such-server'],
  [{ shell: 'yes | head -c 20000000; echo "Error: the disk is full"; exit 3' }, 'exit 3: Error: the disk is full'],
])('a server that ends by itself fails the play, which tells why: %j', async (command, said) => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const result = await play({ url, serve: command, steps: [] }, { artifacts: folder.path, cwd })
  expect(result).toMatchObject({ ok: false, error: expect.stringContaining(said) })
  expect(result.findings).toContainEqual(expect.objectContaining({ kind: 'server', fatal: true }))
  expect(result.screenshots.map(({ name }) => name)).toEqual(['failure'])
  expect(result.stdout.length).toBeLessThan(100_000)
})

test('a server that dies under a step is why the step failed', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path, `if (request.url === '/die') throw new RangeError('too much')`)
  const result = await play(
    { url, serve: { argv }, steps: [{ open: '/die' }, { wait: '#never' }] },
    { artifacts: folder.path, cwd },
  )
  expect(result.error).toMatch(/^step [12]: the server ended with exit 1: RangeError: too much/)
  expect(result.screenshots.map(({ name }) => name)).toEqual(['failure'])
})

test('somebody else who answers at the address is not taken for the server', async () => {
  await using other = await serve({ '/': page('Shop') })
  using folder = scratch()
  const { cwd } = await project(folder.path)
  const result = await play(
    { url: other.url, serve: { argv }, steps: [{ expect: { text: 'Shop' } }] },
    { artifacts: folder.path, cwd },
  )
  expect(result.error).toContain(`the server was not started: ${new URL(other.url).host} is taken already`)
})

test('a play that is cancelled leaves no server, even one that does not want to end', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  writeFileSync(
    join(cwd, 'deaf.mjs'),
    `await import('./server.mjs'); process.removeAllListeners('SIGTERM').on('SIGTERM', () => {})`,
  )
  const cancel = new AbortController()
  const playing = play(
    { url, serve: { argv: ['node', 'deaf.mjs'] }, steps: [{ wait: '#never' }] },
    { artifacts: folder.path, cwd, signal: cancel.signal },
  )
  await expect
    .poll(
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 30_000 },
    )
    .toBe(true)
  cancel.abort()
  expect(await playing).toMatchObject({ ok: false, error: 'cancelled' })
  expect(runs(Number(readFileSync(join(cwd, 'pid'), 'utf8')))).toBe(false)
})

test('the last picture is kept, however many were taken before it', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const steps = Array.from({ length: 55 }, (_, n) => ({ screenshot: `picture ${n}` }))
  const result = await play(
    { url, serve: { argv }, steps, viewport: { width: 100, height: 100 } },
    { artifacts: folder.path, cwd },
  )
  expect(result.screenshots).toHaveLength(50)
  expect(result.screenshots.at(-1)?.name).toBe('end')
})

itConfined.each<[string, Confinement['network']]>([
  ['none', 'none'],
  ['a list', ['registries']],
  ['open', 'open'],
])('in a sandbox a play reaches its own server, with a network of %s', async (_name, network) => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const confinement: Confinement = { writable: [cwd], readable: [], hidden: [], network, env: [] }
  const result = await play(
    {
      url,
      serve: { argv, env: { GREETING: 'hello' } },
      steps: [{ expect: { text: 'Shop' } }, { open: '/facts' }, { expect: { text: `3 hello no secret ${cwd}` } }],
    },
    { artifacts: join(folder.path, 'artifacts'), cwd, env: { LOOPWRIGHT_ROUND: '3' }, confinement },
  )
  expect(result.error).toBeNull()
  expect(result.screenshots).toHaveLength(1)
})

itConfined('in a sandbox a server reads nothing that is hidden', async () => {
  using folder = scratch()
  const { cwd, url } = await project(folder.path)
  const hidden = join(folder.path, 'hidden')
  mkdirSync(hidden)
  writeFileSync(join(hidden, 'key'), 'swordfish')
  const confinement: Confinement = { writable: [cwd], readable: [], hidden: [hidden], network: 'none', env: [] }
  const result = await play(
    { url, serve: { shell: `cat ${hidden}/key` }, steps: [] },
    { artifacts: join(folder.path, 'artifacts'), cwd, confinement },
  )
  expect(result.error).toMatch(/the server ended with exit 1: .*No such file/)
  expect(result.stdout).not.toContain('swordfish')
})
