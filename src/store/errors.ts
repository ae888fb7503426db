import { LoopwrightError, messageOf } from '../core/errors.ts'

// Primary result codes of SQLite (the low byte of the extended code): https://sqlite.org/rescode.html
const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const PROTOCOL = 15
const NOTADB = 26
/** I/O errors of reading: the file is shorter or otherwise than it should be. */
const readErrors: ReadonlySet<number> = new Set([266, 522])

/** True when another connection holds a lock: trying again later may succeed. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error)
  return code === BUSY || code === LOCKED || code === PROTOCOL
}

/** True when the file is not a sound database. */
export function isCorrupt(error: unknown): boolean {
  const code = primaryCode(error)
  return code === CORRUPT || code === NOTADB || readErrors.has(extendedCode(error) ?? 0)
}

/** What SQLite or the file system said about `path`, as one of our errors; anything else is returned as it came. */
export function storeError(error: unknown, path: string): unknown {
  if (error instanceof LoopwrightError) return error
  const code = primaryCode(error)
  if (code === undefined) return fileError(error, path)
  if (isBusy(error)) return storeLocked(path, error)
  if (isCorrupt(error)) return storeCorrupt(path, error)
  if (code === FULL || code === IOERR) return storeFull(path, error)
  if (code === READONLY || code === CANTOPEN || code === PERM) return storeReadonly(path, error)
  return error
}

export function storeLocked(path: string, cause: unknown): LoopwrightError {
  return new LoopwrightError('store_locked', `${path} stayed locked by another process`, {
    hint: 'end the process that holds it (a database browser, a backup?) and try again',
    cause,
  })
}

export function storeCorrupt(path: string, cause: unknown): LoopwrightError {
  return new LoopwrightError('store_corrupt', `${path} is not a sound loopwright database: ${messageOf(cause)}`, {
    hint: 'loopwright doctor --fix',
    cause,
  })
}

export function storeNewer(path: string, found: number, known: number, what: string): LoopwrightError {
  return new LoopwrightError(
    'store_newer',
    `${path} was written by a newer loopwright (${what} ${found}, this one knows ${known}); nothing was changed`,
    { hint: 'upgrade loopwright', data: { found, known } },
  )
}

function storeFull(path: string, cause: unknown): LoopwrightError {
  return new LoopwrightError('store_full', `${path} could not be written: ${messageOf(cause)}`, {
    hint: 'free some space, then resume the run; `loopwright runs prune` removes old runs',
    cause,
  })
}

function storeReadonly(path: string, cause: unknown): LoopwrightError {
  return new LoopwrightError('store_readonly', `${path} cannot be opened for writing: ${messageOf(cause)}`, {
    hint: 'make the directory writable, or set LOOPWRIGHT_HOME to one that is',
    cause,
  })
}

function fileError(error: unknown, path: string): unknown {
  switch (stringProperty(error, 'code')) {
    case 'ENOSPC':
    case 'EDQUOT':
      return storeFull(path, error)
    case 'ENOENT': // what a recursive mkdir says on a read-only file system
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
      return storeReadonly(path, error)
    default:
      return error
  }
}

function extendedCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

function primaryCode(error: unknown): number | undefined {
  const code = extendedCode(error)
  return code === undefined ? undefined : code & 0xff
}

function stringProperty(error: unknown, key: 'code'): string | undefined {
  if (!(error instanceof Error) || !(key in error)) return undefined
  return typeof error[key] === 'string' ? error[key] : undefined
}
