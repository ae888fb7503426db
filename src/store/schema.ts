import type { DatabaseSync } from 'node:sqlite'
import { journalVersion } from '../core/event.ts'
import { storeCorrupt, storeNewer } from './errors.ts'

/** Marks a database file as ours ("loop" in ASCII), so that nobody else's is ever migrated. */
const applicationId = 0x6c6f6f70

/**
 * Every schema there ever was, as the steps from one to the next; never edit one that was released. A journal row's id is the
 * run's number * 2^32 + seq: reading in order, the next seq and a whole run are ranges of the primary key, and an append
 * touches one page. Rows that change are apart from those that do not (`heads`), for a large spec would be rewritten with them.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE runs (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    loop TEXT NOT NULL,
    project TEXT NOT NULL,
    parent TEXT,
    scope TEXT NOT NULL,
    scopes TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL
  );
  CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
  CREATE TABLE heads (
    run INTEGER PRIMARY KEY REFERENCES runs (no) ON DELETE CASCADE,
    status TEXT NOT NULL,
    reason TEXT,
    wake_at INTEGER,
    epoch INTEGER NOT NULL,
    driver TEXT,
    lease_until INTEGER,
    segment_seq INTEGER NOT NULL,
    active_ms INTEGER NOT NULL,
    result TEXT,
    updated_at INTEGER NOT NULL
  );
  CREATE INDEX heads_status ON heads (status);
  CREATE TABLE events (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, ts INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE TABLE inbox (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    consumed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run, id)
  );
  CREATE INDEX inbox_open ON inbox (run) WHERE consumed = 0;
  CREATE TABLE scopes (name TEXT PRIMARY KEY, caps TEXT NOT NULL, used TEXT NOT NULL, spent TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE reservations (
    run INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    amounts TEXT NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (run, step, attempt)
  ) WITHOUT ROWID;
  `,
]

export const schemaVersion: number = migrations.length

/**
 * Reads whose database this is, changing nothing. Throws `store_newer` for a schema or journal from the future and
 * `store_corrupt` for a file that is not ours.
 */
export function inspect(db: DatabaseSync, path: string): 'fresh' | 'old' | 'current' {
  // In one transaction: another process may be making the schema at this moment, and half of it belongs to nobody.
  db.exec('BEGIN')
  try {
    const version = currentVersion(db, path)
    const journal = journalOf(db, path)
    if (version === 0) return 'fresh'
    return version === schemaVersion && journal === journalVersion ? 'current' : 'old'
  } finally {
    if (db.isTransaction) db.exec('COMMIT')
  }
}

/**
 * Brings a database to the schema this code knows. Safe when several processes open a fresh file at once: the version is read
 * again under the write lock. Throws as `inspect` does. May throw busy errors; calling it again is right.
 */
export function migrate(db: DatabaseSync, path: string): void {
  if (inspect(db, path) === 'current') return
  db.exec('BEGIN IMMEDIATE')
  try {
    const from = currentVersion(db, path)
    for (const step of migrations.slice(from)) db.exec(step)
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`)
    journalOf(db, path)
    db.prepare("INSERT OR REPLACE INTO meta VALUES ('journalVersion', ?)").run(String(journalVersion))
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function currentVersion(db: DatabaseSync, path: string): number {
  const owner = pragma(db, 'application_id')
  const version = pragma(db, 'user_version')
  if (owner !== applicationId && (owner !== 0 || version !== 0 || hasTables(db))) {
    throw storeCorrupt(path, 'it belongs to another program')
  }
  if (version > schemaVersion) throw storeNewer(path, version, schemaVersion, 'schema')
  return version
}

function journalOf(db: DatabaseSync, path: string): number {
  if (!hasTables(db)) return 0
  const row = db.prepare("SELECT value FROM meta WHERE key = 'journalVersion'").get()
  const version = row === undefined ? 0 : Number(row.value)
  if (version > journalVersion) throw storeNewer(path, version, journalVersion, 'journal')
  return version
}

function hasTables(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
}
