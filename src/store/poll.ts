import type { Connection } from './connection.ts'
import type { Watchers } from './watchers.ts'

/** How often to look for commits of other processes while somebody watches, milliseconds. */
const everyMs = 100

/** Tells watchers of changes that other processes made. One look costs a pragma; the runs are compared only after a commit. */
export class Poller {
  readonly #db: Connection
  readonly #watchers: Watchers
  readonly #seen = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #version: unknown

  constructor(db: Connection, watchers: Watchers) {
    this.#db = db
    this.#watchers = watchers
  }

  /** Starts looking, from now: a change made before is not told. */
  start(run: string): void {
    try {
      if (this.#timer === undefined) this.#version = this.#dataVersion()
      this.#seen.set(run, this.#markOf(run))
    } catch {
      // Locked just now: the first look that succeeds tells once too often, which is harmless.
    }
    this.#timer ??= setInterval(() => this.#look(), everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#seen.clear()
  }

  #look(): void {
    if (this.#watchers.empty) {
      this.stop()
      return
    }
    try {
      const version = this.#dataVersion()
      if (version === this.#version) return
      for (const run of this.#watchers.runs) {
        const mark = this.#markOf(run)
        if (mark !== this.#seen.get(run)) this.#watchers.notify(run)
        this.#seen.set(run, mark)
      }
      this.#version = version
    } catch {
      // Locked or failing: the next look tries again, and whoever reads or appends gets the error.
    }
  }

  #dataVersion(): unknown {
    return this.#db.statement('PRAGMA data_version').get()?.data_version
  }

  /** Changes whenever the run's journal, inbox or row does. */
  #markOf(run: string): string {
    const row = this.#db
      .statement(
        `SELECT h.epoch, h.status, h.updated_at, (SELECT max(i.n) FROM inbox i WHERE i.run = r.no) AS posted,
           (SELECT max(e.id) & 4294967295 FROM events e WHERE e.id BETWEEN r.no << 32 AND (r.no << 32) + 4294967295) AS seq
         FROM runs r JOIN heads h ON h.run = r.no WHERE r.id = ?`,
      )
      .get(run)
    return JSON.stringify(row ?? null)
  }
}
