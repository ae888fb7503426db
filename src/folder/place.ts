import { accessSync, constants, lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import type { RunRecord } from '../core/ports.ts'

export interface PlaceOptions {
  readonly run: Pick<RunRecord, 'id' | 'project'>
  /** loopwright's state directory; where the folder goes when the project takes none. Absolute. */
  readonly home: string
}

/** A chain of directories, outermost first: each must be a directory of its own, no link to elsewhere. */
export interface Place {
  readonly path: string
  readonly chain: readonly string[]
  /** Why it is not in the project. */
  readonly warning?: string
}

/**
 * Makes the run's folder: `<project>/.loopwright/runs/<id>`, or `<home>/runs/<id>` when the project cannot be written or a link
 * is planted on the way. In the project it hides itself from git: `runs/.gitignore` ignores everything, itself included.
 * Rejects with `bad_input` for an id that is no file name, and with `store_readonly` when neither place takes it.
 */
export function placeFolder({ run, home }: PlaceOptions): Place {
  assertName(run.id)
  const project = chainIn(run.project, ['.loopwright', 'runs', run.id])
  try {
    accessSync(run.project, constants.W_OK)
    makeChain(project)
    return { path: join(run.project, '.loopwright', 'runs', run.id), chain: project }
  } catch (error) {
    const warning = `the run folder is not in the project: ${messageOf(error)}`
    const chain = chainIn(home, ['runs', run.id])
    try {
      mkdirSync(home, { recursive: true, mode: 0o700 })
      makeChain(chain)
    } catch (cause) {
      throw new LoopwrightError('store_readonly', `no place for the run folder: ${messageOf(cause)}`, {
        hint: `make ${home} a directory that can be written`,
        cause,
      })
    }
    return { path: join(home, 'runs', run.id), chain, warning }
  }
}

/** Where a run's folder is, if it is anywhere. Follows no links. */
export function findFolder({ run, home }: PlaceOptions): string | undefined {
  assertName(run.id)
  const chains = [chainIn(run.project, ['.loopwright', 'runs', run.id]), chainIn(home, ['runs', run.id])]
  return chains.find(isOurs)?.at(-1)
}

/** True while every directory of the chain is there and none is a link. */
export function isOurs(chain: readonly string[]): boolean {
  try {
    for (const path of chain) if (!lstatSync(path).isDirectory()) return false
    return true
  } catch {
    return false
  }
}

/** Makes each directory of the chain that is missing; throws `workspace` for what is no directory of its own. */
export function makeChain(chain: readonly string[]): void {
  const last = chain.length - 1
  for (const [at, path] of chain.entries()) {
    try {
      mkdirSync(path, at === last ? { mode: 0o700 } : {})
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const stat = lstatSync(path)
      if (!stat.isDirectory()) {
        const what = stat.isSymbolicLink() ? 'a symbolic link' : 'no directory'
        throw new LoopwrightError('workspace', `${path} is ${what}`, { hint: 'remove it' })
      }
    }
    if (at === last - 1) ignoreAll(path)
  }
}

function chainIn(top: string, names: readonly string[]): string[] {
  return names.map((_, at) => join(top, ...names.slice(0, at + 1)))
}

/** Exclusive: an ignore file that is there stays as it is, and a link in its place is not followed. */
function ignoreAll(runs: string): void {
  try {
    writeFileSync(join(runs, '.gitignore'), '*\n', { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function assertName(id: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(id)) return
  throw new LoopwrightError('bad_input', `'${id}' is no name for a run`, {
    hint: 'letters, digits, dots, dashes and underscores, beginning with a letter or a digit',
  })
}
