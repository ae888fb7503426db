import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { makeRemovable } from '../process/removable.ts'

/** True when `path` is `root` or below it, compared by segments. Both absolute. */
export function isInside(root: string, path: string): boolean {
  const way = relative(resolve(root), resolve(path))
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** What stands at a path, without following a link there. */
export async function kindOf(path: string | Buffer): Promise<'file' | 'link' | 'dir' | 'other' | 'none'> {
  try {
    const stat = await lstat(path)
    if (stat.isFile()) return 'file'
    if (stat.isSymbolicLink()) return 'link'
    return stat.isDirectory() ? 'dir' : 'other'
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'none'
    throw error
  }
}

/** True for a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** The real path, or undefined when there is nothing. */
export async function realPathOf(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined)
}

/** Writes a file so that a reader, or a crash, sees the old or the new content and nothing between. */
export async function writeAtomic(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.new`
  await mkdir(dirname(path), { recursive: true })
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(error, path)
  }
}

/** The text of a file, or undefined when it is not there. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined
    throw error
  }
}

/** A system error as one of ours. */
export function fileError(error: unknown, path: string): LoopwrightError {
  if (error instanceof LoopwrightError) return error
  const message = `${path}: ${messageOf(error)}`
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new LoopwrightError('store_full', message, { hint: 'free some space, then try again', cause: error })
  }
  if (isErrno(error, 'EROFS', 'EACCES', 'EPERM'))
    return new LoopwrightError('store_readonly', message, { cause: error })
  return new LoopwrightError('workspace', message, { cause: error })
}

/**
 * Removes a directory strictly below `within`, links unfollowed and read-only directories included. It is renamed first, so
 * that a removal cut short never leaves something that looks whole.
 */
export async function removeTree(path: string, within: string): Promise<void> {
  if (!isInside(within, path) || resolve(within) === resolve(path)) {
    throw new LoopwrightError('workspace', `refusing to remove ${path}: it is not below ${within}`)
  }
  const kind = await kindOf(path)
  if (kind === 'none') return
  const trash = join(within, `.trash-${randomBytes(6).toString('hex')}`)
  await rename(path, trash)
  await removeAll(trash)
}

/** `rm -rf` that also removes what an agent made read-only, or deeper than any path. */
export async function removeAll(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM', 'ENOTEMPTY', 'ENAMETOOLONG')) throw fileError(error, path)
    await makeRemovable(path)
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** A name that is safe in a ref and a folder; one that had to be changed carries a mark so that two never meet. */
export function safeName(text: string, hash: (text: string) => string): string {
  const safe = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[.-]+/, '')
    .replace(/(\.lock|[.-])+$/, '')
    .slice(0, 80)
    .replace(/(\.lock|[.-])+$/, '')
  if (safe === text && safe !== '') return safe
  return `${safe === '' ? 'x' : safe}-${hash(text).slice(0, 8)}`
}
