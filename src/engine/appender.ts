import type { EventBody, JournalEvent } from '../core/event.ts'
import type { Appended, Entry, RunPatch, Store } from '../core/ports.ts'

/** What goes with an event: its part of the ledger and the inbox, its part of the run's row, who hears that it is durable. */
export interface AppendOptions extends Omit<Entry, 'event'> {
  readonly patch?: RunPatch
  readonly done?: (result: Appended) => void
}

interface Waiting {
  readonly entry: Entry
  readonly patch: RunPatch | undefined
  readonly done: ((result: Appended) => void) | undefined
}

export interface AppenderOptions {
  readonly store: Store
  readonly run: string
  readonly epoch: number
  /** The run's own part of its row (its active time), read at the moment of the append. */
  readonly patch: () => RunPatch
  /** Called once per durable event, in journal order. */
  readonly onEvent: (event: JournalEvent) => void
  /** True when nothing else is under way that could become ready in this turn. */
  readonly alone: () => boolean
  /** Called when nothing waits to become durable any more. */
  readonly onIdle: () => void
  /** Called once, when an append failed; nothing is appended after that. */
  readonly onLost: (error: unknown) => void
}

/**
 * So far the active time in the run's row may lag behind, in milliseconds; it is what a crash may forget. Writing the row with
 * every event dirties a second page in every commit.
 */
const activeLagMs = 1_000

/**
 * The one writer of a run's journal. Branches hand their entries in; everything that is ready at once is committed in one
 * transaction, and nobody hears of a result before it is durable.
 */
export class Appender {
  readonly #options: AppenderOptions
  #ready: Waiting[] = []
  #lazy: Waiting[] = []
  #scheduled = false
  #busy = false
  #closed = false
  #activeMs: number | undefined

  constructor(options: AppenderOptions) {
    this.#options = options
  }

  /** True when nothing waits to become durable (entries that may wait for company aside). */
  get idle(): boolean {
    return !this.#busy && this.#ready.length === 0
  }

  get hasLazy(): boolean {
    return this.#lazy.length > 0
  }

  /** Appends as soon as the current macrotask is over, together with all that is ready by then. */
  append(event: EventBody, { patch, done, ...rest }: AppendOptions = {}): void {
    if (this.#closed) return
    this.#ready.push(...this.#lazy, { entry: { event, ...rest }, patch, done })
    this.#lazy = []
    this.#schedule()
  }

  /** Appends with the next entry that cannot wait, in this order; saves a commit. */
  appendLazily(event: EventBody): void {
    if (!this.#closed) this.#lazy.push({ entry: { event }, patch: undefined, done: undefined })
  }

  /** Makes lazy entries durable now. */
  flush(): void {
    if (this.#closed || this.#lazy.length === 0) return
    this.#ready.push(...this.#lazy)
    this.#lazy = []
    this.#schedule()
  }

  /** Nothing more is written or reported. */
  close(): void {
    this.#closed = true
    this.#ready = []
    this.#lazy = []
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy) return
    this.#scheduled = true
    const drain = () => {
      this.#scheduled = false
      void this.#drain()
    }
    // Where nothing else can join this commit, there is no turn of the event loop to wait for.
    if (this.#options.alone()) queueMicrotask(drain)
    else setImmediate(drain)
  }

  /** What changes in the run's row: nothing, most of the time. */
  #patchOf(batch: readonly Waiting[]): RunPatch | undefined {
    const own = this.#options.patch()
    const asked = batch.flatMap(({ patch }) => (patch === undefined ? [] : [patch]))
    const lag = this.#activeMs === undefined ? activeLagMs : (own.activeMs ?? 0) - this.#activeMs
    if (asked.length === 0 && lag < activeLagMs) return undefined
    this.#activeMs = own.activeMs
    return Object.assign(own, ...asked)
  }

  async #drain(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    while (this.#ready.length > 0 && !this.#closed) {
      const batch = this.#ready
      this.#ready = []
      try {
        const { store, run, epoch } = this.#options
        const patch = this.#patchOf(batch)
        const results = await store.append(
          run,
          epoch,
          batch.map((waiting) => waiting.entry),
          patch,
        )
        if (this.#closed) break
        results.forEach((result, i) => {
          if (result.ok) this.#options.onEvent(result.event)
          batch[i]?.done?.(result)
        })
      } catch (error) {
        this.close()
        this.#options.onLost(error)
      }
    }
    this.#busy = false
    if (!this.#closed) this.#options.onIdle()
  }
}
