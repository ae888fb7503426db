import { constants } from 'node:fs'
import { access, mkdir, open, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'

/** Whether a path is a directory or something within it, by path segments (`/a/bc` is not in `/a/b`). Give real paths. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path)
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`))
}

/** What says that triage loops were set up in a directory: rules that hold below it too. */
const triageMarks = [
  ...['LOOP.md', 'STATE.md', 'gate.yaml', 'loop-budget.md', 'loop-constraints.md', 'registry.yaml'],
  ...[join('patterns', 'registry.yaml'), join('.loopwright', 'registry.yaml'), join('.loopwright', 'gate.yaml')],
]

/**
 * The nearest directory upwards that holds `.loopwright/config.yaml`, else the nearest that triage loops were set up in, not past a
 * repository's top or the user's home; else the start.
 */
export async function findProject(cwd: string, userHome: string): Promise<string> {
  const start = await realpath(cwd).catch(() => {
    throw new LoopwrightError('bad_input', `${cwd}: there is no such directory`)
  })
  if (!(await stat(start)).isDirectory()) throw new LoopwrightError('bad_input', `${cwd}: this is not a directory`)
  let marked: string | undefined
  let inRepository = false
  for (let here = start; ; here = dirname(here)) {
    if (await exists(join(here, '.loopwright', 'config.yaml'))) return here
    if (marked === undefined && (await someExist(here, triageMarks))) marked = here
    inRepository = await exists(join(here, '.git'))
    if (inRepository || here === userHome || here === dirname(here)) break
  }
  // Outside of a repository such a name further up says nothing.
  return inRepository ? (marked ?? start) : start
}

/** Whether a path leads to a directory. */
export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  )
}

/** Reads a text file that may be absent. With `within`, a link that leads out of that directory is refused. */
export async function readOptional(path: string, within?: string): Promise<string | undefined> {
  try {
    const real = await realpath(path)
    if (within !== undefined && !isInside(await realpath(within), real))
      throw new LoopwrightError('bad_input', `${path}: this link leads out of the project`)
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const facts = await file.stat()
      if (!facts.isFile()) throw new LoopwrightError('bad_input', `${path}: this is not a file`)
      if (facts.size > 5_000_000) throw new LoopwrightError('bad_input', `${path}: the file is too large, at most 5 MB`)
      const bytes = await file.readFile()
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof LoopwrightError) throw error
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined
    if (error instanceof TypeError) throw new LoopwrightError('bad_input', `${path}: the file is not UTF-8 text`)
    throw new LoopwrightError('bad_input', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** Makes the state directory (0700) if need be. Throws `store_readonly` when it cannot be written. */
export async function ensureHome(home: string): Promise<void> {
  try {
    await makeDirectory(home)
    await access(home, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new LoopwrightError('store_readonly', `${home}: state cannot be kept here: ${messageOf(error)}`, {
      hint: 'make the directory writable, or set LOOPWRIGHT_HOME to one that is',
      cause: error,
    })
  }
}

/**
 * Makes a directory and what is missing above it, one by one: where a file system says of a directory that it cannot be made
 * because it is not there, as /proc does, Node's own recursive way never ends.
 */
async function makeDirectory(path: string): Promise<void> {
  if (await exists(path)) return
  const above = dirname(path)
  if (above !== path) await makeDirectory(above)
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error
  })
}

/** An absolute path from the environment; XDG says that others are to be ignored. */
export function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? resolve(path) : undefined
}

/** Whether an error of Node has this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

async function someExist(folder: string, names: readonly string[]): Promise<boolean> {
  return (await Promise.all(names.map((name) => exists(join(folder, name))))).includes(true)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
