import { systemClock as clock } from '../clock.ts'
import type { RunRecord } from '../core/ports.ts'
import { openRunFolder, type RunFolder } from '../folder/folder.ts'
import { followRun, type RunFollower } from '../folder/follow.ts'
import type { SqliteStore } from '../store/sqlite.ts'

/** The derived folders of the runs this process drives. */
export class RunFolders {
  readonly #store: SqliteStore
  readonly #home: string
  readonly #warn: (message: string) => void
  readonly #open = new Map<string, { readonly folder: RunFolder; readonly follower: RunFollower }>()

  constructor(store: SqliteStore, home: string, warn: (message: string) => void) {
    this.#store = store
    this.#home = home
    this.#warn = warn
  }

  open(run: RunRecord): RunFolder | undefined {
    const known = this.#open.get(run.id)
    if (known) return known.folder
    try {
      const folder = openRunFolder({ run, home: this.#home, warn: this.#warn, clock })
      const follower = followRun({ store: this.#store, run, folder, warn: this.#warn, clock })
      this.#open.set(run.id, { folder, follower })
      return folder
    } catch (error) {
      this.#warn(`no run folder for ${run.id}: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }

  async finish({ id, ...run }: RunRecord): Promise<void> {
    // Not open, when the run had ended in a process that died before it could write this.
    this.open({ id, ...run })
    const known = this.#open.get(id)
    if (!known) return
    await known.follower.finish()
    known.follower.close()
    known.folder.close()
    this.#open.delete(id)
  }

  close(): void {
    for (const { folder, follower } of this.#open.values()) {
      follower.close()
      folder.close()
    }
    this.#open.clear()
  }
}
