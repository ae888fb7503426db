import type { Usage } from '../../core/ports.ts'
import type { Reading } from './reader.ts'

const counted = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'costUsd'] as const

/** What a call used, and what its session has used with it, where the CLI counts that way. */
export interface CallUsage {
  readonly usage?: Usage
  readonly sessionTotals?: Usage
}

/**
 * Takes from the totals that a CLI reports of a whole resumed session the part that earlier calls had. `resumed` is the session the call
 * went on with, `before` what that one had used. Where this is not known, a cost is left out, so that it is computed from the call's own
 * tokens, and token totals count as they are: too much rather than too little.
 */
export function usageOf(
  reading: Pick<Reading, 'usage' | 'sessionTotals'>,
  resumed: string | undefined,
  before: Usage | undefined,
): CallUsage {
  const { usage, sessionTotals: totals } = reading
  if (totals === undefined) return usage === undefined ? {} : { usage }
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
  return { usage: own, sessionTotals: totals }
}

/**
 * A session's id as it may stand among arguments; undefined for what a program could take for an option, a path or a command: what an
 * agent prints is not ours to trust.
 */
export function safeSession(id: string | undefined): string | undefined {
  return id !== undefined && /^[A-Za-z0-9_][A-Za-z0-9_.:@=-]{0,255}$/.test(id) ? id : undefined
}
