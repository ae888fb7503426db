import type { Connection } from './connection.ts'
import { noSuchRun, notEmpty } from './head.ts'
import { heldRun, readHead, writeHead } from './rows.ts'

export interface CopyJournal {
  readonly from: string
  readonly into: string
  readonly to: number
  readonly now: number
}

/** Copies events and what they settled; the counters of the new run's scopes are not touched. Inside a transaction. */
export function copyJournal(db: Connection, { from, into, to, now }: CopyJournal): void {
  const source = readHead(db, from)
  const target = readHead(db, into)
  if (source === undefined) throw noSuchRun(from)
  if (target === undefined) throw noSuchRun(into)
  if ((heldRun(db, into)?.lastSeq ?? 0) > 0) throw notEmpty(into)
  db.statement(
    `INSERT INTO events SELECT (:target << 32) + (id & 4294967295), :epoch, ts, body FROM events
     WHERE id BETWEEN :source << 32 AND (:source << 32) + max(0, min(:to, 4294967295)) ORDER BY id`,
  ).run({ target: target.no, source: source.no, epoch: target.head.epoch, to })
  db.statement(
    `INSERT INTO reservations SELECT :target, step, attempt, amounts, settled_at FROM reservations
     WHERE run = :source AND settled_at <= :to`,
  ).run({ target: target.no, source: source.no, to })
  const segmentSeq = source.head.segmentSeq <= to ? source.head.segmentSeq : lastContinued(db, target.no)
  writeHead(db, target.no, { ...target.head, segmentSeq, updatedAt: now })
}

/** Where the last segment among the copied events starts. */
function lastContinued(db: Connection, no: number): number {
  const row = db
    .statement(
      `SELECT id & 4294967295 AS seq FROM events WHERE id BETWEEN :no << 32 AND (:no << 32) + 4294967295
       AND json_extract(body, '$.kind') = 'continued' ORDER BY id DESC LIMIT 1`,
    )
    .get({ no })
  return Number(row?.seq ?? 1)
}
