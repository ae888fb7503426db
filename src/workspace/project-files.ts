import { constants, globSync } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { Isolation } from '../core/ports.ts'
import { discover, resolveCommit, type UserRepo } from './discover.ts'
import { isInside, realPathOf } from './files.ts'
import type { Git } from './git.ts'

/** A file as a run will find it, so that what is trusted is what is used. */
export interface ProjectFile {
  /** Absolute, in the user's project. */
  readonly path: string
  readonly text: string
}

export interface ProjectFilesQuery {
  readonly project: string
  readonly isolation: Isolation
  readonly base?: string
  /** Relative to the repository's top, to the project, and to what is between; a `/` at the end means everything in that directory. */
  readonly names: readonly string[]
  /** The patterns by which untracked files come into a fresh worktree, or whatever they are: those among `names` count too. */
  readonly copied?: readonly string[] | 'any'
}

const longest = 5_000_000
const most = 500
/** How often one link may lead to another. */
const deepest = 40

/**
 * The files among `names` that a run's workspace will hold: of its base commit and what is copied to it, or of the directory itself
 * where the work happens in place, or where there is no repository or no commit yet. What a link leads to counts as well.
 * Rejects with `bad_input` for files too large or too many to read.
 */
export async function projectFiles(git: Git, query: ProjectFilesQuery): Promise<ProjectFile[]> {
  const user = await discover(git, query.project)
  const folders = user === undefined ? [query.project] : upTo(user.prefix).map((folder) => join(user.top, folder))
  const commit =
    user === undefined || query.isolation === 'inplace'
      ? undefined
      : await resolveCommit(git, user, query.base ?? 'HEAD')
  let found: ProjectFile[]
  if (user === undefined || commit === undefined) found = await onDisk(folders, query.names)
  else {
    found = await inCommit(git, user, commit, query.names)
    if (query.copied !== undefined && query.copied.length > 0) {
      const known = new Set(found.map((file) => file.path))
      const isCopied = copiedBy(user.top, query.copied)
      found.push(...(await onDisk(folders, query.names)).filter(({ path }) => !known.has(path) && isCopied(path)))
    }
  }
  if (found.length > most) {
    throw new LoopwrightError('bad_input', `more than ${most} files of the project configure agents`, {
      hint: 'move what is not meant for agents elsewhere',
    })
  }
  return found
}

/** The directories from the top to one below it, '' being the top: an agent that starts there looks into each. */
function upTo(folder: string): string[] {
  const parts = folder === '' ? [] : folder.split('/')
  return ['', ...parts.map((_, at) => parts.slice(0, at + 1).join('/'))]
}

function copiedBy(top: string, patterns: readonly string[] | 'any'): (path: string) => boolean {
  if (patterns === 'any') return () => true
  const chosen = patterns
    .flatMap((pattern) => [pattern, ...globSync(pattern, { cwd: top })])
    .map((one) => join(top, one))
  return (path) => chosen.some((one) => isInside(one, path))
}

async function inCommit(git: Git, user: UserRepo, commit: string, names: readonly string[]): Promise<ProjectFile[]> {
  const place = { cwd: user.top, gitDir: user.gitDir }
  const list = async (more: readonly string[], paths: readonly string[]) => {
    const listed = await git.user(place, ['ls-tree', ...more, '-z', '--full-tree', commit, '--', ...paths])
    return listed.stdout.toString().split('\0').flatMap(entryOf)
  }
  const files = new Map<string, ProjectFile>()
  let wanted = upTo(user.prefix).flatMap((folder) => names.map((name) => join(folder, name).replace(/\/$/, '')))
  for (let depth = 0; depth < deepest && wanted.length > 0 && files.size <= most; depth++) {
    const asked = [...new Set(wanted)]
    // A link on the way to a file is no part of what is below it: git follows none.
    const above = [...new Set(asked.flatMap((path) => upTo(dirname(path)).slice(1)))].filter((path) => path !== '.')
    const links = above.length === 0 ? [] : (await list([], above)).filter(({ mode }) => mode === link)
    wanted = []
    for (const { path, mode, id } of [...links, ...(await list(['-r'], asked))]) {
      if (files.has(path) || files.size > most) continue
      const blob = await git.user(place, ['cat-file', 'blob', id], { maxBytes: longest })
      const text = blob.stdout.toString()
      files.set(path, { path: join(user.top, path), text: `${mode === link ? 'link to ' : ''}${text}` })
      if (mode !== link || isAbsolute(text)) continue
      const target = join(dirname(path), text).replace(/\/$/, '')
      // What lies outside of the repository is not the project's.
      if (target === '..' || target.startsWith('../')) continue
      const rest = asked.filter((one) => one.startsWith(`${path}/`)).map((one) => one.slice(path.length))
      wanted.push(...(rest.length === 0 ? [target] : rest.map((one) => join(target, one))))
    }
  }
  return [...files.values()]
}

const link = '120000'

function entryOf(row: string): { readonly mode: string; readonly id: string; readonly path: string }[] {
  const [facts = '', path] = row.split('\t')
  const [mode, type, id] = facts.split(' ')
  return path === undefined || mode === undefined || type !== 'blob' || id === undefined ? [] : [{ mode, id, path }]
}

async function onDisk(folders: readonly string[], names: readonly string[]): Promise<ProjectFile[]> {
  const paths = new Set<string>()
  for (const folder of folders) {
    for (const name of names) {
      if (!name.endsWith('/')) paths.add(join(folder, name))
      else for (const path of await filesIn(join(folder, name), new Set())) paths.add(path)
    }
  }
  const files: ProjectFile[] = []
  for (const path of paths) {
    const text = await readFile(path)
    if (text !== undefined) files.push({ path, text })
  }
  return files
}

/** What is in a directory and below, links to directories followed once each. */
async function filesIn(folder: string, seen: Set<string>): Promise<string[]> {
  const real = await realPathOf(folder)
  if (real === undefined || seen.has(real)) return []
  seen.add(real)
  const files: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(path))))
      files.push(...(await filesIn(path, seen)))
    else files.push(path)
    if (files.length > most) break
  }
  return files
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  )
}

async function readFile(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const facts = await file.stat()
    if (!facts.isFile()) return undefined
    if (facts.size > longest) throw new LoopwrightError('bad_input', `${path}: the file is too large, at most 5 MB`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
