import type { JournalEvent, StepKey } from '../core/event.ts'

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
  readonly signals: Set<string>
}

/** How a decision about a change of the loop is remembered: by the place where it was asked for. */
export function changeMark(key: StepKey, id: string): string {
  return `${key} ${id}`
}

/** True when the journal holds anything that a branch did at or after this key, itself or in branches below it. */
export function hasProgressed(history: History, key: StepKey): boolean {
  const [place, ordinal] = splitKey(key)
  const below = place.endsWith('/') ? place : `${place}/`
  for (const recorded of history.byKey.keys()) {
    const [otherPlace, otherOrdinal] = splitKey(recorded)
    if (otherPlace === place && otherOrdinal >= ordinal) return true
    if (otherPlace !== place && otherPlace.startsWith(below)) {
      if (Number.parseInt(otherPlace.slice(below.length), 10) >= ordinal) return true
    }
  }
  return false
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

/** Sorts a segment's events into what replay needs. */
export function readHistory(events: readonly JournalEvent[]): History {
  const history: History = {
    byKey: new Map(),
    deliverable: [],
    emitted: new Set(),
    changes: new Set(),
    signals: new Set(),
  }
  for (const event of events) {
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

function recordOf(history: History, key: StepKey, name: string, hash: string | undefined): Recorded {
  const present = history.byKey.get(key)
  if (present) return present
  const made: Recorded = { name, hash, attempts: 0, settled: false }
  history.byKey.set(key, made)
  return made
}
