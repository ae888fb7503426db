import type { ProcessRow } from './table.ts'

/**
 * The share of one core below which processes count as idle. Waiting programs are never quite still: measured, a Node with a timer every
 * 80 ms uses 0.05 %, one that draws a spinner 0.3 %, one with a timer every millisecond 1.9 %. What computes uses 100 %.
 */
export const idleShare = 0.02

/** What is seen of a tree at one moment. */
export interface Sight {
  /** Milliseconds of a clock that only goes forward. */
  readonly at: number
  readonly rows: readonly ProcessRow[]
  /** What it has printed in all. */
  readonly bytes: number
  /** True while it is we who keep it waiting, because what it printed is not taken yet. */
  readonly held: boolean
}

/** Tells when a tree has neither printed nor worked for a time. It decides by what it is shown alone: it has no clock of its own. */
export class Quiet {
  readonly #limitMs: number
  readonly #longestGapMs: number
  readonly #used = new Map<string, number>()
  #cpuMs = 0
  #clock = 0
  #last: Sight | undefined
  #window: { readonly at: number; readonly cpuMs: number }[] = []

  /** @param intervalMs how far apart sights are meant to be; when one comes much later it was we who slept (a suspended machine), and the gap does not count */
  constructor(limitMs: number, intervalMs: number) {
    this.#limitMs = limitMs
    this.#longestGapMs = intervalMs * 2
  }

  /** True once it has been quiet for the limit. */
  see(sight: Sight): boolean {
    const last = this.#last
    this.#last = sight
    this.#count(sight.rows)
    if (last !== undefined) this.#clock += Math.min(sight.at - last.at, this.#longestGapMs)
    const now = { at: this.#clock, cpuMs: this.#cpuMs }
    if (last === undefined || sight.held || sight.bytes !== last.bytes) {
      this.#window = [now]
      return false
    }
    this.#window.push(now)
    // The oldest look that is still needed is the last one that lies a whole limit back.
    while (now.at - (this.#window[1]?.at ?? now.at) >= this.#limitMs) this.#window.shift()
    const [oldest = now] = this.#window
    return now.at - oldest.at >= this.#limitMs && now.cpuMs - oldest.cpuMs <= this.#limitMs * idleShare
  }

  /** Adds what each process used since it was last seen. One that ended passes its time to its parent, so some is counted twice: it errs to work. */
  #count(rows: readonly ProcessRow[]): void {
    for (const row of rows) {
      const key = `${row.pid} ${row.started}`
      this.#cpuMs += Math.max(0, row.cpuMs - (this.#used.get(key) ?? 0))
      this.#used.set(key, row.cpuMs)
    }
  }
}
