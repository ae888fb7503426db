import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { Isolation } from '../core/ports.ts'
import { discover, resolveCommit, type UserRepo } from './discover.ts'
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
  /** Relative to the repository's top and to the project; a `/` at the end means everything in that directory. */
  readonly names: readonly string[]
}

const longest = 5_000_000
const most = 500

/**
 * The files among `names` that a run's workspace will hold: of its base commit, or of the directory itself where the work
 * happens in place, or where there is no repository or no commit yet. Rejects with `bad_input` for files too large or too many to read.
 */
export async function projectFiles(git: Git, query: ProjectFilesQuery): Promise<ProjectFile[]> {
  const user = await discover(git, query.project)
  const folders = user === undefined ? [query.project] : [...new Set([user.top, join(user.top, user.prefix)])]
  const commit =
    user === undefined || query.isolation === 'inplace'
      ? undefined
      : await resolveCommit(git, user, query.base ?? 'HEAD')
  const found =
    user === undefined || commit === undefined
      ? await onDisk(folders, query.names)
      : await inCommit(git, user, commit, query.names)
  if (found.length > most) {
    throw new LoopwrightError('bad_input', `more than ${most} files of the project configure agents`, {
      hint: 'move what is not meant for agents elsewhere',
    })
  }
  return found
}

async function inCommit(git: Git, user: UserRepo, commit: string, names: readonly string[]): Promise<ProjectFile[]> {
  const prefixes = user.prefix === '' ? [''] : ['', `${user.prefix}/`]
  const wanted = prefixes.flatMap((prefix) => names.map((name) => `${prefix}${name}`.replace(/\/$/, '')))
  const place = { cwd: user.top, gitDir: user.gitDir }
  const listed = await git.user(place, ['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...new Set(wanted)])
  const files: ProjectFile[] = []
  for (const row of listed.stdout.toString().split('\0')) {
    const [facts = '', path] = row.split('\t')
    const [mode, type, id] = facts.split(' ')
    if (path === undefined || type !== 'blob' || id === undefined || files.length > most) continue
    const blob = await git.user(place, ['cat-file', 'blob', id], { maxBytes: longest })
    // What a link points to is another file; that it is a link is what is trusted.
    files.push({ path: join(user.top, path), text: `${mode === '120000' ? 'link to ' : ''}${blob.stdout.toString()}` })
  }
  return files
}

async function onDisk(folders: readonly string[], names: readonly string[]): Promise<ProjectFile[]> {
  const paths = new Set<string>()
  for (const folder of folders) {
    for (const name of names) {
      if (!name.endsWith('/')) paths.add(join(folder, name))
      else for (const path of await filesIn(join(folder, name))) paths.add(path)
    }
  }
  const files: ProjectFile[] = []
  for (const path of paths) {
    const text = await readFile(path)
    if (text !== undefined) files.push({ path, text })
  }
  return files
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
  } catch {
    return []
  }
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
