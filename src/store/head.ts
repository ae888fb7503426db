import type { Caps } from '../core/budget.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { SignalKind } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import {
  type DriverId,
  finalStatuses,
  type NewRun,
  type RunPatch,
  type RunRecord,
  type RunStatus,
} from '../core/ports.ts'

/** The part of a run that changes. It is kept apart from the spec, so that a lease renewal never rewrites a large goal. */
export interface RunHead {
  readonly status: RunStatus
  readonly reason: string | null
  readonly wakeAt: number | null
  readonly epoch: number
  readonly driver: DriverId | null
  readonly leaseUntil: number | null
  readonly segmentSeq: number
  readonly activeMs: number
  readonly result: Json
  readonly updatedAt: number
}

export function newHead(now: number): RunHead {
  return {
    status: 'queued',
    reason: null,
    wakeAt: null,
    epoch: 0,
    driver: null,
    leaseUntil: null,
    segmentSeq: 1,
    activeMs: 0,
    result: null,
    updatedAt: now,
  }
}

/** The scope a run's own caps apply to. */
export function ownScope(run: Pick<NewRun, 'id' | 'scopes'>): string {
  return run.scopes[0] ?? `run:${run.id}`
}

export interface ClaimRequest {
  readonly id: string
  readonly driver: DriverId
  readonly leaseUntil: number
  readonly force: boolean
  readonly now: number
}

/** The head after a driver took the run, or `conflict`. A driver that claims its own run again is not its own predecessor. */
export function claimHead(head: RunHead, request: ClaimRequest): { head: RunHead; previous: DriverId | undefined } {
  const { id, driver, leaseUntil, force, now } = request
  if (finalStatuses.includes(head.status)) throw new LoopwrightError('conflict', `run ${id} is ${head.status}`)
  const other = head.driver !== null && head.driver.id !== driver.id ? head.driver : undefined
  if (other !== undefined && !force && (head.leaseUntil ?? 0) > now) {
    throw new LoopwrightError('conflict', `run ${id} is driven by process ${other.pid} on ${other.host}`, {
      hint: 'wait for it, or stop it first',
      data: { driver: { ...other }, leaseUntil: head.leaseUntil },
    })
  }
  const taken: RunHead = {
    ...head,
    status: 'running',
    reason: null,
    wakeAt: null,
    epoch: head.epoch + 1,
    driver,
    leaseUntil,
    updatedAt: now,
  }
  return { head: taken, previous: other }
}

/** Throws `fenced` unless this epoch's driver still holds the run. A released run is held by nobody. */
export function assertHeld(id: string, head: Pick<RunHead, 'epoch' | 'driver'>, epoch: number): void {
  if (head.epoch === epoch && head.driver !== null) return
  throw new LoopwrightError(
    'fenced',
    head.epoch === epoch
      ? `run ${id} was released`
      : `run ${id} was taken over (epoch ${head.epoch}, ours was ${epoch})`,
  )
}

/** `lastSeq` is that of the last event of this append, absent when it appended none. */
export function patchHead(head: RunHead, patch: RunPatch, lastSeq: number | undefined, now: number): RunHead {
  return {
    ...head,
    status: patch.status ?? head.status,
    reason: patch.reason === undefined ? head.reason : patch.reason,
    wakeAt: patch.wakeAt === undefined ? head.wakeAt : patch.wakeAt,
    activeMs: patch.activeMs ?? head.activeMs,
    result: patch.result === undefined ? head.result : patch.result,
    segmentSeq: patch.newSegment === true && lastSeq !== undefined ? lastSeq : head.segmentSeq,
    driver: patch.release === true ? null : head.driver,
    leaseUntil: patch.release === true ? null : head.leaseUntil,
    updatedAt: now,
  }
}

/** Throws `conflict` for a run that may still go on by itself or be continued as it is. */
export function assertDeletable(id: string, head: Pick<RunHead, 'status'>): void {
  if (finalStatuses.includes(head.status) || head.status === 'failed') return
  throw new LoopwrightError('conflict', `run ${id} is ${head.status}`, { hint: 'stop or kill it first' })
}

/** The signals that make a run due, by its status; `undefined` = every kind. */
export const wakingSignals: { readonly [S in RunStatus]?: readonly SignalKind[] | undefined } = {
  waiting: undefined,
  paused: ['reopen', 'cancel'],
  stopped: ['reopen', 'cancel'],
  failed: ['reopen'],
}

/** Whether a run should be driven now; `kinds` are those of its signals that wait. */
export function isDue(head: RunHead, kinds: readonly SignalKind[], now: number): boolean {
  if (head.status === 'queued') return true
  if (head.status === 'waiting' && head.wakeAt !== null && head.wakeAt <= now) return true
  if (!(head.status in wakingSignals)) return false
  const waking = wakingSignals[head.status]
  return kinds.some((kind) => waking === undefined || waking.includes(kind))
}

export interface RecordParts {
  readonly run: NewRun
  readonly head: RunHead
  readonly createdAt: number
  /** The caps of the own scope as they are now. */
  readonly caps: Caps
  readonly lastSeq: number
  /** When the last event was appended. */
  readonly lastTs: number | undefined
}

/** What callers see of a run. Its caps are those that apply now, raised ones included. */
export function recordOf({ run, head, createdAt, caps, lastSeq, lastTs }: RecordParts): RunRecord {
  return {
    id: run.id,
    loop: run.loop,
    kind: run.kind,
    version: run.version,
    spec: run.spec,
    labels: run.labels ?? {},
    project: run.project,
    ...(run.parent === undefined ? {} : { parent: run.parent }),
    ...(Object.keys(caps).length === 0 ? {} : { caps }),
    scopes: run.scopes,
    ...(run.meta === undefined ? {} : { meta: run.meta }),
    createdAt,
    updatedAt: Math.max(head.updatedAt, lastTs ?? 0),
    status: head.status,
    ...(head.reason === null ? {} : { reason: head.reason }),
    ...(head.wakeAt === null ? {} : { wakeAt: head.wakeAt }),
    epoch: head.epoch,
    ...(head.driver === null ? {} : { driver: head.driver }),
    ...(head.leaseUntil === null ? {} : { leaseUntil: head.leaseUntil }),
    segmentSeq: head.segmentSeq,
    lastSeq,
    activeMs: head.activeMs,
    ...(head.result === null ? {} : { result: head.result }),
  }
}

export function noSuchRun(id: string): LoopwrightError {
  return new LoopwrightError('not_found', `no such run: ${id}`, { hint: 'loopwright runs lists them' })
}

export function notConsumable(id: string, signal: string): LoopwrightError {
  return new LoopwrightError('conflict', `run ${id}: signal ${signal} is unknown or was consumed before`)
}

export function notEmpty(id: string): LoopwrightError {
  return new LoopwrightError('conflict', `run ${id} has a journal already`)
}
