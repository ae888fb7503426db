import { statSync } from 'node:fs'
import { messageOf } from '../core/errors.ts'
import type { StoreHealth } from '../core/ports.ts'
import type { Connection } from './connection.ts'
import { isCorrupt } from './errors.ts'
import { schemaVersion } from './schema.ts'

/** Reads the whole database; a large one takes seconds. Damage is told in `problems`, never thrown. */
export function checkHealth(db: Connection): StoreHealth {
  const problems: string[] = []
  let runs = 0
  try {
    for (const row of db.statement('PRAGMA integrity_check').all()) {
      if (row.integrity_check !== 'ok') problems.push(String(row.integrity_check))
    }
    if (db.statement('PRAGMA foreign_key_check').all().length > 0) problems.push('rows of runs that are gone')
    for (const row of db.statement(gaps).all()) problems.push(`journal of ${row.name} has a gap`)
    runs = Number(db.statement('SELECT count(*) AS n FROM runs').get()?.n)
  } catch (error) {
    if (!isCorrupt(error)) throw error
    problems.push(messageOf(error))
  }
  return { ok: problems.length === 0, problems, path: db.path, bytes: bytesOf(db.path), runs, schemaVersion }
}

/** Seqs run from 1 without a gap, so the last one is the count; events without a run are damage too. */
const gaps = `
  SELECT coalesce(r.id, 'a run that is gone') AS name FROM events e LEFT JOIN runs r ON r.no = e.id >> 32
  GROUP BY e.id >> 32 HAVING r.id IS NULL OR count(*) <> max(e.id & 4294967295)`

function bytesOf(path: string): number {
  return [path, `${path}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
}
