import type { Signal } from '../core/event.ts'
import type { Operation } from './operation.ts'

/** The signals of a run: given to the operation that waits for them, or kept until one asks. */
export class Mailbox {
  #kept: Signal[] = []
  readonly #answered = new Set<string>()

  /** What nobody has asked for yet, in order; it goes along into the next segment. */
  get kept(): readonly Signal[] {
    return this.#kept
  }

  /** Starts a segment with the signals that the last one left. */
  restore(signals: readonly Signal[]): void {
    this.#kept = [...signals]
  }

  /** The operation this signal is for, now; otherwise it is kept. A second answer, or a child's end told again, is no news. */
  receive(signal: Signal, waiting: Iterable<Operation>): Operation | undefined {
    const once = signal.kind === 'answer' || signal.kind === 'child_finished'
    const news = `${signal.kind} ${signal.target}`
    if (once && this.#answered.has(news)) return undefined
    for (const operation of waiting) {
      if (!operation.accepts?.(signal)) continue
      if (once) this.#answered.add(news)
      return operation
    }
    if (!once) this.#kept.push(signal)
    return undefined
  }

  /** Takes the first signal that fits. */
  take(fits: (signal: Signal) => boolean): Signal | undefined {
    const at = this.#kept.findIndex(fits)
    return at < 0 ? undefined : this.#kept.splice(at, 1)[0]
  }
}
