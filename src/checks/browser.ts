import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserFinding, BrowserPlay } from '../core/browser.ts'
import { LoopwrightError } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import type { CheckResult, CommandFailure, Confinement, Redact } from '../core/ports.ts'
import { type Failure, failureOf } from '../process/failure.ts'
import { OutputFile } from '../process/output-file.ts'
import { allowedEnvironment } from '../process/sandbox/environment.ts'
import { type StartedChild, type Supervise, type Supervised, supervise } from '../process/supervise.ts'
import { lastOf } from '../process/tail.ts'
import { type BrowserPlace, findBrowser } from './browser/find.ts'
import { type PlayOrder, type PlayReport, readReport } from './browser/protocol.ts'
import type { ServerOrder } from './browser/server.ts'

/** A picture of a play. */
export interface Screenshot {
  /** As its step called it; `end`, or `failure`. */
  readonly name: string
  readonly path: string
  /** The step it was taken in, from 1; 0 before the first. */
  readonly step: number
}

/** What a play came to: a check's result, of which `stdout` is the log, and what was seen. */
export interface BrowserResult extends CheckResult {
  /** What should not be, the fatal ones too, in the order they were seen. */
  readonly findings: readonly BrowserFinding[]
  readonly screenshots: readonly Screenshot[]
  /** Steps done, and steps there are. */
  readonly steps: { readonly done: number; readonly total: number }
  /** Why the browser did not end well by itself. */
  readonly failure?: CommandFailure
}

/** How one play is run. */
export interface BrowserOptions {
  readonly name?: string
  readonly signal: AbortSignal
  /** Where the play's server runs. A play with a server needs it. */
  readonly cwd?: string
  /** For the play's server alone, over what all commands get. */
  readonly env?: Readonly<Record<string, string>>
  /** Where its pictures go, as `play-1-end.png`; made when it is not there. */
  readonly artifacts: string
  /** What the names of its pictures begin with; `play` by default. */
  readonly prefix?: string
  /** The log, written as it goes. */
  readonly outputPath?: string
  /** How long the steps may take when the play does not say; 60,000 by default. */
  readonly timeoutMs?: number
  /** Chromium needs no more than a network that reaches the page; what the player itself needs is added. */
  readonly confinement?: Confinement
  readonly onStart?: (child: StartedChild) => void
}

/** Plays a page; never rejects for what the page does. Rejects with `missing_tool` without a browser, and `bad_input` for a play that cannot be. */
export type RunBrowser = (play: BrowserPlay, options: BrowserOptions) => Promise<BrowserResult>

/** Where browsers are, and what keeps them. */
export interface BrowserSetup extends BrowserPlace {
  /** What the servers of plays get, as commands do. The browser itself sees none of it. */
  readonly env?: Readonly<Record<string, string>>
  readonly run?: Supervise
  readonly redact?: Redact
  /** Where each play's own directory is made, and removed; the system's temporary directory by default. One too long for sockets is not used, but `/tmp`. */
  readonly temporary?: string
}

const defaultTimeoutMs = 60_000
/** What starting, the last picture, closing and the end of the server may take on top. */
const aroundMs = 50_000
const logChars = 64 * 1024
const pictureBytes = 16 * 1024 * 1024
const mostPictures = 50
const playerHeapMb = 768

/**
 * A `RunBrowser` on the Chromium or Chrome of this machine. Each play has a process, a browser and a profile of its own, which are gone when it
 * ends; they get nothing of our environment but PATH, and the server of a play what commands get. A play is ok when every step passed and no finding is fatal.
 */
