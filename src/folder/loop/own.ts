import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { LoopwrightError } from '../../core/errors.ts'
import { openPlain, readAt, replaceFile, withPlain, writeAll } from '../files.ts'

/** Younger drafts may be somebody's who writes now, in milliseconds. */
const draftMs = 60_000

/**
 * A directory in a loop folder, made if need be. The folder is its owner's: what is in the way is never removed. Throws `workspace` for
 * a link, which would lead our files elsewhere, and for anything else that is no directory.
 */
export function ownDirectory(folder: string, ...names: readonly string[]): string {
  let path = folder
  for (const name of names) {
    path = join(path, name)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) mkdirSync(path)
    else if (!stat.isDirectory()) throw inTheWay(path, stat.isSymbolicLink())
  }
  return path
}

/** Replaces a file in one go. A link in its place is replaced, not followed; a directory in its place is an error. */
export function replaceOwn(directory: string, name: string, text: string): void {
  const path = join(directory, name)
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw inTheWay(path, false)
  replaceFile(directory, name, text)
}

/** Adds to the end of a file all or nothing, on a line of its own where the last one was left half written. */
export function appendOwn(path: string, text: string): void {
  const fd = openPlain(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND)
  try {
    const { size } = fstatSync(fd)
    const last = Buffer.alloc(1)
    const torn = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
    try {
      writeAll(fd, torn ? `\n${text}` : text)
    } catch (error) {
      ftruncateSync(fd, size) // a full disk took a part of it
      throw error
    }
  } finally {
    closeSync(fd)
  }
}

/** Makes sure that a file can be written to, and leaves what it holds: a full disk lets files be made and takes nothing. */
export function probeOwn(path: string): void {
  const fd = openPlain(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND)
  try {
    const { size } = fstatSync(fd)
    writeAll(fd, '\n')
    ftruncateSync(fd, size)
  } finally {
    closeSync(fd)
  }
}

/** The text of a plain file of at most so many bytes; undefined when there is none, it is larger, or a link. */
export function readOwn(path: string, maxBytes: number): string | undefined {
  return readBytes(path, maxBytes)?.toString('utf8')
}

/** The same in bytes. */
export function readBytes(path: string, maxBytes: number): Buffer | undefined {
  return withPlain(path, (fd, size) => (size > maxBytes ? undefined : readAt(fd, 0, size)))
}

/** Removes what a process that was killed had half written: drafts of ours that are a minute old. Never throws. */
export function sweepDrafts(directory: string, now: number): void {
  try {
    if (!lstatSync(directory).isDirectory()) return
    for (const name of readdirSync(directory)) {
      if (!/^\.(?:[\w-]+\.json\.\d+\.tmp|loopwright\.lock\.\d+\.[0-9a-f]+)$/.test(name)) continue
      const path = join(directory, name)
      if (now - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) > draftMs) rmSync(path, { force: true })
    }
  } catch {
    // It is for tidiness alone.
  }
}

function inTheWay(path: string, link: boolean): LoopwrightError {
  const message = `${path} is ${link ? 'a symbolic link' : 'in the way'}`
  return new LoopwrightError('workspace', message, { hint: 'move it away' })
}
