import { systemClock as clock } from '../clock.ts'
import { isLoopwrightError } from '../core/errors.ts'
import type { RunRecord } from '../core/ports.ts'
import type { RepairSpec } from '../core/spec/repair.ts'
import type { Drivers } from '../engine/drive.ts'
import { openRunFolder, type RunFolder } from '../folder/folder.ts'
import { followRun, type RunFollower } from '../folder/follow.ts'
import { type FolderHold, holdLoopFolder } from '../folder/loop/hold.ts'
import { type LoopFolder, openLoopFolder, requireLoopFolder, withLoopFolder } from '../folder/loop/loop-folder.ts'
import type { SqliteStore } from '../store/sqlite.ts'

/** What is kept of a run while this process drives it. */
interface Kept {
  readonly folder: RunFolder
  readonly follower: RunFollower
  readonly loop?: LoopFolder
  readonly hold?: FolderHold
}

export interface RunFoldersOptions {
  readonly store: SqliteStore
  readonly home: string
  readonly drivers: Drivers
  readonly warn: (message: string) => void
}

/** The derived folders of the runs this process drives: each run's own, and the loop folder of those that have one. */
export class RunFolders {
  readonly #options: RunFoldersOptions
  readonly #open = new Map<string, Kept>()

  constructor(options: RunFoldersOptions) {
    this.#options = options
  }

  /** Throws `conflict` when another run holds the loop folder; a run's own folder that cannot be had is a warning. */
  open(run: RunRecord): Pick<Kept, 'folder' | 'loop'> | undefined {
    const known = this.#open.get(run.id)
    if (known) return known
    const { store, home, warn } = this.#options
    try {
      const own = openRunFolder({ run, home, warn, clock })
      const kept = this.#withLoop(run, own)
      const follower = followRun({ store, run, folder: kept.folder, warn, clock })
      const opened = { ...kept, follower }
      this.#open.set(run.id, opened)
      return opened
    } catch (error) {
      if (isLoopwrightError(error, 'conflict') || isLoopwrightError(error, 'not_found')) throw error
      warn(`no run folder for ${run.id}: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }

  #withLoop(run: RunRecord, own: RunFolder): Pick<Kept, 'folder' | 'loop' | 'hold'> {
    const path = loopFolderOf(run)
    if (path === undefined) return { folder: own }
    // Before it is held: what is no directory cannot be, and that would only be a warning.
    requireLoopFolder(path)
    const { drivers, warn } = this.#options
    const { pid, started, host } = drivers.self
    const hold = holdLoopFolder(path, {
      holder: { pid, started, host, run: run.id },
      isAlive: (process) => drivers.isAlive({ id: '', host, ...process }),
      warn,
    })
    try {
      const loop = openLoopFolder({ run, folder: path, driver: drivers.self, warn, clock })
      return { folder: withLoopFolder(own, loop), loop, hold }
    } catch (error) {
      hold.release()
      throw error
    }
  }

  async finish({ id, ...run }: RunRecord): Promise<void> {
    // Not open, when the run had ended in a process that died before it could write this.
    this.open({ id, ...run })
    const known = this.#open.get(id)
    if (!known) return
    await known.follower.finish()
    this.#close(known)
    this.#open.delete(id)
  }

  close(): void {
    for (const kept of this.#open.values()) this.#close(kept)
    this.#open.clear()
  }

  #close({ follower, folder, hold }: Kept): void {
    follower.close()
    folder.close()
    hold?.release()
  }
}

/** The loop folder a run keeps; absolute. */
export function loopFolderOf(run: Pick<RunRecord, 'kind' | 'spec'>): string | undefined {
  return run.kind === 'repair' ? (run.spec as unknown as RepairSpec).folder : undefined
}
