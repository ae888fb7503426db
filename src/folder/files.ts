import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'

/** Absent on Windows, where links need rights that an agent does not have. */
const noFollow = constants.O_NOFOLLOW ?? 0
const nonBlock = constants.O_NONBLOCK ?? 0

/** Opens a plain file of ours; throws for a link (ELOOP) and for anything that is no file. */
export function openPlain(path: string, flags: number): number {
  const fd = openSync(path, flags | noFollow | nonBlock, 0o600)
  if (fstatSync(fd).isFile()) return fd
  closeSync(fd)
  throw new LoopwrightError('workspace', `${path} is no file`)
}

/** Writes the whole text, however many writes it takes. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/** Replaces a file in one go: a reader sees the old one or the new one. A link in its place is replaced, not followed. */
export function replaceFile(directory: string, name: string, text: string): void {
  const temporary = join(directory, `.${name}.${process.pid}.tmp`)
  rmSync(temporary, { force: true })
  const fd = openPlain(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
  try {
    writeAll(fd, text)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  clearWay(join(directory, name))
  renameSync(temporary, join(directory, name))
}

/** The text of a plain file, undefined when there is none. */
export function readPlain(path: string): string | undefined {
  return withPlain(path, (fd) => readFileSync(fd, 'utf8'))
}

/** Looks into a plain file, told its size in bytes; undefined when there is none, or it cannot be read. */
export function withPlain<Value>(path: string, look: (fd: number, size: number) => Value): Value | undefined {
  try {
    const fd = openPlain(path, constants.O_RDONLY)
    try {
      return look(fd, fstatSync(fd).size)
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

/** So many bytes from a place on, however many reads it takes; fewer where the file ends. */
export function readAt(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const came = readSync(fd, bytes, done, length - done, from + done)
    if (came === 0) break
    done += came
  }
  return bytes.subarray(0, done)
}

/** Removes what is in the way of a plain file: a link (not what it points to), a directory, and with `evenFile` a file too. */
export function clearWay(path: string, options: { readonly evenFile?: boolean } = {}): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat && (options.evenFile || !stat.isFile())) rmSync(path, { recursive: true, force: true })
}