export function browserRunner(setup: BrowserSetup): RunBrowser {
  const { run = supervise, redact } = setup
  return async (play, options) => {
    refuseBadPlay(play, options)
    const executable = findBrowser(setup)
    const began = performance.now()
    const timeoutMs = play.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs
    const scratch = await mkdtemp(join(placeForSockets(setup.temporary ?? tmpdir()), 'loopwright-browser-'))
    const pictures = join(scratch, 'pictures')
    const log = new PlayLog(
      options.outputPath === undefined ? undefined : await OutputFile.open(options.outputPath, logChars * 16, redact),
    )
    const told = new Told(log)
    try {
      await mkdir(pictures)
      const sandbox = process.getuid?.() !== 0 && options.confinement === undefined
      const server = serverOf(play, setup, options)
      const order: PlayOrder = {
        play,
        executable,
        sandbox,
        pictures,
        timeoutMs,
        ...(server === undefined ? {} : { server }),
      }
      const env = { PATH: setup.path, HOME: scratch, TMPDIR: scratch, LANG: 'C.UTF-8' }
      const confinement = options.confinement && confineAlso(options.confinement, scratch, executable, Object.keys(env))
      const seen = await run({
        argv: [
          process.execPath,
          `--max-old-space-size=${playerHeapMb}`,
          '--disable-warning=ExperimentalWarning',
          player,
        ],
        cwd: scratch,
        env,
        signal: options.signal,
        timeoutMs: timeoutMs + aroundMs,
        floodBytes: 64 * 1024 * 1024,
        input: JSON.stringify(order),
        onStdout: (text) => told.take(text),
        ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
        ...(confinement === undefined ? {} : { confinement }),
      })
      const broken = brokenBy(seen, told, timeoutMs + aroundMs)
      if (broken !== undefined) await log.line(`✗ ${broken.error}`)
      const shots = await keep(told.pictures, pictures, options)
      for (const shot of shots) await log.line(`screenshot ${shot.name}: ${shot.path}`)
      const findings = [...told.findings.values()].map((finding) => clean(finding, redact))
      const error = broken?.error ?? errorOf(findings)
      await log.line(error === null ? 'ok' : `failed: ${error}`)
      const text = redact === undefined ? log.text : redact(log.text)
      return {
        name: options.name ?? `browser ${oneLine(play.url ?? 'play', 80)}`,
        ok: error === null,
        exit_code: null,
        stdout: lastOf(text, logChars),
        stderr: broken === undefined ? '' : seen.stderr,
        error,
        duration: Math.round(performance.now() - began) / 1000,
        ...(options.outputPath === undefined ? {} : { output_path: options.outputPath }),
        findings,
        screenshots: shots,
        steps: { done: told.done, total: play.steps.length },
        ...(broken?.failure === undefined ? failureIn(findings) : { failure: broken.failure }),
      }
    } finally {
      await log.close()
      await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }).catch(() => undefined)
    }
  }
}

// Beside this file, in the sources as in what is built from them.
const player = fileURLToPath(new URL(`./browser/player${extname(import.meta.url)}`, import.meta.url))

// What Chromium makes below its scratch directory, as long as it gets, and what a socket's address holds on Linux and macOS.
const socketInside = '/loopwright-browser-XXXXXX/org.chromium.Chromium.XXXXXX/SingletonSocket'
const longestSocket = 103

/** Chromium ends at once where the path of its socket does not fit into an address. */
function placeForSockets(temporary: string): string {
  const long = Buffer.byteLength(temporary + socketInside) > longestSocket
  return long && process.platform !== 'win32' ? '/tmp' : temporary
}

/** The log of a play: in memory its end, in a file all of it. */
class PlayLog {
  readonly #file: OutputFile | undefined
  #text = ''

  constructor(file: OutputFile | undefined) {
    this.#file = file
  }

  get text(): string {
    return this.#text
  }

  async line(text: string): Promise<void> {
    this.#text = `${this.#text}${text}\n`
    if (this.#text.length > logChars * 2) this.#text = this.#text.slice(-logChars)
    await this.#file?.write(Buffer.from(`${text}\n`))
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}

/** What the player told, folded. */
class Told {
  readonly findings = new Map<number, BrowserFinding>()
  readonly pictures: Extract<PlayReport, { kind: 'picture' }>[] = []
  readonly #log: PlayLog
  #rest = ''
  done = 0
  ended = false
  broken: string | undefined

  constructor(log: PlayLog) {
    this.#log = log
  }

  async take(text: string): Promise<void> {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const report = readReport(line)
      if (report !== undefined) await this.#see(report)
    }
  }

  async #see(report: PlayReport): Promise<void> {
    switch (report.kind) {
      case 'started':
        return await this.#log.line(report.browser)
      case 'broken':
        this.broken ??= report.message
        return
      case 'step':
        return await this.#log.line(`${report.step}. ${report.words}`)
      case 'passed':
        if (report.step > 0) this.done = report.step
        return await this.#log.line(`   ✓ ${report.ms} ms`)
      case 'finding': {
        const { finding, at } = report
        const times = finding.times === undefined ? '' : ` (${finding.times} times)`
        this.findings.set(at, finding)
        return await this.#log.line(`   ${finding.fatal ? '✗' : '·'} ${finding.kind}: ${finding.text}${times}`)
      }
      case 'picture':
        // The last one shows how it ended.
        if (this.pictures.length >= mostPictures) this.pictures.pop()
        this.pictures.push(report)
        return
      case 'server':
        return await this.#log.line(`   [server] ${report.text}`)
      case 'note':
        return await this.#log.line(`   ${report.text}`)
      case 'end':
        this.ended = true
    }
  }
}

/** Why the play did not come to its end. */
function brokenBy(seen: Supervised, told: Told, timeoutMs: number): (Partial<Failure> & { error: string }) | undefined {
  if (seen.aborted) return { error: 'cancelled' }
  const failure = failureOf(seen, { timeoutMs })
  if (failure !== undefined && !told.ended) return { ...failure, error: `the browser's player: ${failure.error}` }
  if (seen.spawnError !== undefined) return { error: seen.spawnError }
  if (told.broken !== undefined) return { error: told.broken }
  if (told.ended) return undefined
  const said = oneLine(lastOf(seen.stderr, 600), 300)
  return {
    failure: 'crash',
    error: `the browser's player ended with exit code ${seen.exitCode}${said === '' ? '' : `: ${said}`}`,
  }
}

