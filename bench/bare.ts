import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

export interface BareTable {
  /** One row in one commit. */
  insert(body: string): void
  /** Copies the write-ahead log into the database. */
  checkpoint(): void
  close(): void
}

/** The least a durable row in SQLite costs: one table, one prepared insert, WAL, synchronous=FULL. */
export function bareTable(path: string): BareTable {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  db.exec(
    'CREATE TABLE events (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, ts INTEGER NOT NULL, body TEXT NOT NULL)',
  )
  const insert = db.prepare('INSERT INTO events (epoch, ts, body) VALUES (1, ?, ?)')
  return {
    insert: (body) => {
      insert.run(Date.now(), body)
    },
    checkpoint: () => db.exec('PRAGMA wal_checkpoint(TRUNCATE)'),
    close: () => db.close(),
  }
}

/** A file that lines are appended to, with or without waiting for the disk. */
export function lineFile(path: string): { append(line: string): void; sync(): void; close(): void } {
  const fd = openSync(path, 'a')
  return {
    append: (line) => {
      writeSync(fd, `${line}\n`)
    },
    sync: () => fdatasyncSync(fd),
    close: () => closeSync(fd),
  }
}
