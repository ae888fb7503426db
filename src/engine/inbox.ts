import type { Caps } from '../core/budget.ts'
import type { Signal } from '../core/event.ts'
import type { Store } from '../core/ports.ts'
import type { Appender } from './appender.ts'
import type { Values } from './values.ts'

export interface InboxOptions {
  readonly store: Store
  readonly run: string
  readonly appender: Appender
  readonly values: Values
  /** Aborted once the run was released: nothing is taken any more. */
  readonly released: AbortSignal
  /** True when no signal can change the run any more; what comes then stays for whoever drives it next. */
  readonly isOver: () => boolean
  /** Called after each reading. */
  readonly onRead: () => void
  readonly onLost: (error: unknown) => void
}

/**
 * What others sent to the run, each signal taken once: it is journalled, and its position there is what fixes the order. A pause
 * alone is not; it is what the run ends with.
 */
export class Inbox {
  readonly #options: InboxOptions
  readonly #taken = new Set<string>()
  #reading = false
  /** Something came while the inbox was being read: the answer may be older than it. */
  #readAgain = false
  #pause: { readonly reason: string; readonly signal: string } | undefined

  constructor(options: InboxOptions) {
    this.#options = options
  }

  get reading(): boolean {
    return this.#reading
  }

  /** The pause somebody asked for, unless they asked to go on since. */
  get pause(): { readonly reason: string; readonly signal: string } | undefined {
    return this.#pause
  }

  /** Reads now, and from now on whenever something comes. */
  open(): void {
    const { store, run, released } = this.#options
    const close = store.subscribe(run, (by) => {
      // What we append ourselves puts nothing in the inbox; to look after each event costs a read per commit.
      if (by !== 'append') this.read()
    })
    released.addEventListener('abort', close)
    this.read()
  }

  read(): void {
    const { store, run, released, onRead, onLost } = this.#options
    if (released.aborted) return
    this.#readAgain = this.#reading
    if (this.#reading) return
    this.#reading = true
    store.inbox(run).then((signals) => {
      this.#reading = false
      for (const signal of signals) this.#take(signal)
      if (this.#readAgain) this.read()
      onRead()
    }, onLost)
  }

  #take(signal: Signal): void {
    const { appender, values, released, isOver } = this.#options
    if (released.aborted || isOver() || this.#taken.has(signal.id)) return
    this.#taken.add(signal.id)
    const consume = signal.id
    const signalId = signal.id
    const reason = typeof signal.payload === 'string' ? signal.payload : signal.kind
    switch (signal.kind) {
      case 'pause':
        this.#pause ??= { reason, signal: signal.id }
        return
      case 'cancel':
        appender.append({ kind: 'cancel_requested', signalId, reason }, { consume })
        return
      case 'stop':
        appender.append({ kind: 'stop_requested', signalId, reason }, { consume })
        return
      case 'reopen': {
        const caps = (signal.payload ?? {}) as Caps
        // Said later than the pause, and so in its place.
        if (this.#pause) appender.append({ kind: 'reopened', signalId }, { consume: this.#pause.signal })
        this.#pause = undefined
        appender.append({ kind: 'reopened', signalId, caps }, { consume, caps })
        return
      }
      default:
        appender.append({ kind: 'signal_received', signal: values.clean(signal) }, { consume })
    }
  }
}
