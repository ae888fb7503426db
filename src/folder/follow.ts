import { messageOf } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { Blobs, Clock, RunRecord, Store } from '../core/ports.ts'
import { emptyView, type RunView } from '../core/view.ts'
import { openRunFolder, type RunFolder, type RunFolderOptions } from './folder.ts'
import { timers } from './timers.ts'

/** Changes within this time are read together, in milliseconds. */
const gatherMs = 20
/** How long to wait before a folder that lost its lines, or a journal that could not be read, is tried again. */
const againMs = 1_000

export interface FollowOptions {
  readonly store: Pick<Store, 'read' | 'subscribe' | 'getRun'>
  readonly run: RunRecord
  readonly folder: RunFolder
  /** Where a result is fetched from that was too large for the journal. */
  readonly blobs?: Pick<Blobs, 'get'>
  readonly warn?: (message: string) => void
  readonly clock?: Pick<Clock, 'now' | 'after'>
}

/** Keeps a run's folder up to date while this process drives it. */
export interface RunFollower {
  /** The fold so far. */
  readonly view: RunView
  /** Reads what is new now. Rejects as the store does. */
  catchUp(): Promise<RunView>
  /** Catches up and writes status and result as they are; call it after each activation. Never rejects. */
  finish(): Promise<RunView>
  /** Ends following; the folder stays open. */
  close(): void
}

/** Folds a run's journal into its folder as it grows. A journal that cannot be read just now is a warning, and read later. */
export function followRun(options: FollowOptions): RunFollower {
  const { store, run, folder } = options
  const clock = options.clock ?? timers
  let view = emptyView(run)
  let reading: Promise<unknown> = Promise.resolve()
  let callOff: (() => void) | undefined
  let retryAt = Number.NEGATIVE_INFINITY
  let closed = false

  const read = async () => {
    if (folder.behind && clock.now() >= retryAt) {
      retryAt = clock.now() + againMs
      folder.recover()
      if (!folder.behind) view = emptyView(run)
    }
    view = folder.onEvents(await store.read(run.id, { from: view.seq + 1 }), view)
    if (folder.behind) schedule(againMs)
    return view
  }
  const catchUp = () => {
    const now = reading.then(read)
    reading = now.catch(() => {})
    return now
  }
  const inBackground = () => {
    catchUp().catch((error: unknown) => {
      options.warn?.(`the run folder is behind: ${messageOf(error)}`)
      schedule(againMs)
    })
  }
  const schedule = (ms: number) => {
    if (callOff || closed) return
    callOff = clock.after(ms, () => {
      callOff = undefined
      inBackground()
    })
  }
  const unsubscribe = store.subscribe(run.id, () => schedule(gatherMs))
  schedule(0)
  return {
    get view() {
      return view
    },
    catchUp,
    async finish() {
      try {
        await catchUp()
        // A line may have been lost just now; the journal has it.
        if (folder.behind) {
          retryAt = Number.NEGATIVE_INFINITY
          await catchUp()
        }
        await writeEnd(options, view)
      } catch (error) {
        options.warn?.(`the run folder is behind: ${messageOf(error)}`)
      }
      return view
    },
    close() {
      closed = true
      callOff?.()
      unsubscribe()
    },
  }
}

/**
 * Derives a run's folder from its journal: lines that are missing are added, a file that does not fit is written anew, status and
 * result are as the run is. `workers/`, `logs/` and `artifacts/` stay as they are. Rejects as the store does.
 */
export async function rebuildFolder(
  options: RunFolderOptions & {
    readonly store: Pick<Store, 'read' | 'getRun'>
    readonly blobs?: Pick<Blobs, 'get'>
  },
): Promise<{ readonly path: string; readonly view: RunView }> {
  const { store, run } = options
  const folder = openRunFolder({ ...options, fresh: true })
  try {
    const view = folder.onEvents(await store.read(run.id), emptyView(run))
    await writeEnd({ ...options, folder }, view)
    return { path: folder.path, view }
  } finally {
    folder.close()
  }
}

async function writeEnd(
  options: Pick<FollowOptions, 'run' | 'folder' | 'blobs'> & { readonly store: Pick<Store, 'getRun'> },
  view: RunView,
): Promise<void> {
  const { store, run, folder, blobs } = options
  const now = (await store.getRun(run.id)) ?? run
  let value: Json | undefined
  if (view.resultRef && blobs && now.status === 'done') {
    value = JSON.parse(await blobs.get(run.id, view.resultRef))
  }
  folder.finish(view, now, value)
}
