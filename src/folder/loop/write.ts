import { closeSync, constants, existsSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { openPlain, writeAll } from '../files.ts'
import { ownDirectory, replaceOwn } from './own.ts'

/** The directories of a loop folder that a run fills. */
const directories = ['knowledge', 'output', 'logs', 'artifacts']

/**
 * Writes the files a loop folder begins with. Nothing is overwritten without `force`, and nothing is written through a link. Answers the
 * paths, relative. Throws `conflict` for files that are there, before anything is written, and `workspace` for what cannot be written.
 */
export function writeLoopFolder(
  folder: string,
  files: readonly { readonly path: string; readonly text: string }[],
  options: { readonly force?: boolean } = {},
): string[] {
  const there = files.map(({ path }) => path).filter((path) => isThere(join(folder, path)))
  if (there.length > 0 && !options.force)
    throw new LoopwrightError('conflict', `${folder} holds ${there.join(', ')} already`, {
      hint: 'add --force to overwrite them, or take another folder',
    })
  try {
    makeFolder(folder)
    for (const name of directories) ownDirectory(folder, name)
    for (const { path, text } of files) {
      const parts = path.split('/')
      const name = parts.pop() ?? ''
      const directory = ownDirectory(folder, ...parts)
      if (options.force) replaceOwn(directory, name, text)
      else writeNew(join(directory, name), text)
    }
  } catch (error) {
    if (error instanceof LoopwrightError) throw error
    throw new LoopwrightError('workspace', `the loop folder cannot be written: ${messageOf(error)}`, { cause: error })
  }
  return files.map(({ path }) => path)
}

/** The folder itself may be reached by a link: its owner named it. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) {
    if (statSync(folder).isDirectory()) return
    throw new LoopwrightError('workspace', `${folder} is no directory`, { hint: 'take another path' })
  }
  const above = dirname(folder)
  if (above !== folder && relative(above, folder) !== '') makeFolder(above)
  mkdirSync(folder)
}

function writeNew(path: string, text: string): void {
  const fd = openPlain(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
  try {
    writeAll(fd, text)
  } finally {
    closeSync(fd)
  }
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false // what is above it is no directory; writing says so
  }
}
