import type { Usage } from '../../core/ports.ts'
import type { Reading } from './reader.ts'

const counted = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'costUsd'] as const

/**
 * Takes from totals that a CLI reports of a whole resumed session the part that earlier calls had. The totals of sessions this
 * process has seen are kept, the last 1,000 of them.
 */
export class Sessions {
  readonly #totals = new Map<string, Usage>()

  /**
   * What this call used. `resumed` is the session the call continued. When what that session had before is not known (another
   * process ran it), a cost is left out, so that it is computed from the call's own tokens, and token totals count as they are:
   * too much rather than too little.
   */
  usageOf(reading: Reading, resumed: string | undefined): Usage | undefined {
    const { usage, sessionTotals: totals, sessionId } = reading
    if (totals === undefined) return usage
    const before = resumed === undefined ? undefined : this.#totals.get(resumed)
    if (sessionId !== undefined) this.#remember(sessionId, totals)
    const own: { -readonly [K in keyof Usage]: Usage[K] } = { ...usage, ...totals }
    for (const key of counted) {
      const value = totals[key]
      if (value === undefined || resumed === undefined) continue
      if (before === undefined) {
        if (key === 'costUsd') delete own.costUsd
        continue
      }
      const left = value - (before[key] ?? 0)
      // A total that went down was started anew.
      own[key] = left < 0 ? value : left
    }
    return own
  }

  #remember(session: string, totals: Usage): void {
    this.#totals.delete(session)
    this.#totals.set(session, totals)
    const [oldest] = this.#totals.keys()
    if (this.#totals.size > 1000 && oldest !== undefined) this.#totals.delete(oldest)
  }
}