const ending: readonly BrowserFinding['kind'][] = ['server', 'crash', 'timeout', 'failed_step', 'dialog']

function errorOf(findings: readonly BrowserFinding[]): string | null {
  const fatal = findings.filter((finding) => finding.fatal)
  // What stopped the play says more than what was seen on the way.
  const first = fatal.find(({ kind }) => ending.includes(kind)) ?? fatal[0]
  if (first === undefined) return null
  const more = fatal.length > 1 ? ` (and ${fatal.length - 1} more)` : ''
  return `${first.step > 0 ? `step ${first.step}: ` : ''}${first.text}${more}`
}

/** Why the page or the browser did not end well, as a command would be said to. */
function failureIn(findings: readonly BrowserFinding[]): { readonly failure?: CommandFailure } {
  const found = findings.map(({ kind }) => kind).find((kind) => kind === 'timeout' || kind === 'crash')
  return found === undefined ? {} : { failure: found }
}

function clean(finding: BrowserFinding, redact: Redact | undefined): BrowserFinding {
  if (redact === undefined) return finding
  const url = finding.url === undefined ? {} : { url: redact(finding.url) }
  return { ...finding, text: redact(finding.text), ...url }
}

/** Copies the pictures to where they stay: plain files only, of a size a picture has. */
async function keep(told: Told['pictures'], from: string, options: BrowserOptions): Promise<Screenshot[]> {
  const { artifacts, prefix = 'play' } = options
  const there = new Set(await readdir(from).catch(() => []))
  const kept: Screenshot[] = []
  for (const [index, { file, name, step }] of told.entries()) {
    if (!/^\d+\.png$/.test(file) || !there.has(file)) continue
    const found = await lstat(join(from, file))
    if (!found.isFile() || found.size > pictureBytes) continue
    await mkdir(artifacts, { recursive: true })
    const path = join(artifacts, `${prefix}-${index + 1}-${fileWord(name)}.png`)
    await copyFile(join(from, file), path)
    await chmod(path, 0o644)
    kept.push({ name: oneLine(name, 80), path, step })
  }
  return kept
}

function fileWord(name: string): string {
  const word = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return word.slice(0, 40) || 'screenshot'
}

/** What the player and Chromium need, on top of what the confinement lets a command have. */
function confineAlso(
  confinement: Confinement,
  scratch: string,
  executable: string,
  names: readonly string[],
): Confinement {
  // The player may be installed in a place that is hidden: the home, or the temporary directory.
  const ours = dirname(dirname(dirname(player)))
  const driver = dirname(createRequire(import.meta.url).resolve('playwright-core/package.json'))
  const itself = [ours, join(dirname(ours), 'package.json'), driver, process.execPath]
  return {
    ...confinement,
    writable: [...confinement.writable, scratch],
    readable: [...confinement.readable, ...itself, executable],
    env: [...confinement.env, ...names],
  }
}

/** How the server of a play is started: with the environment of any command, which a confinement sifts. */
function serverOf(play: BrowserPlay, setup: BrowserSetup, options: BrowserOptions): ServerOrder | undefined {
  const { serve } = play
  if (serve === undefined || options.cwd === undefined) return undefined
  const given = { ...options.env, ...serve.env }
  const env = { PATH: setup.path, ...setup.env, ...given }
  const { confinement, cwd } = options
  return {
    ...(serve.shell === undefined ? { argv: serve.argv ?? [] } : { shell: serve.shell }),
    cwd,
    env: confinement === undefined ? env : allowedEnvironment(env, [...confinement.env, ...Object.keys(given)]),
    addresses: [play.url, ...play.steps.map((step) => ('open' in step ? step.open : undefined))].filter(
      (address) => address !== undefined,
    ),
  }
}

function refuseBadPlay(play: BrowserPlay, { cwd }: Pick<BrowserOptions, 'cwd'>): void {
  const bad = (message: string, hint: string) => new LoopwrightError('bad_input', message, { hint })
  if (play.url === undefined && !play.steps.some((step) => 'open' in step)) {
    throw bad('a browser play opens nothing', 'give it a `url`, or begin with an `open` step')
  }
  if (play.serve !== undefined && cwd === undefined) {
    throw bad('a browser play has a server, and no directory to run it in', 'give `cwd`')
  }
  if (play.serve?.argv?.length === 0) throw bad('the server of a browser play is empty', 'give a command')
  if (play.steps.length > 1000) throw bad('a browser play has more than 1,000 steps', 'split it')
  const { width, height } = play.viewport ?? { width: 1280, height: 800 }
  if (![width, height].every((side) => Number.isInteger(side) && side >= 100 && side <= 4096)) {
    throw bad(`a viewport of ${width} × ${height} cannot be`, 'give width and height between 100 and 4096')
  }
  const { timeoutMs } = play
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 3_600_000)) {
    throw bad(`a play cannot take ${timeoutMs} ms`, 'give a time between 1 ms and an hour')
  }
}
