import { closeSync, openSync } from 'node:fs'
import type { JournalEvent, Signal } from '../core/event.ts'
import type { NewRun, RunFilter, RunRecord, Store } from '../core/ports.ts'
import { appendTo, isKilled } from './append.ts'
import { Connection } from './connection.ts'
import { storeError } from './errors.ts'
import { copyJournal } from './fork.ts'
import { assertDeletable, assertHeld, claimHead, newHead, noSuchRun, ownScope } from './head.ts'
import { checkHealth } from './health.ts'
import { Poller } from './poll.ts'
import { readHead, readScope, recordOfRow, selectRecords, text, writeHead, writeScope } from './rows.ts'
import { Watchers } from './watchers.ts'

export interface SqliteStoreOptions {
  /** The database file; it and its directory are made when missing. */
  readonly path: string
  /** How long to try while other processes hold the lock, milliseconds; default 30,000. Then `store_locked`. */
  readonly patienceMs?: number
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number
}

export interface SqliteStore extends Store {
  /** Writes a consistent, compact copy of the database to a new file (0600). Rejects with `store_readonly` when it exists. */
  backup(path: string): Promise<void>
}

/**
 * Opens the store of one machine: an SQLite file that many processes use at once. Rejects with `store_newer`, `store_corrupt`,
 * `store_readonly`, `store_full`, `store_locked`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { path, patienceMs = 30_000, now = Date.now } = options
  const db = await Connection.open({ path, patienceMs })
  const watchers = new Watchers()
  const poller = new Poller(db, watchers)

  const find = (id: string): RunRecord | undefined => {
    const row = db.statement(`${selectRecords} WHERE r.id = ?`).get(id)
    return row === undefined ? undefined : recordOfRow(row)
  }
  const mustFind = (id: string): RunRecord => {
    const found = find(id)
    if (found === undefined) throw noSuchRun(id)
    return found
  }
  const held = (id: string) => {
    const found = readHead(db, id)
    if (found === undefined) throw noSuchRun(id)
    return found
  }

  return {
    async createRun(run) {
      const record = await db.write(() => {
        const there = find(run.id)
        if (there !== undefined) return there
        insertRun(db, run, now())
        return mustFind(run.id)
      })
      watchers.notify(run.id)
      return record
    },

    getRun: (id) => db.read(() => find(id)),

    listRuns: (filter = {}) => db.read(() => list(db, filter)),

    async claim(id, driver, { leaseUntil, force = false }) {
      const claim = await db.write(() => {
        const { no, head } = held(id)
        const taken = claimHead(head, { id, driver, leaseUntil, force, now: now() })
        writeHead(db, no, taken.head)
        const { previous } = taken
        return { run: mustFind(id), epoch: taken.head.epoch, ...(previous === undefined ? {} : { previous }) }
      })
      watchers.notify(id)
      return claim
    },

    renew: (id, epoch, leaseUntil) =>
      db.write(() => {
        const { no, head } = held(id)
        assertHeld(id, head, epoch)
        db.statement('UPDATE heads SET lease_until = ? WHERE run = ?').run(leaseUntil, no)
      }),

    async append(id, epoch, entries, patch) {
      const results = await db.append(() => appendTo(db, { id, epoch, entries, patch, ts: now() }))
      watchers.notify(id, 'append')
      return results
    },

    read: (id, { from = 1, to = 4_294_967_295 } = {}) =>
      db.read(() =>
        db
          .statement(
            `SELECT e.id & 4294967295 AS seq, e.epoch, e.ts, e.body FROM runs r
             JOIN events e ON e.id BETWEEN (r.no << 32) + max(?, 0) AND (r.no << 32) + min(?, 4294967295)
             WHERE r.id = ? ORDER BY e.id`,
          )
          .all(from, to, id)
          .map((row): JournalEvent => {
            const { seq, epoch, ts } = row
            return { ...JSON.parse(text(row, 'body')), seq, epoch, ts }
          }),
      ),

    async post(id, signal) {
      const isNew = await db.write(() => {
        const { no } = held(id)
        const insert = 'INSERT OR IGNORE INTO inbox (run, id, kind, body) VALUES (?, ?, ?, ?)'
        return db.statement(insert).run(no, signal.id, signal.kind, JSON.stringify(signal)).changes === 1
      })
      if (isNew) watchers.notify(id)
      return isNew
    },

    inbox: (id) =>
      db.read(() =>
        db
          .statement(
            'SELECT i.body FROM runs r JOIN inbox i ON i.run = r.no AND i.consumed = 0 WHERE r.id = ? ORDER BY i.n',
          )
          .all(id)
          .map((row): Signal => JSON.parse(text(row, 'body'))),
      ),

    subscribe(id, onChange) {
      const stop = watchers.add(id, onChange)
      poller.start(id)
      return stop
    },

    due: (at) => db.read(() => db.statement(`${selectRecords} ${whereDue}`).all(at).map(recordOfRow)),

    spend: (scope) =>
      db.read(() => {
        const { used, spent } = readScope(db, scope)
        return { used, spent }
      }),

    caps: (scope) => db.read(() => readScope(db, scope).caps),

    setCaps: (scope, caps) => db.write(() => writeScope(db, scope, { ...readScope(db, scope), caps })),

    async killSwitch(set) {
      if (set === undefined) return db.read(() => isKilled(db))
      await db.write(() => {
        db.statement("INSERT OR REPLACE INTO meta VALUES ('killSwitch', ?)").run(set ? 'on' : 'off')
      })
      return set
    },

    async copyJournal(from, into, to) {
      await db.write(() => copyJournal(db, { from, into, to, now: now() }))
      watchers.notify(into)
    },

    async deleteRun(id) {
      await db.write(() => deleteRun(db, id))
      watchers.notify(id)
      await reclaim(db)
    },

    check: () => db.read(() => checkHealth(db)),

    async backup(to) {
      try {
        closeSync(openSync(to, 'wx', 0o600))
      } catch (error) {
        throw storeError(error, to)
      }
      await db.alone(() => db.statement('VACUUM INTO ?').run(to))
    },

    async close() {
      poller.stop()
      watchers.clear()
      await db.close()
    },
  }
}

/** The same conditions as `isDue`. */
const whereDue = `
  WHERE h.status = 'queued'
    OR (h.status = 'waiting' AND h.wake_at <= ?)
    OR (h.status IN ('waiting', 'paused', 'stopped', 'failed') AND EXISTS (
      SELECT 1 FROM inbox i WHERE i.run = r.no AND i.consumed = 0 AND (
        h.status = 'waiting' OR i.kind = 'reopen' OR (i.kind = 'cancel' AND h.status <> 'failed'))))
  ORDER BY r.no`

