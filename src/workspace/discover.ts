import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { isInside, readText, realPathOf } from './files.ts'
import { type Git, line, records } from './git.ts'

/** What we know of the user's repository. All paths absolute. */
export interface UserRepo {
  readonly top: string
  /** The git directory of this worktree, and the one all worktrees share. */
  readonly gitDir: string
  readonly commonDir: string
  readonly objects: string
  readonly format: string
  /** From the top to where the user started, '' at the top. */
  readonly prefix: string
  readonly identity: Identity
  /** Configuration that changes how files are read and written, and starts no program. */
  readonly settings: Readonly<Record<string, string>>
  readonly sparse: boolean
}

export interface Identity {
  readonly name: string
  readonly email: string
}

const fileSettings = [
  'core.autocrlf',
  'core.eol',
  'core.filemode',
  'core.symlinks',
  'core.ignorecase',
  'core.precomposeunicode',
]
const maxExcludes = 1024 * 1024

/**
 * The repository around a directory; undefined when there is none. Rejects with `bad_input` (no such directory) and
 * `workspace` (a bare repository, one whose worktree is elsewhere, one that git refuses).
 */
export async function discover(git: Git, project: string): Promise<UserRepo | undefined> {
  const start = await realPathOf(project)
  if (start === undefined || !(await stat(start)).isDirectory()) {
    throw new LoopwrightError('bad_input', `no such directory: ${project}`, { hint: 'give an existing directory' })
  }
  await git.require()
  const place = { cwd: start }
  const questions = [
    '--show-toplevel',
    '--absolute-git-dir',
    '--git-common-dir',
    '--git-path objects',
    '--show-object-format',
  ]
  const ask = ['rev-parse', '--path-format=absolute', ...questions.flatMap((question) => question.split(' '))]
  const [answer, config] = await Promise.all([
    git.user(place, ask, { ok: [0, 128] }),
    git.user(place, ['config', '--list', '-z', '--includes'], { ok: [0, 1, 128] }),
  ])
  if (answer.code !== 0) return await whyNot(git, start, answer.stderr)
  let facts = line(answer.stdout).split('\n')
  // A newline in a path: ask one by one.
  if (facts.length !== questions.length) {
    facts = await Promise.all(
      questions.map(async (question) =>
        line((await git.user(place, ['rev-parse', '--path-format=absolute', ...question.split(' ')])).stdout),
      ),
    )
  }
  const [top = '', gitDir = '', commonDir = '', objects = '', format = 'sha1'] = facts
  const realTop = await realPathOf(top)
  if (realTop === undefined || !isInside(realTop, start)) {
    throw new LoopwrightError('workspace', `the repository of ${project} has its files elsewhere: ${top}`, {
      hint: 'its core.worktree points away; start inside that directory',
    })
  }
  const values = parseConfig(records(config.stdout))
  return {
    top: realTop,
    gitDir,
    commonDir,
    objects,
    format,
    prefix: start.slice(realTop.length).replace(/^\/+/, ''),
    identity: {
      name: clean(values.get('user.name')) ?? 'loopwright',
      email: clean(values.get('user.email')) ?? 'loopwright@localhost',
    },
    settings: await readSettings(values, git.homeDir),
    sparse: values.get('core.sparsecheckout') === 'true' || values.get('core.splitindex') === 'true',
  }
}

async function whyNot(git: Git, start: string, stderr: string): Promise<undefined> {
  if (/not a git repository/i.test(stderr) && !/not a git repository: \S/.test(stderr.replace(/\(or any[^)]*\)/, ''))) {
    return undefined
  }
  const bare = await git.user({ cwd: start }, ['rev-parse', '--is-bare-repository', '--is-inside-git-dir'], {
    ok: [0, 128],
  })
  if (bare.stdout.includes('true')) {
    throw new LoopwrightError(
      'workspace',
      `${start} is a bare repository or inside a .git directory: it has no files`,
      {
        hint: 'clone it and start there',
      },
    )
  }
  throw new LoopwrightError('workspace', `git refuses ${start}: ${stderr.trim()}`)
}

function parseConfig(entries: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const entry of entries) {
    const at = entry.indexOf('\n')
    const value = at < 0 ? 'true' : Buffer.from(entry.slice(at + 1), 'latin1').toString('utf8')
    values.set(at < 0 ? entry : entry.slice(0, at), value)
  }
  return values
}

function clean(text: string | undefined): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would break the commit's header.
  const kept = text?.replace(/[\u0000-\u001f<>]/g, '').trim()
  return kept === '' ? undefined : kept
}

async function readSettings(values: Map<string, string>, home: string | undefined) {
  const settings: Record<string, string> = {}
  for (const name of fileSettings) {
    const value = values.get(name)
    if (value !== undefined && /^(true|false|input|lf|crlf|native)$/i.test(value)) settings[name] = value
  }
  const named = values.get('core.excludesfile')
  const excludes = named?.startsWith('~/') && home !== undefined ? join(home, named.slice(2)) : named
  if (excludes !== undefined && isAbsolute(excludes)) {
    const found = await stat(excludes).catch(() => undefined)
    if (found?.isFile() && found.size <= maxExcludes) settings['core.excludesFile'] = excludes
  }
  return settings
}

/** The commit a name stands for in the user's repository. */
export async function resolveCommit(git: Git, user: UserRepo, name: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  const { code, stdout } = await git.user({ cwd: user.top }, args, { ok: [0, 1, 128] })
  return code === 0 ? line(stdout) : undefined
}

/** The object store and all it borrows from; git itself ignores relative paths below the first level. */
export async function objectStores(objects: string, depth = 5): Promise<string[]> {
  const text = depth === 0 ? undefined : await readText(join(objects, 'info', 'alternates'))
  const borrowed = (text ?? '').split('\n').filter((entry) => entry !== '' && !entry.startsWith('#'))
  const deeper = await Promise.all(borrowed.map((entry) => objectStores(resolve(objects, entry), depth - 1)))
  return [...new Set([objects, ...deeper.flat()])]
}

/** A small file of the user's git directory (info/exclude, shallow …), links unfollowed; undefined when absent or too large. */
export async function readInfo(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile() || found.size > 16 * maxExcludes) return undefined
  return await readFile(path)
}
