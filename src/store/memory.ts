import type { Caps } from '../core/budget.ts'
import type { JournalEvent, Signal } from '../core/event.ts'
import type {
  Appended,
  Claim,
  DriverId,
  Entry,
  NewRun,
  RunFilter,
  RunPatch,
  RunRecord,
  Store,
  StoreHealth,
} from '../core/ports.ts'
import {
  assertDeletable,
  assertHeld,
  claimHead,
  isDue,
  newHead,
  noSuchRun,
  notConsumable,
  notEmpty,
  ownScope,
  patchHead,
  type RunHead,
  recordOf,
} from './head.ts'
import {
  emptyScope,
  killSwitchRefusal,
  type LedgerRows,
  type Reservation,
  reserve,
  type ScopeState,
  settle,
} from './ledger.ts'
import { schemaVersion } from './schema.ts'
import { Watchers } from './watchers.ts'

export interface MemoryStoreOptions {
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number
  /** Runs before anything is stored: when it throws, nothing is, and the caller of `append` sees the error. */
  readonly beforeAppend?: (run: string, entries: readonly Entry[]) => void | Promise<void>
  /** Runs after everything is stored: when it throws, the caller sees the error all the same, as after a crash. */
  readonly afterAppend?: (run: string, entries: readonly Entry[]) => void | Promise<void>
}

/** Everything is kept as JSON text, so that nothing a caller holds can change what is stored. */
interface MemoryRun {
  readonly run: NewRun
  readonly createdAt: number
  head: RunHead
  readonly events: string[]
  lastTs: number | undefined
  readonly inbox: Map<string, { readonly signal: string; consumed: boolean }>
  readonly reservations: Map<string, Reservation>
}

/** A store without a disk: for tests and the simulator. It behaves as the SQLite store does, and forgets when it is dropped. */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const now = options.now ?? Date.now
  const runs = new Map<string, MemoryRun>()
  const scopes = new Map<string, ScopeState>()
  const watchers = new Watchers()
  let killed = false

  const find = (id: string): MemoryRun => {
    const found = runs.get(id)
    if (found === undefined) throw noSuchRun(id)
    return found
  }

  const record = (found: MemoryRun): RunRecord =>
    copy(
      recordOf({
        run: found.run,
        head: found.head,
        createdAt: found.createdAt,
        caps: scopes.get(ownScope(found.run))?.caps ?? {},
        lastSeq: found.events.length,
        lastTs: found.lastTs,
      }),
    )

  const appendNow = (id: string, epoch: number, entries: readonly Entry[], patch?: RunPatch): Appended[] => {
    const found = find(id)
    assertHeld(id, found.head, epoch)
    const draft = draftOf(scopes, found)
    const ts = now()
    const texts: string[] = []
    const consumed = new Set<string>()
    const counted = [...new Set(found.run.scopes)]
    const results = entries.map((entry): Appended => {
      if (entry.reserve !== undefined) {
        const refusal = killed ? killSwitchRefusal : reserve(draft.rows, counted, entry.reserve)
        if (refusal !== undefined) return { ok: false, refusal }
      }
      const event = { ...entry.event, seq: found.events.length + texts.length + 1, epoch, ts }
      if (entry.settle !== undefined) settle(draft.rows, counted, entry.settle, event.seq)
      if (entry.caps !== undefined) raise(draft.rows, ownScope(found.run), entry.caps)
      if (entry.consume !== undefined) {
        const signal = found.inbox.get(entry.consume)
        if (signal === undefined || signal.consumed || consumed.has(entry.consume)) {
          throw notConsumable(id, entry.consume)
        }
        consumed.add(entry.consume)
      }
      texts.push(JSON.stringify(event))
      return { ok: true, event }
    })
    // Nothing below can fail: until here the store is as it was.
    draft.commit()
    found.events.push(...texts)
    if (texts.length > 0) found.lastTs = ts
    for (const signal of consumed) {
      const kept = found.inbox.get(signal)
      if (kept !== undefined) kept.consumed = true
    }
    if (patch !== undefined) {
      found.head = copy(patchHead(found.head, patch, texts.length > 0 ? found.events.length : undefined, ts))
    }
    watchers.notify(id, 'append')
    return results
  }

  return {
    async createRun(run) {
      const there = runs.get(run.id)
      if (there !== undefined) return record(there)
      const createdAt = now()
      const made: MemoryRun = {
        run: copy(run),
        createdAt,
        head: newHead(createdAt),
        events: [],
        lastTs: undefined,
        inbox: new Map(),
        reservations: new Map(),
      }
      runs.set(run.id, made)
      const scope = ownScope(run)
      if (run.caps !== undefined) scopes.set(scope, { ...(scopes.get(scope) ?? emptyScope), caps: copy(run.caps) })
      watchers.notify(run.id)
      return record(made)
    },

    async getRun(id) {
      const found = runs.get(id)
      return found === undefined ? undefined : record(found)
    },

    async listRuns(filter = {}) {
      const records = [...runs.values()].reverse().map(record)
      return records.filter((run) => matches(run, filter)).slice(0, filter.limit)
    },

    async claim(id, driver: DriverId, claim): Promise<Claim> {
      const found = find(id)
      const { leaseUntil, force = false } = claim
      const { head, previous } = claimHead(found.head, { id, driver, leaseUntil, force, now: now() })
      found.head = copy(head)
      watchers.notify(id)
      return { run: record(found), epoch: head.epoch, ...(previous === undefined ? {} : { previous }) }
    },

    async renew(id, epoch, leaseUntil) {
      const found = find(id)
      assertHeld(id, found.head, epoch)
      found.head = { ...found.head, leaseUntil }
    },

    async append(id, epoch, entries, patch) {
      if (options.beforeAppend !== undefined) await options.beforeAppend(id, entries)
      const results = appendNow(id, epoch, entries, patch)
      if (options.afterAppend !== undefined) await options.afterAppend(id, entries)
      return results
    },

    async read(id, range = {}) {
      const events = runs.get(id)?.events ?? []
      return events
        .slice(Math.max((range.from ?? 1) - 1, 0), Math.max(range.to ?? events.length, 0))
        .map((text): JournalEvent => JSON.parse(text))
    },

    async post(id, signal) {
      const found = find(id)
      if (found.inbox.has(signal.id)) return false
      found.inbox.set(signal.id, { signal: JSON.stringify(signal), consumed: false })
      watchers.notify(id)
      return true
    },

    async inbox(id) {
      const found = runs.get(id)
      return found === undefined ? [] : openSignals(found)
    },

    subscribe: (id, onChange) => watchers.add(id, onChange),

    async due(at) {
      return [...runs.values()]
        .filter((found) => {
          const kinds = openSignals(found).map((signal) => signal.kind)
          return isDue(found.head, kinds, at)
        })
        .map(record)
    },

    async spend(scope) {
      const { used, spent } = scopes.get(scope) ?? emptyScope
      return { used: { ...used }, spent: { ...spent } }
    },

    async caps(scope) {
      return { ...scopes.get(scope)?.caps }
    },

    async setCaps(scope, caps) {
      scopes.set(scope, { ...(scopes.get(scope) ?? emptyScope), caps: copy(caps) })
    },

    async killSwitch(set) {
      killed = set ?? killed
      return killed
    },

    async copyJournal(from, into, to) {
      const source = find(from)
      const target = find(into)
      if (target.events.length > 0) throw notEmpty(into)
      const events = source.events.slice(0, Math.max(to, 0)).map((text): JournalEvent => JSON.parse(text))
      const { epoch } = target.head
      target.events.push(...events.map((event) => JSON.stringify({ ...event, epoch })))
      target.lastTs = events.at(-1)?.ts
      for (const [key, reservation] of source.reservations) {
        if (reservation.settledAt !== undefined && reservation.settledAt <= to)
          target.reservations.set(key, reservation)
      }
      const continued = events.findLast((event) => event.kind === 'continued')?.seq ?? 1
      const segmentSeq = source.head.segmentSeq <= to ? source.head.segmentSeq : continued
      target.head = { ...target.head, segmentSeq, updatedAt: now() }
      watchers.notify(into)
    },

    async deleteRun(id) {
      const found = find(id)
      assertDeletable(id, found.head)
      runs.delete(id)
      const hasChildren = [...runs.values()].some(({ run }) => run.parent?.run === id)
      if (ownScope(found.run) === `run:${id}` && !hasChildren) scopes.delete(`run:${id}`)
      watchers.notify(id)
    },

    async check(): Promise<StoreHealth> {
      return { ok: true, problems: [], runs: runs.size, schemaVersion }
    },

    async close() {
      watchers.clear()
    },
  }
}

