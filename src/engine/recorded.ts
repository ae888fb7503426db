import { LoopwrightError } from '../core/errors.ts'
import type { EventKind, JournalEvent, StepKey } from '../core/event.ts'

/** What the journal already holds about one key. */
export interface Recorded {
  readonly name: string
  readonly hash: string | undefined
  attempts: number
  /** A deliverable event of this key is in the journal. */
  settled: boolean
  dueAt?: number
  child?: string
}

/** The history of a journal segment, read once at the start of an activation. */
export interface History {
  readonly byKey: Map<StepKey, Recorded>
  /** The events a loop observes, in journal order. */
  readonly deliverable: JournalEvent[]
  readonly emitted: Set<StepKey>
  readonly changes: Set<string>
  /** Keys of what was recorded by other versions of the loop's code than the one that reads. */
  readonly ofOtherVersions: Set<StepKey>
  readonly signals: Set<string>
}

/** How a decision about a change of the loop is remembered: by the place where it was asked for. */
export function changeMark(key: StepKey, id: string): string {
  return `${key} ${id}`
}

/**
 * True when another version of the loop did anything at or after this key: by its branch, by branches below it, by a branch above
 * after this one was over, or by a later sibling, which a pool may have begun only because this one had ended.
 */
export function didProgress(history: History, key: StepKey): boolean {
  const [place, ordinal] = splitKey(key)
  const path = pathOf(place)
  for (const recorded of history.ofOtherVersions) {
    const [otherPlace, otherOrdinal] = splitKey(recorded)
    if (comesAfter([...pathOf(otherPlace), [otherOrdinal, 0]], [...path, [ordinal, 0]])) return true
  }
  return false
}

/** The last seq written by code of another version; 0 when there is none. */
function lastSeqOfOthers(events: readonly JournalEvent[], version: string): number {
  let other = false
  let last = 0
  for (const event of events) {
    if (event.kind === 'run_started' || event.kind === 'run_claimed' || event.kind === 'continued') {
      other = event.version !== version
    }
    if (other) last = event.seq
  }
  return last
}

type Path = readonly (readonly [ordinal: number, index: number])[]

/** Compares two places scope by scope: by the ordinal of the scope, then by the index within it. */
function comesAfter(one: Path, other: Path): boolean {
  for (let i = 0; i < Math.min(one.length, other.length); i++) {
    const [ordinal, index] = one[i] ?? [0, 0]
    const [otherOrdinal, otherIndex] = other[i] ?? [0, 0]
    if (ordinal !== otherOrdinal) return ordinal > otherOrdinal
    if (index !== otherIndex) return index > otherIndex
  }
  return one.length >= other.length
}

/** `0/3.1/2.0` is the first branch of the scope at ordinal 2 in the second branch of the scope at ordinal 3. */
function pathOf(place: string): [number, number][] {
  return place
    .split('/')
    .slice(1)
    .filter((part) => part !== '')
    .map((part) => {
      const [ordinal, index] = part.split('.')
      return [Number(ordinal), Number(index)]
    })
}

function splitKey(key: StepKey): [place: string, ordinal: number] {
  const colon = key.lastIndexOf(':')
  return [key.slice(0, colon), Number(key.slice(colon + 1))]
}

/** True for the events a loop function observes; replay delivers exactly these. */
export function isDeliverable(event: JournalEvent): boolean {
  switch (event.kind) {
    case 'step_settled':
    case 'timer_fired':
    case 'signal_received':
    case 'cancel_requested':
    case 'stop_requested':
    case 'reopened':
    case 'iteration_started':
      return true
    default:
      return false
  }
}

const known: Readonly<Record<EventKind, true>> = {
  ask_opened: true,
  budget_warned: true,
  cancel_requested: true,
  changed: true,
  child_started: true,
  continued: true,
  emitted: true,
  iteration_started: true,
  reopened: true,
  run_cancelled: true,
  run_claimed: true,
  run_error: true,
  run_failed: true,
  run_finished: true,
  run_killed: true,
  run_paused: true,
  run_started: true,
  run_stopped: true,
  run_suspended: true,
  signal_received: true,
  step_aborted: true,
  step_settled: true,
  step_started: true,
  stop_requested: true,
  timer_fired: true,
  timer_set: true,
}

/** Throws `store_newer` for a journal that holds an event this code does not know: to pass over it could undo what it says. */
export function assertKnown(run: string, events: readonly JournalEvent[]): void {
  const strange = events.find((event) => !Object.hasOwn(known, event.kind))
  if (!strange) return
  throw new LoopwrightError('store_newer', `the journal of run '${run}' holds '${strange.kind}', unknown here`, {
    hint: 'upgrade loopwright',
  })
}

/** Sorts a segment's events into what replay needs. */
export function readHistory(events: readonly JournalEvent[], version: string): History {
  const history: History = {
    byKey: new Map(),
    deliverable: [],
    emitted: new Set(),
    changes: new Set(),
    ofOtherVersions: new Set(),
    signals: new Set(),
  }
  const others = lastSeqOfOthers(events, version)
  for (const event of events) {
    if ('key' in event && event.seq <= others) history.ofOtherVersions.add(event.key)
    if (isDeliverable(event)) history.deliverable.push(event)
    switch (event.kind) {
      case 'step_started': {
        const record = recordOf(history, event.key, event.name, event.hash)
        record.attempts = Math.max(record.attempts, event.attempt)
        break
      }
      case 'step_aborted': {
        const record = recordOf(history, event.key, event.name, event.hash)
        record.attempts = Math.max(record.attempts, event.attempt)
        break
      }
      case 'step_settled':
        recordOf(history, event.key, event.name, event.hash).settled = true
        break
      case 'timer_set':
        recordOf(history, event.key, event.name, undefined).dueAt = event.dueAt
        break
      case 'timer_fired':
      case 'iteration_started':
        recordOf(history, event.key, event.name, undefined).settled = true
        break
      case 'ask_opened':
        recordOf(history, event.key, event.name, undefined)
        break
      case 'child_started':
        recordOf(history, event.key, event.name, event.hash).child = event.child
        break
      case 'emitted':
        history.emitted.add(event.key)
        break
      case 'changed':
        history.changes.add(changeMark(event.key, event.id))
        break
      case 'signal_received':
        history.signals.add(event.signal.id)
        break
      default:
    }
  }
  return history
}

/**
 * Since when a run is at it, in milliseconds since 1970: its start, or when somebody last set it off again, by a resume, an answer
 * or a message. `now` when that is this very activation.
 */
export function underWaySince(events: readonly JournalEvent[], now: number): number {
  let since = events[0]?.ts ?? now
  let previous: JournalEvent | undefined
  for (const event of events) {
    const resumed = event.kind === 'run_claimed' && previous !== undefined && previous.kind !== 'run_suspended'
    if (resumed || isWord(event)) since = event.ts
    previous = event
  }
  return previous === undefined || previous.kind === 'run_suspended' ? since : now
}

/** True for what somebody outside said to the run. */
export function isWord(event: JournalEvent): boolean {
  return event.kind === 'signal_received' && event.signal.kind !== 'child_finished'
}

function recordOf(history: History, key: StepKey, name: string, hash: string | undefined): Recorded {
  const present = history.byKey.get(key)
  if (present) return present
  const made: Recorded = { name, hash, attempts: 0, settled: false }
  history.byKey.set(key, made)
  return made
}
