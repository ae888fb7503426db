import type { Pulse } from './schedule.ts'
import type { TickResult } from './tick.ts'

/** What a schedule needs to know of a tick. */
export interface TickNote {
  readonly outcome: 'noop' | 'report' | 'act' | 'halt' | 'failed'
  /** Ids of the items that want attention. */
  readonly items: readonly string[]
  /** Why, for people, where there is no result that says so. */
  readonly reason?: string
}

/** So many items are remembered of a pattern. */
const remembered = 500

/** What a schedule needs to know of a result. */
export function noteOf(result: Pick<TickResult, 'decision' | 'outcome' | 'items'>): TickNote {
  return {
    outcome: result.outcome === 'failed' ? 'failed' : result.outcome === 'halted' ? 'halt' : result.decision,
    items: result.items.filter(({ rank }) => rank !== 'noise').map(({ id }) => id),
  }
}

/** What a tick says about how soon the next is wanted: work, or news, is busy; the same report again is not. */
export function pulseOf({ outcome, items }: TickNote, seen: readonly string[]): Pulse {
  switch (outcome) {
    case 'act':
      return 'busy'
    case 'report':
      return items.some((id) => !seen.includes(id)) ? 'busy' : 'quiet'
    case 'noop':
      return 'quiet'
    case 'halt':
      return 'halted'
    case 'failed':
      return 'failed'
  }
}

/** What is remembered after a tick: what it reported, then what was there before, the newest first. */
export function seenAfter({ items }: TickNote, seen: readonly string[]): string[] {
  return [...new Set([...items, ...seen])].slice(0, remembered)
}
