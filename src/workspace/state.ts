import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { UserRepo } from './discover.ts'
import { readText, safeName, writeAtomic } from './files.ts'
import type { OwnRepo } from './git.ts'

/** What a run's folder remembers. Its file is written last, so that a folder without it was never finished. */
export interface RunState {
  readonly version: 1
  readonly run: string
  readonly project: string
  readonly user: UserRepo
  readonly branch: string
  readonly base: string
  /** Commits the user's repository holds, so that they need no copying back. */
  readonly known: readonly string[]
  /** The base is a snapshot we made because the repository had no commit. */
  readonly unborn: boolean
  /** Gitlinks of the base, raw paths. */
  readonly gitlinks: readonly string[]
  readonly warnings: readonly string[]
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** Where the parts of a run's folder are. */
export interface RunPlaces {
  readonly folder: string
  readonly state: string
  readonly control: OwnRepo
  readonly lock: string
}

/** Short hash for names. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The name of a run or worker in refs and folders. */
export function nameOf(id: string): string {
  return safeName(id, hashOf)
}

export function worktreesIn(home: string): string {
  return join(home, 'worktrees')
}

export function placesOf(home: string, run: string): RunPlaces {
  const name = nameOf(run)
  const folder = join(worktreesIn(home), name)
  return {
    folder,
    state: join(folder, 'run.json'),
    control: { gitDir: join(folder, 'control.git') },
    lock: join(worktreesIn(home), '.locks', name),
  }
}

/** The state of a run's folder; undefined when it was never finished. */
export async function readState(places: RunPlaces): Promise<RunState | undefined> {
  const text = await readText(places.state)
  if (text === undefined) return undefined
  try {
    // Written by us, into a folder that agents are not given.
    const state: RunState = JSON.parse(text)
    if (state.version === 1) return state
  } catch {
    // Falls through: not ours.
  }
  throw new LoopwrightError('workspace', `${places.state} is damaged or of a newer loopwright`, {
    hint: 'update loopwright, or move the folder away',
  })
}

export async function writeState(places: RunPlaces, state: RunState): Promise<void> {
  await writeAtomic(places.state, `${JSON.stringify(state, null, 2)}\n`, 0o600)
}
