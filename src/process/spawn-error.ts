import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

/** Why a process could not be started. */
export type SpawnReason = 'not_found' | 'not_executable' | 'cwd_missing' | 'too_long' | 'other'

/** A start that failed: `message` is for people (`command not found: foo`). */
export interface SpawnFailure {
  readonly reason: SpawnReason
  readonly message: string
}

/** Tells what a failed start means: the kernel answers ENOENT for a missing command, a missing interpreter and a missing directory alike. */
export function explainSpawnError(
  error: unknown,
  start: { readonly command: string; readonly cwd: string; readonly path: string | undefined },
): SpawnFailure {
  const { code, message } = error as NodeJS.ErrnoException
  const { command, cwd } = start
  if (code === 'E2BIG') {
    return {
      reason: 'too_long',
      message: `argument list too long for ${command}: pass long text on stdin or in a file instead of an argument`,
    }
  }
  const there = kindOf(cwd)
  if (there !== 'directory') {
    const what = there === 'nothing' ? 'does not exist' : 'is not a directory'
    return { reason: 'cwd_missing', message: `working directory ${what}: ${cwd}` }
  }
  if (code === 'ENOENT') {
    const file = find(command, start)
    return file === undefined
      ? { reason: 'not_found', message: `command not found: ${command}` }
      : { reason: 'not_found', message: `command not found: the interpreter that ${file} names in its first line` }
  }
  if (code === 'EACCES') return { reason: 'not_executable', message: `not executable: ${command}` }
  if (code === 'ENOTDIR') return { reason: 'not_found', message: `command not found: ${command}` }
  return { reason: 'other', message: `cannot start ${command}: ${message}` }
}

function kindOf(path: string): 'directory' | 'other' | 'nothing' {
  try {
    return statSync(path).isDirectory() ? 'directory' : 'other'
  } catch {
    return 'nothing'
  }
}

// Only to word the message: the kernel did the real search.
function find(command: string, start: { readonly cwd: string; readonly path: string | undefined }): string | undefined {
  const places = command.includes('/')
    ? [resolve(start.cwd, command)]
    : (start.path ?? '/usr/bin:/bin')
        .split(':')
        .map((directory) => join(isAbsolute(directory) ? directory : resolve(start.cwd, directory), command))
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return kindOf(place) === 'other'
    } catch {
      return false
    }
  })
}
