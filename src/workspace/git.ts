import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { LoopwrightError } from '../core/errors.ts'
import { engineMarker, engineVariable } from '../process/guardian.ts'

/** A repository whose configuration loopwright wrote itself: nothing the user or an agent configured is read. */
export interface OwnRepo {
  readonly gitDir: string
  readonly workTree?: string
  readonly index?: string
  /** Where objects are written instead of the repository's own store. */
  readonly objects?: string
  /** Further stores to read from. */
  readonly alternates?: readonly string[]
}

export interface GitOptions {
  /** Given to git on stdin, which is closed otherwise. */
  readonly input?: string | Buffer
  /** A file given to git on stdin. */
  readonly inputFile?: string
  /** Exit codes that are an answer and no error; default 0 alone. */
  readonly ok?: readonly number[]
  /** Cap on the output in bytes; past it the call fails, or is cut when `truncate` is set. Default 256 MiB. */
  readonly maxBytes?: number
  readonly truncate?: boolean
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface GitResult {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
  readonly truncated: boolean
}

/** The one way to git. Rejects with `missing_tool`, `store_full`, `workspace`. */
export interface Git {
  /** Runs git on a repository of ours; the configuration of user and system is not read. */
  own(repo: OwnRepo, args: readonly string[], options?: GitOptions): Promise<GitResult>
  /**
   * Runs a command that only reads (or moves a ref) in a repository that somebody else configured: found from `cwd`, or the
   * given `gitDir`. Only commands that execute nothing from configuration may come here: rev-parse, config, for-each-ref,
   * symbolic-ref, worktree list, remote get-url, update-ref, ls-tree, cat-file (of what it names, without filters).
   */
  user(place: { cwd: string; gitDir?: string }, args: readonly string[], options?: GitOptions): Promise<GitResult>
  /** Rejects with `missing_tool` when git is absent or too old. Asks git once. */
  require(): Promise<void>
  /** The user's home as the environment names it, to expand `~/`. */
  readonly homeDir: string | undefined
}

export interface GitSetup {
  /** The environment git starts with; every GIT_* variable in it is dropped. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds per call; default 300 s. */
  readonly timeoutMs?: number
}

/** `merge-tree --write-tree` came with 2.38. */
const oldest = [2, 38] as const
const defaultMaxBytes = 256 * 1024 * 1024
const installHint = `install git ${oldest.join('.')} or newer: https://git-scm.com/downloads`

/** Overrides for every call. `-c` beats a repository's own configuration, so no program named there is started. */
const overrides = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.quotePath=false',
  'core.alternateRefsCommand=:',
  'core.pager=cat',
  'core.editor=:',
  'core.askPass=',
  'core.sshCommand=false',
  'commit.gpgSign=false',
  'log.showSignature=false',
  'submodule.recurse=false',
  'diff.ignoreSubmodules=all',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting])

/** Makes the git port of this process. */
export function createGit(setup: GitSetup): Git {
  const base = scrub(setup.env)
  let checked: Promise<void> | undefined

  const run = (cwd: string, env: Record<string, string>, args: readonly string[], options: GitOptions = {}) =>
    spawnGit(cwd, { ...base, ...env, ...options.env }, args, { timeoutMs: setup.timeoutMs ?? 300_000, ...options })

  return {
    homeDir: setup.env.HOME,
    own(repo, args, options) {
      const env: Record<string, string> = {
        // Whoever takes a run over ends the git of the driver before, so that the two never write the same index.
        [engineVariable]: base[engineVariable] ? `${base[engineVariable]}.${engineMarker}` : engineMarker,
        GIT_DIR: repo.gitDir,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_ATTR_NOSYSTEM: '1',
      }
      if (repo.workTree !== undefined) env.GIT_WORK_TREE = repo.workTree
      if (repo.index !== undefined) env.GIT_INDEX_FILE = repo.index
      if (repo.objects !== undefined) env.GIT_OBJECT_DIRECTORY = repo.objects
      if (repo.alternates !== undefined) env.GIT_ALTERNATE_OBJECT_DIRECTORIES = repo.alternates.map(quoteC).join(':')
      return run(repo.workTree ?? repo.gitDir, env, args, options)
    },
    user(place, args, options) {
      return run(place.cwd, place.gitDir === undefined ? {} : { GIT_DIR: place.gitDir }, args, options)
    },
    require() {
      checked ??= checkVersion(run)
      // A failure is asked anew: git may be installed meanwhile.
      checked.catch(() => {
        checked = undefined
      })
      return checked
    },
  }
}

async function checkVersion(run: (cwd: string, env: Record<string, string>, args: string[]) => Promise<GitResult>) {
  const { stdout } = await run('/', {}, ['--version'])
  const match = /(\d+)\.(\d+)/.exec(stdout.toString())
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)]
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return
  throw new LoopwrightError('missing_tool', `git ${major}.${minor} is too old: ${oldest.join('.')} is needed`, {
    hint: installHint,
  })
}