function insertRun(db: Connection, run: NewRun, now: number): void {
  const { caps } = run
  const scope = ownScope(run)
  const { lastInsertRowid } = db
    .statement(
      `INSERT INTO runs (id, loop, project, parent, scope, scopes, labels, created_at, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      run.id,
      run.loop,
      run.project,
      run.parent?.run ?? null,
      scope,
      JSON.stringify([...new Set(run.scopes)]),
      JSON.stringify(run.labels ?? {}),
      now,
      JSON.stringify(run),
    )
  writeHead(db, Number(lastInsertRowid), newHead(now))
  if (caps !== undefined) writeScope(db, scope, { ...readScope(db, scope), caps })
}

function list(db: Connection, filter: RunFilter): RunRecord[] {
  const conditions: string[] = ['1']
  const values: (string | number)[] = []
  const where = (condition: string, ...given: string[]) => {
    conditions.push(condition)
    values.push(...given)
  }
  if (filter.status !== undefined) where('h.status IN (SELECT value FROM json_each(?))', JSON.stringify(filter.status))
  if (filter.project !== undefined) where('r.project = ?', filter.project)
  if (filter.parent !== undefined) where('r.parent = ?', filter.parent)
  if (filter.loop !== undefined) where('r.loop = ?', filter.loop)
  for (const [label, value] of Object.entries(filter.labels ?? {})) {
    where('EXISTS (SELECT 1 FROM json_each(r.labels) WHERE key = ? AND value = ?)', label, value)
  }
  const sql = `${selectRecords} WHERE ${conditions.join(' AND ')} ORDER BY r.no DESC LIMIT ?`
  return db
    .statement(sql)
    .all(...values, filter.limit ?? -1)
    .map(recordOfRow)
}

function deleteRun(db: Connection, id: string): void {
  const found = readHead(db, id)
  if (found === undefined) throw noSuchRun(id)
  assertDeletable(id, found.head)
  // Children count in the scopes of their parents: as long as there are any, the counters stay.
  db.statement(
    `DELETE FROM scopes WHERE name = 'run:' || :id AND name = (SELECT scope FROM runs WHERE id = :id)
     AND NOT EXISTS (SELECT 1 FROM runs WHERE parent = :id)`,
  ).run({ id })
  db.statement('DELETE FROM events WHERE id BETWEEN ? << 32 AND (? << 32) + 4294967295').run(found.no, found.no)
  db.statement('DELETE FROM runs WHERE no = ?').run(found.no) // head, inbox and reservations go with it
}

/** Gives free pages back to the file system, some at a time so that nobody waits long for the lock. */
async function reclaim(db: Connection): Promise<void> {
  const free = () => Number(db.statement('PRAGMA freelist_count').get()?.freelist_count)
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    const left = await db.alone(() => {
      db.exec('PRAGMA incremental_vacuum(2000)')
      return free()
    })
    if (left === 0 || left >= before) return // others may free pages meanwhile: theirs to reclaim
    before = left
  }
}