function openSignals(found: MemoryRun): Signal[] {
  return [...found.inbox.values()].filter(({ consumed }) => !consumed).map(({ signal }): Signal => JSON.parse(signal))
}

function raise(rows: LedgerRows, scope: string, caps: Caps): void {
  const state = rows.scope(scope)
  rows.putScope(scope, { ...state, caps: copy({ ...state.caps, ...caps }) })
}

/** Ledger rows that reach the store only by `commit`. */
function draftOf(scopes: Map<string, ScopeState>, found: MemoryRun): { rows: LedgerRows; commit: () => void } {
  const changedScopes = new Map<string, ScopeState>()
  const changedReservations = new Map<string, Reservation>()
  const keyOf = (step: string, attempt: number) => `${attempt} ${step}`
  const rows: LedgerRows = {
    scope: (name) => changedScopes.get(name) ?? scopes.get(name) ?? emptyScope,
    putScope: (name, state) => changedScopes.set(name, state),
    reservation: (step, attempt) => {
      const key = keyOf(step, attempt)
      return changedReservations.get(key) ?? found.reservations.get(key)
    },
    putReservation: (step, attempt, reservation) => changedReservations.set(keyOf(step, attempt), reservation),
  }
  const commit = () => {
    for (const [name, state] of changedScopes) scopes.set(name, state)
    for (const [key, reservation] of changedReservations) found.reservations.set(key, reservation)
  }
  return { rows, commit }
}

function matches(run: RunRecord, filter: RunFilter): boolean {
  if (filter.status !== undefined && !filter.status.includes(run.status)) return false
  if (filter.project !== undefined && run.project !== filter.project) return false
  if (filter.parent !== undefined && run.parent?.run !== filter.parent) return false
  if (filter.loop !== undefined && run.loop !== filter.loop) return false
  return Object.entries(filter.labels ?? {}).every(([label, value]) => run.labels[label] === value)
}

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}
