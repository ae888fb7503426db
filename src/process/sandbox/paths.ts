import { lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import { LoopwrightError } from '../../core/errors.ts'

/** True when `path` is below `root`, by whole segments. */
export function isBelow(path: string, root: string): boolean {
  return root === '/' ? path !== '/' : path.startsWith(`${root}${sep}`)
}

/** True when `path` is `root` or below it. */
export function isWithin(path: string, root: string): boolean {
  return path === root || isBelow(path, root)
}

/** A path without slashes at its end. Throws `bad_input` for one that is not absolute, or goes up. */
export function cleanPath(path: string): string {
  if (!isAbsolute(path) || path.includes('\0') || path.split('/').includes('..')) {
    throw new LoopwrightError('bad_input', `not a path a sandbox can be told: ${JSON.stringify(path)}`, {
      hint: 'give an absolute path without ".."',
    })
  }
  return join(path).replace(/(?<=.)\/+$/, '')
}

/** Where a path leads now, through all links; of what does not exist, where it would be made. Throws `bad_input` for a link to nothing. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (path === '/' || !isMissing(error)) throw unreachable(path, error)
    if (exists(path)) throw unreachable(path, new Error('it is a link to nothing'))
    return join(realPath(dirname(path)), basename(path))
  }
}

/** What is at a path, a link being a link. */
export function kindAt(path: string): 'directory' | 'file' | 'link' | 'other' | undefined {
  try {
    const seen = lstatSync(path)
    if (seen.isDirectory()) return 'directory'
    if (seen.isFile()) return 'file'
    return seen.isSymbolicLink() ? 'link' : 'other'
  } catch {
    return undefined
  }
}

function exists(path: string): boolean {
  return kindAt(path) !== undefined
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function unreachable(path: string, error: unknown): LoopwrightError {
  return new LoopwrightError('bad_input', `cannot tell where ${path} leads: ${(error as Error).message}`, {
    hint: 'the paths of a sandbox must be there and readable; remove a link that leads nowhere',
    cause: error,
  })
}
