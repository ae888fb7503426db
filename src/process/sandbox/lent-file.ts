import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'

/** A single file a confined process writes through a copy. */
export interface LentFile {
  readonly real: string
  /** Puts what the copy holds in the place of the file, unless somebody else changed that meanwhile: then theirs stays. */
  bringBack(): void
}

const maxBytes = 16 * 1024 * 1024

/** Copies a file, if it is there, to where a confined process can replace it. */
export function lendFile(real: string, copy: string): LentFile {
  const before = read(real)
  const mode = before === undefined ? 0o600 : statSync(real).mode & 0o777
  if (before !== undefined) writeFileSync(copy, before, { mode })
  return {
    real,
    bringBack() {
      const after = read(copy)
      if (after === undefined || same(after, before) || !same(read(real), before)) return
      const fresh = `${real}.${randomUUID()}`
      try {
        writeFileSync(fresh, after, { mode, flag: 'wx' })
        renameSync(fresh, real)
      } catch {
        // A home that cannot be written keeps its file; the process has done its work all the same.
        rmSync(fresh, { force: true })
      }
    },
  }
}

/** Undefined for what is no plain file of a bearable size: the process may have left a link, a pipe or a giant. */
function read(path: string): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const seen = fstatSync(file)
    return seen.isFile() && seen.size <= maxBytes ? readFileSync(file) : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other)
}