function scrub(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !/^(GIT_|SSH_ASKPASS)/i.test(name)) kept[name] = value
  }
  return {
    ...kept,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    // Older git fetches missing objects of a partial clone by itself, by any program its configuration names.
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_PAGER: 'cat',
    GIT_EDITOR: ':',
    GIT_ASKPASS: '',
  }
}

/** A path as git reads it in a list of object stores, whatever characters it has. */
export function quoteC(path: string): string {
  if (!/["\\:\n\r\t]/.test(path)) return path
  const escaped = path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
  return `"${escaped}"`
}

function spawnGit(
  cwd: string,
  env: Record<string, string>,
  args: readonly string[],
  options: GitOptions & { timeoutMs: number },
): Promise<GitResult> {
  const name = `git ${args.find((arg) => !arg.startsWith('-')) ?? args[0] ?? ''}`
  return new Promise((resolve, reject) => {
    const file = options.inputFile === undefined ? undefined : openSync(options.inputFile, 'r')
    const stdin = file ?? (options.input === undefined ? 'ignore' : 'pipe')
    // Its own process group: git's helpers end with it, and Ctrl+C does not cut a commit in half.
    const child = spawn('git', ['--no-pager', ...overrides, ...args], {
      cwd,
      env,
      stdio: [stdin, 'pipe', 'pipe'],
      detached: true,
    })
    if (file !== undefined) closeSync(file)
    const out = collector(options.maxBytes ?? defaultMaxBytes, () => kill(child.pid))
    const err = collector(64 * 1024, () => {})
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      kill(child.pid)
    }, options.timeoutMs)
    child.stdout?.on('data', out.add)
    child.stderr?.on('data', err.add)
    // EPIPE: git ended before it read everything; its exit code says why.
    child.stdin?.on('error', () => {})
    if (options.input !== undefined) child.stdin?.end(options.input)
    child.on('error', (cause) => {
      clearTimeout(timer)
      reject(startError(cause, cwd))
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const stderr = err.bytes().toString()
      const fail = (message: string) => reject(gitError(name, message))
      if (timedOut) fail(`gave no answer for ${options.timeoutMs / 1000} s`)
      else if (out.full() && options.truncate !== true) fail('its output is too large')
      else if (out.full()) resolve({ code: 0, stdout: out.bytes(), stderr, truncated: true })
      else if (code === null) fail(`ended by ${signal ?? 'a signal'}`)
      else if (!(options.ok ?? [0]).includes(code)) fail(stderr.trim() || `exit code ${code}`)
      else resolve({ code, stdout: out.bytes(), stderr, truncated: false })
    })
  })
}

function collector(limit: number, onFull: () => void) {
  const chunks: Buffer[] = []
  let size = 0
  let full = false
  return {
    add(chunk: Buffer) {
      if (full) return
      const room = limit - size
      chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
      size += Math.min(chunk.length, room)
      if (chunk.length > room) {
        full = true
        onFull()
      }
    },
    bytes: () => Buffer.concat(chunks, size),
    full: () => full,
  }
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

function startError(cause: Error & { code?: string }, cwd: string): LoopwrightError {
  if (cause.code === 'ENOENT' && existsSync(cwd)) {
    return new LoopwrightError('missing_tool', 'git is not installed', { hint: installHint, cause })
  }
  if (cause.code === 'ENOENT') {
    return new LoopwrightError('workspace', `${cwd} is gone`, {
      hint: 'resume the run: a worktree that was deleted is made anew at its last checkpoint',
      cause,
    })
  }
  return new LoopwrightError('workspace', `git could not be started in ${cwd}: ${cause.message}`, { cause })
}

function gitError(name: string, said: string): LoopwrightError {
  const message = `${name}: ${said.length > 2000 ? `${said.slice(0, 2000)} …` : said}`
  if (/No space left on device|Disk quota exceeded/i.test(said)) {
    return new LoopwrightError('store_full', message, { hint: 'free some space, then try again' })
  }
  return new LoopwrightError('workspace', message)
}

/** The NUL-separated records of an answer, one byte per character, so that any file name survives the way back to git. */
export function records(output: Buffer): string[] {
  const parts = output.toString('latin1').split('\0')
  if (parts.at(-1) === '') parts.pop()
  return parts
}

/** Records for git's stdin. */
export function toInput(raw: readonly string[]): Buffer {
  return Buffer.from(raw.map((path) => `${path}\0`).join(''), 'latin1')
}

/** A raw path as people read it. */
export function shown(raw: string): string {
  return Buffer.from(raw, 'latin1').toString('utf8')
}

/** One line of an answer, without its newline. */
export function line(output: Buffer): string {
  const text = output.toString('utf8')
  return text.endsWith('\n') ? text.slice(0, -1) : text
}
