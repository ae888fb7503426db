import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright-core'
import { describeStep, selectorOf } from '../../core/browser.ts'
import { messageOf } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import { within } from '../../process/within.ts'
import { Findings } from './findings.ts'
import { addressOf, explain, perform } from './perform.ts'
import type { PlayOrder, PlayReport } from './protocol.ts'
import { type Server, startServer } from './server.ts'
import { watch } from './watch.ts'

// The program that drives the browser, in a process of its own: what a page sends, however much it is, cannot hurt the engine, and whoever
// supervises it has Chromium in the same tree. It reads a `PlayOrder` on stdin and says `PlayReport`s on stdout.

const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
  '--no-default-browser-check',
]
const launchMs = 30_000
const closeMs = 5000
/** How long a server may refuse connections: one that the play starts may have to build something first. */
const patienceMs = { own: 30_000, others: 10_000 }
const pictureMs = 4000
const againMs = 200
/** How long a step may take to say why it failed when the time is over. */
const lateMs = 500
/** How long a page may take to come to rest after the last step, in which late errors show. */
const settleMs = 3000

function say(report: PlayReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

async function main(): Promise<void> {
  let text = ''
  for await (const piece of process.stdin.setEncoding('utf8')) text += piece
  const order = JSON.parse(text) as PlayOrder
  // biome-ignore lint/style/noProcessEnv: who supervises and confines this process says so nowhere else
  const own = process.env
  const tell = (line: string) => say({ kind: 'server', text: line })
  const server = order.server === undefined ? undefined : await startServer(order.server, own, tell)
  try {
    await playWith(order, server)
  } finally {
    await server?.end()
  }
}

async function playWith(order: PlayOrder, server: Server | undefined): Promise<void> {
  let browser: Browser
  try {
    browser = await chromium.launch({
      executablePath: order.executable,
      headless: true,
      chromiumSandbox: order.sandbox,
      args: quiet,
      // Windows a page opens by itself are blocked, as for people.
      ignoreDefaultArgs: ['--disable-popup-blocking'],
      timeout: launchMs,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    })
  } catch (error) {
    say({ kind: 'broken', message: launchProblem(error) })
    return
  }
  say({ kind: 'started', browser: `Chromium ${browser.version()}` })
  try {
    await play(browser, order, server)
    say({ kind: 'end' })
  } catch (error) {
    say({ kind: 'broken', message: explain(error) })
  }
  await within(
    browser.close().catch(() => undefined),
    closeMs,
  )
}

async function play(
  browser: Browser,
  { play, pictures, timeoutMs }: PlayOrder,
  server: Server | undefined,
): Promise<void> {
  const context = await browser.newContext({
    viewport: play.viewport ?? { width: 1280, height: 800 },
    acceptDownloads: false,
    permissions: [],
    locale: 'en-US',
  })
  const page = await context.newPage()
  const findings = new Findings(say)
  const until = performance.now() + timeoutMs
  const stopped = Promise.withResolvers<'stopped'>()
  let opening = false
  watch(context, page, {
    findings,
    say,
    allowConsoleErrors: play.allowConsoleErrors === true,
    isOwn: ownAddresses([play.url, ...play.steps.map((step) => ('open' in step ? step.open : undefined))], play.url),
    isOpening: () => opening,
    stop: () => stopped.resolve('stopped'),
  })
  server?.ended.then((text) => {
    findings.add({ kind: 'server', text, fatal: true })
    stopped.resolve('stopped')
  })
  const camera = new Camera(page, pictures, findings)
  const stage = {
    page,
    base: play.url,
    patienceMs: server === undefined ? patienceMs.others : patienceMs.own,
    left: () => until - performance.now(),
    picture: (name: string) => camera.take(name),
  }
  const steps = play.url === undefined ? play.steps : [{ open: play.url }, ...play.steps]
  let failed = false
  for (const [index, step] of steps.entries()) {
    // The play's own address is step 0.
    findings.step = play.url === undefined ? index + 1 : index
    say({ kind: 'step', step: findings.step, words: describeStep(step) })
    const began = performance.now()
    opening = 'open' in step
    const done = perform(step, stage).then(
      () => 'passed' as const,
      (error: unknown) => ({ error: messageOf(error) }),
    )
    const end = await within(Promise.race([done, stopped.promise]), Math.max(0, stage.left()) + lateMs)
    if (end === 'passed') {
      say({ kind: 'passed', step: findings.step, ms: Math.round(performance.now() - began) })
      continue
    }
    failed = true
    const selector = selectorOf(step)
    const about = { ...(selector === undefined ? {} : { selector }), url: page.url(), fatal: true }
    if (end === undefined || (typeof end === 'object' && stage.left() <= 0)) {
      const why = end === undefined ? `cannot ${describeStep(step)}` : end.error
      findings.add({ kind: 'timeout', text: `${why}, and the play's ${timeoutMs / 1000} s are over`, ...about })
    } else if (typeof end === 'object' && (await within(stopped.promise, lateMs)) === undefined) {
      findings.add({ kind: 'failed_step', text: end.error, ...about })
    }
    break
  }
  if (!failed) await settle(page, stopped.promise)
  await camera.take(failed ? 'failure' : 'end')
  findings.close()
}

/** Waits, for a bounded time, until a page asks for nothing more and has run what it had to run. */
async function settle(page: Page, stopped: Promise<unknown>): Promise<void> {
  const idle = page
    .waitForLoadState('networkidle', { timeout: settleMs })
    .then(() => page.evaluate('new Promise((done) => setTimeout(done, 50))'))
    .catch(() => undefined)
  await within(Promise.race([idle, stopped]), settleMs + 500)
}

/** Takes the pictures of a play. */
class Camera {
  readonly #page: Page
  readonly #folder: string
  readonly #findings: Findings
  #taken = 0

  constructor(page: Page, folder: string, findings: Findings) {
    this.#page = page
    this.#folder = folder
    this.#findings = findings
  }

  /** What does not come in time is left out: a page may be busy for ever. */
  async take(name: string): Promise<void> {
    const until = performance.now() + pictureMs
    let taken = await this.#try(until)
    // Between two pages there is for a moment nothing to be seen.
    while ('error' in taken && !/closed|crashed/.test(taken.error) && performance.now() + againMs < until) {
      await sleep(againMs)
      taken = await this.#try(until)
    }
    if ('error' in taken) return say({ kind: 'note', text: `no screenshot ${JSON.stringify(name)}: ${taken.error}` })
    this.#taken++
    const file = `${this.#taken}.png`
    await writeFile(join(this.#folder, file), taken)
    say({ kind: 'picture', file, name, step: this.#findings.step })
  }

  async #try(until: number): Promise<Buffer | { readonly error: string }> {
    const timeout = Math.max(1, until - performance.now())
    const taking = this.#page.screenshot({ timeout, animations: 'disabled' }).catch((error: unknown) => ({
      error: explain(error),
    }))
    return (await within(taking, timeout + 500)) ?? { error: 'the page did not answer' }
  }
}

/** Whether an address belongs to one of the places that the play opens. */
function ownAddresses(opened: readonly (string | undefined)[], base: string | undefined): (url: string) => boolean {
  const own = new Set<string>()
  for (const address of opened) {
    if (address === undefined) continue
    try {
      own.add(originOf(addressOf(address, base)))
    } catch {
      // Its step will say so.
    }
  }
  return (url) => own.has(originOf(url))
}

function originOf(url: string): string {
  if (!URL.canParse(url)) return ''
  const { origin, protocol } = new URL(url)
  // A WebSocket belongs to the server it is spoken with; files have no origin.
  return origin === 'null' ? protocol : origin.replace(/^ws/, 'http')
}

function launchProblem(error: unknown): string {
  const said = messageOf(error)
  if (/No usable sandbox|SUID sandbox helper|namespace sandbox/i.test(said)) {
    return 'Chromium cannot set up its sandbox here: allow unprivileged user namespaces, or install the browser from your distribution'
  }
  const missing = /error while loading shared libraries: (\S+)/.exec(said)?.[1]
  if (missing !== undefined) return `Chromium lacks the library ${missing}: install the browser from your distribution`
  // Its own words are in the lines it printed; the command line before them is of no use to anyone.
  const printed = [...said.matchAll(/\[pid=\d+\]\[(?:err|out)\] *(.+)$/gm)].map(([, line]) => line ?? '')
  const words = printed.filter((line) => !/dbus|unexpected operator/i.test(line)).slice(-4)
  const exit = /<process did exit: ([^>]{1,80})>/.exec(said)?.[1]
  if (exit !== undefined) return oneLine(['Chromium did not start', ...new Set(words), exit].join('; '), 500)
  const head = said.split('\n', 1)[0]?.replace(/^(?:\w+\.)+\w+: /, '') ?? ''
  return oneLine(`Chromium did not start: ${[head, ...words].join('; ')}`, 500)
}

await main()
// Written out, then gone, whatever a page still holds open.
await Promise.race([new Promise((done) => process.stdout.write('', done)), sleep(2000)])
process.exit(0)
