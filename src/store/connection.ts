import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { LoopwrightError } from '../core/errors.ts'
import { storeError, storeNewer } from './errors.ts'
import type { HeldRun } from './held.ts'
import { loadSqlite } from './load.ts'
import { patiently } from './retry.ts'
import { inspect, migrate, schemaVersion } from './schema.ts'

export interface ConnectionOptions {
  readonly path: string
  /** How long to try while other processes hold the lock, milliseconds. */
  readonly patienceMs: number
}

/** So long may commits follow each other, in milliseconds, before timers and sockets of this process get their turn. */
const sliceMs = 10

/** One open database: prepared statements by their text, and work done in order, again while it is locked. */
export class Connection {
  readonly path: string
  /**
   * What the last append left of each run. It is exact: any commit of another process, any other write of ours and any
   * failure empties it, so that a driver alone on its run need not look the run up again for every event.
   */
  readonly held = new Map<string, HeldRun>()
  readonly #patienceMs: number
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #last: Promise<unknown> = Promise.resolve()
  #closed = false
  #sliceStart: number | undefined
  #dataVersion: unknown

  private constructor(db: DatabaseSync, options: ConnectionOptions) {
    this.#db = db
    this.path = options.path
    this.#patienceMs = options.patienceMs
  }

  /** Opens the file, made when it is missing (0600, in a directory 0700), with the schema this code knows. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    let db: DatabaseSync | undefined
    try {
      mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 })
      closeSync(openSync(options.path, 'a', 0o600)) // SQLite gives -wal and -shm the mode of this file
      const { DatabaseSync } = loadSqlite()
      const opened = new DatabaseSync(options.path, { timeout: 0, enableForeignKeyConstraints: true })
      db = opened
      await patiently(() => prepare(opened, options.path), options)
      return new Connection(opened, options)
    } catch (error) {
      db?.close()
      throw storeError(error, options.path)
    }
  }

  /** The prepared statement of this text. */
  statement(sql: string): StatementSync {
    const prepared = this.#statements.get(sql)
    if (prepared !== undefined) return prepared
    const fresh = this.#db.prepare(sql)
    this.#statements.set(sql, fresh)
    return fresh
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  /** Work that only reads. In WAL mode it waits for nobody's commit. */
  read<T>(work: () => T): Promise<T> {
    return this.#closed ? Promise.reject(closedError()) : this.#attempt(work)
  }

  /** One write transaction, after those asked for before it. `work` may run more than once, the lost times without a trace. */
  write<T>(work: () => T): Promise<T> {
    return this.append(() => {
      this.held.clear()
      return work()
    })
  }

  /** A `write` that keeps `held` true itself. */
  append<T>(work: () => T): Promise<T> {
    return this.#inOrder(() => this.#transaction(work))
  }

  /** Like `write`, outside a transaction. */
  alone<T>(work: () => T): Promise<T> {
    return this.#inOrder(work)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#last
    this.#statements.clear()
    this.#db.close()
  }

  #inOrder<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedError())
    const before = this.#last
    const job = before.then(async () => {
      await this.#turn()
      return this.#attempt(work)
    })
    this.#last = job.then(ignore, ignore)
    return job
  }

  async #attempt<T>(work: () => T): Promise<T> {
    try {
      return await patiently(work, { path: this.path, patienceMs: this.#patienceMs })
    } catch (error) {
      throw storeError(error, this.path)
    }
  }

  #transaction<T>(work: () => T): T {
    this.statement('BEGIN IMMEDIATE').run()
    try {
      this.#noticeOthers()
      const result = work()
      this.statement('COMMIT').run()
      return result
    } catch (error) {
      this.held.clear()
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  /** After a commit of another process: forget, and see whether a newer loopwright upgraded the file under a long-lived driver. */
  #noticeOthers(): void {
    const dataVersion = this.statement('PRAGMA data_version').get()?.data_version
    if (dataVersion === this.#dataVersion) return
    this.held.clear()
    const version = Number(this.statement('PRAGMA user_version').get()?.user_version)
    if (version > schemaVersion) throw storeNewer(this.path, version, schemaVersion, 'schema')
    this.#dataVersion = dataVersion
  }

  /** Commits are synchronous and promises starve timers: after a slice the event loop turns once. */
  async #turn(): Promise<void> {
    if (this.#sliceStart === undefined) {
      this.#sliceStart = performance.now()
      setImmediate(() => {
        this.#sliceStart = undefined
      })
    } else if (performance.now() - this.#sliceStart > sliceMs) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

/** Looks before it touches: a file that is not ours, or from the future, stays byte for byte as it was. */
function prepare(db: DatabaseSync, path: string): void {
  // Before the first table, or not at all. Deleted runs give their pages back to the file system.
  if (inspect(db, path) === 'fresh') db.exec('PRAGMA auto_vacuum = INCREMENTAL')
  db.exec('PRAGMA journal_mode = WAL')
  db.exec('PRAGMA synchronous = FULL')
  migrate(db, path)
}

function closedError(): LoopwrightError {
  return new LoopwrightError('conflict', 'the store is closed')
}

function ignore(): void {}
