import type { Appended, Entry, RunPatch } from '../core/ports.ts'
import type { Connection } from './connection.ts'
import { assertHeld, noSuchRun, notConsumable, patchHead } from './head.ts'
import type { HeldRun } from './held.ts'
import { killSwitchRefusal, reserve, settle } from './ledger.ts'
import { heldRun, ledgerOf, readHead, readScope, writeHead, writeScope } from './rows.ts'

export interface Append {
  readonly id: string
  readonly epoch: number
  readonly entries: readonly Entry[]
  readonly patch: RunPatch | undefined
  readonly ts: number
}

/** Appends inside the transaction the caller has begun. The plain case, events alone, touches one page of the database. */
export function appendTo(db: Connection, { id, epoch, entries, patch, ts }: Append): Appended[] {
  const run = db.held.get(id) ?? heldRun(db, id)
  if (run === undefined) throw noSuchRun(id)
  if (run.epoch !== epoch || !run.driven) assertHeld(id, readHead(db, id)?.head ?? { epoch: -1, driver: null }, epoch)
  let seq = run.lastSeq
  const results = entries.map((entry): Appended => {
    if (entry.reserve !== undefined) {
      const refusal = isKilled(db) ? killSwitchRefusal : reserve(ledgerOf(db, run.no), scopesOf(run), entry.reserve)
      if (refusal !== undefined) return { ok: false, refusal }
    }
    seq += 1
    if (entry.settle !== undefined) settle(ledgerOf(db, run.no), scopesOf(run), entry.settle, seq)
    if (entry.caps !== undefined) {
      const state = readScope(db, run.scope)
      writeScope(db, run.scope, { ...state, caps: { ...state.caps, ...entry.caps } })
    }
    if (entry.consume !== undefined) consume(db, id, run.no, entry.consume)
    db.statement('INSERT INTO events VALUES ((? << 32) + ?, ?, ?, ?)').run(
      run.no,
      seq,
      epoch,
      ts,
      JSON.stringify(entry.event),
    )
    return { ok: true, event: { ...entry.event, seq, epoch, ts } }
  })
  if (patch === undefined) db.held.set(id, { ...run, lastSeq: seq })
  else db.held.delete(id)
  if (patch !== undefined) patchRun(db, { id, patch, lastSeq: seq > run.lastSeq ? seq : undefined, ts })
  return results
}

export function isKilled(db: Connection): boolean {
  return db.statement("SELECT value FROM meta WHERE key = 'killSwitch'").get()?.value === 'on'
}

function patchRun(
  db: Connection,
  change: { id: string; patch: RunPatch; lastSeq: number | undefined; ts: number },
): void {
  const held = readHead(db, change.id)
  if (held !== undefined) writeHead(db, held.no, patchHead(held.head, change.patch, change.lastSeq, change.ts))
}

function consume(db: Connection, id: string, no: number, signal: string): void {
  const { changes } = db
    .statement('UPDATE inbox SET consumed = 1 WHERE run = ? AND id = ? AND consumed = 0')
    .run(no, signal)
  if (changes !== 1) throw notConsumable(id, signal)
}

function scopesOf(run: HeldRun): readonly string[] {
  return JSON.parse(run.scopes)
}
