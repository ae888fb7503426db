import type { Amounts } from '../core/budget.ts'
import type { StepKey } from '../core/event.ts'
import type { RunRecord } from '../core/ports.ts'
import type { Connection } from './connection.ts'
import { type RunHead, recordOf } from './head.ts'
import type { HeldRun } from './held.ts'
import { emptyScope, type LedgerRows, type Reservation, type ScopeState } from './ledger.ts'

type Row = Record<string, unknown>

/** The events of the run `r.no`, as a condition on `e.id`. */
const ofRun = 'e.id BETWEEN r.no << 32 AND (r.no << 32) + 4294967295'
const lastEvent = (column: string) => `(SELECT ${column} FROM events e WHERE ${ofRun} ORDER BY e.id DESC LIMIT 1)`

/** Everything a RunRecord is made of; conditions on r (runs) and h (heads) may follow. */
export const selectRecords = `
  SELECT r.body, r.created_at, h.*, s.caps AS own_caps,
    ${lastEvent('e.id & 4294967295')} AS last_seq, ${lastEvent('e.ts')} AS last_ts
  FROM runs r JOIN heads h ON h.run = r.no LEFT JOIN scopes s ON s.name = r.scope`

export function recordOfRow(row: Row): RunRecord {
  const lastTs = row.last_ts
  return recordOf({
    run: JSON.parse(text(row, 'body')),
    head: headOfRow(row),
    createdAt: Number(row.created_at),
    caps: row.own_caps === null ? {} : JSON.parse(text(row, 'own_caps')),
    lastSeq: Number(row.last_seq ?? 0),
    lastTs: lastTs === null ? undefined : Number(lastTs),
  })
}

/** What an append must know, in one look. */
export function heldRun(db: Connection, id: string): HeldRun | undefined {
  const row = db
    .statement(
      `SELECT r.no, r.scope, r.scopes, h.epoch, h.driver IS NOT NULL AS driven, ${lastEvent('e.id & 4294967295')} AS last_seq
       FROM runs r JOIN heads h ON h.run = r.no WHERE r.id = ?`,
    )
    .get(id)
  if (row === undefined) return undefined
  return {
    no: Number(row.no),
    scope: text(row, 'scope'),
    scopes: text(row, 'scopes'),
    lastSeq: Number(row.last_seq ?? 0),
    epoch: Number(row.epoch),
    driven: row.driven === 1,
  }
}

export function readHead(db: Connection, id: string): { no: number; head: RunHead } | undefined {
  const row = db.statement('SELECT h.* FROM runs r JOIN heads h ON h.run = r.no WHERE r.id = ?').get(id)
  return row === undefined ? undefined : { no: Number(row.run), head: headOfRow(row) }
}

export function writeHead(db: Connection, no: number, head: RunHead): void {
  db.statement(
    `INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (run) DO UPDATE SET status = excluded.status, reason = excluded.reason, wake_at = excluded.wake_at,
       epoch = excluded.epoch, driver = excluded.driver, lease_until = excluded.lease_until,
       segment_seq = excluded.segment_seq, active_ms = excluded.active_ms, result = excluded.result,
       updated_at = excluded.updated_at`,
  ).run(
    no,
    head.status,
    head.reason,
    head.wakeAt,
    head.epoch,
    head.driver === null ? null : JSON.stringify(head.driver),
    head.leaseUntil,
    head.segmentSeq,
    head.activeMs,
    head.result === null ? null : JSON.stringify(head.result),
    head.updatedAt,
  )
}

export function readScope(db: Connection, name: string): ScopeState {
  const row = db.statement('SELECT caps, used, spent FROM scopes WHERE name = ?').get(name)
  if (row === undefined) return emptyScope
  return {
    caps: JSON.parse(text(row, 'caps')),
    used: JSON.parse(text(row, 'used')),
    spent: JSON.parse(text(row, 'spent')),
  }
}

export function writeScope(db: Connection, name: string, state: ScopeState): void {
  db.statement('INSERT OR REPLACE INTO scopes VALUES (?, ?, ?, ?)').run(
    name,
    JSON.stringify(state.caps),
    JSON.stringify(state.used),
    JSON.stringify(state.spent),
  )
}

/** The ledger of one run, by its number. */
export function ledgerOf(db: Connection, no: number): LedgerRows {
  return {
    scope: (name) => readScope(db, name),
    putScope: (name, state) => writeScope(db, name, state),
    reservation: (step, attempt) => readReservation(db, no, step, attempt),
    putReservation: (step, attempt, reservation) => {
      db.statement('INSERT OR REPLACE INTO reservations VALUES (?, ?, ?, ?, ?)').run(
        no,
        step,
        attempt,
        JSON.stringify(reservation.amounts),
        reservation.settledAt ?? null,
      )
    },
  }
}

function readReservation(db: Connection, no: number, step: StepKey, attempt: number): Reservation | undefined {
  const row = db
    .statement('SELECT amounts, settled_at FROM reservations WHERE run = ? AND step = ? AND attempt = ?')
    .get(no, step, attempt)
  if (row === undefined) return undefined
  const amounts: Amounts = JSON.parse(text(row, 'amounts'))
  return row.settled_at === null ? { amounts } : { amounts, settledAt: Number(row.settled_at) }
}

function headOfRow(row: Row): RunHead {
  return {
    status: text(row, 'status') as RunHead['status'],
    reason: row.reason === null ? null : text(row, 'reason'),
    wakeAt: row.wake_at === null ? null : Number(row.wake_at),
    epoch: Number(row.epoch),
    driver: row.driver === null ? null : JSON.parse(text(row, 'driver')),
    leaseUntil: row.lease_until === null ? null : Number(row.lease_until),
    segmentSeq: Number(row.segment_seq),
    activeMs: Number(row.active_ms),
    result: row.result === null ? null : JSON.parse(text(row, 'result')),
    updatedAt: Number(row.updated_at),
  }
}

export function text(row: Row, column: string): string {
  return String(row[column])
}
