import type { JournalEvent } from '../core/event.ts'
import { type Clock, finalStatuses, type RunRecord, type Store } from '../core/ports.ts'

export interface WatchOptions {
  /** The first seq to give; 1 by default. */
  readonly from?: number
  readonly signal?: AbortSignal
  /** Go on until nothing can continue the run, through stops and pauses. */
  readonly untilFinal?: boolean
}

/** A store tells of changes by other processes with some delay, and of a driver's death not at all: look again after this, in milliseconds. */
const lookAgainMs = 1_000

/**
 * Events as they come, until the run is over, failed, stopped, paused or interrupted, or the signal is aborted; through waiting.
 */
export async function* watchRun(
  world: {
    readonly store: Store
    readonly clock: Clock
    readonly get: () => Promise<RunRecord>
    readonly interrupted: (run: RunRecord) => boolean
  },
  run: string,
  options: WatchOptions,
): AsyncGenerator<JournalEvent> {
  const { store, clock } = world
  const { signal, untilFinal = false } = options
  let next = options.from ?? 1
  let wake = () => {}
  const changed = () => wake()
  const unsubscribe = store.subscribe(run, changed)
  signal?.addEventListener('abort', changed)
  try {
    while (!signal?.aborted) {
      const change = new Promise<void>((resolve) => {
        wake = resolve
      })
      const now = await world.get()
      for (const event of await store.read(run, { from: next })) {
        next = event.seq + 1
        yield event
      }
      const over = untilFinal
        ? finalStatuses.includes(now.status) || now.status === 'failed'
        : !['queued', 'running', 'waiting'].includes(now.status) || world.interrupted(now)
      if (over && next > now.lastSeq) return
      const callOff = clock.after(lookAgainMs, changed)
      if (!signal?.aborted) await change
      callOff()
    }
  } finally {
    unsubscribe()
    signal?.removeEventListener('abort', changed)
  }
}
