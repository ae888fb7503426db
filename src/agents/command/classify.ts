import type { AgentOutcome } from '../../core/ports.ts'

/** What an agent's error text means. */
export interface Verdict {
  readonly outcome: AgentOutcome
  /** Milliseconds since 1970. */
  readonly resetAt?: number
}

const noMemory =
  /JavaScript heap out of memory|FATAL ERROR: .{0,80}(?:Allocation failed|allocation failed)|fatal error: runtime: out of memory|std::bad_alloc|Cannot allocate memory|\bMemoryError\b|\bENOMEM\b/
const noAuth =
  /\b(?:HTTP|status|error|code)[ :=]{1,3}401\b|\b401 unauthorized|authentication[ _]?(?:failed|error|required)|failed to authenticate|AuthenticationError|(?:invalid|incorrect|missing) (?:x-)?api[- _]?key|not (?:logged|signed) in\b|please (?:run .{1,40})?log ?in\b|(?:oauth|access|auth) token (?:has )?expired/i
const limited =
  /\b(?:HTTP|status|error|code)[ :=]{1,3}429\b|\b429 too many|rate[ _-]?limit|RateLimitError|too many requests|\busage limit|quota.{0,30}(?:exceeded|exhausted|reached)|(?:hour|hourly|daily|weekly|monthly|session|request|spending) limit.{0,20}(?:exceeded|reached)|hit your .{0,30}limit|insufficient_quota/i

/** True when a text tells of memory that ran out. */
export function saysNoMemory(text: string): boolean {
  return noMemory.test(text)
}

/**
 * What went wrong, from the text of an error and the model API's status. Only for texts that are errors: an answer that speaks
 * about rate limits is an answer.
 *
 * @param now milliseconds since 1970, for limits that end "in 5 minutes"
 */
export function classify(error: string, status: number | undefined, now: number): Verdict {
  const text = error.slice(0, 20_000)
  if (status === 401 || status === 403) return { outcome: 'auth' }
  if (status === 429) return limit(text, now)
  if (saysNoMemory(text)) return { outcome: 'oom' }
  if (limited.test(text)) return limit(text, now)
  return { outcome: noAuth.test(text) ? 'auth' : 'failed' }
}

function limit(text: string, now: number): Verdict {
  const resetAt = resetIn(text, now)
  return { outcome: 'rate_limited', ...(resetAt === undefined ? {} : { resetAt }) }
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const duration =
  /(?:in|after|within|retry[- ]after:?|reset[s:]?)\s{1,3}(?:about )?((?:\d{1,6}(?:\.\d{1,6})? ?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])[ ,and]{0,5}){1,4}|\d{1,6}\b)/i

/** When a limit ends, as far as its text says: a duration, seconds since 1970 (`limit reached|1795234897`), or an ISO time. */
export function resetIn(text: string, now: number): number | undefined {
  const epoch = /(?:\||reset[a-z_]{0,10}["': ]{1,4}(?:at )?)(1[5-9]\d{8}|[2-9]\d{9})\b/i.exec(text)
  if (epoch?.[1] !== undefined) return Number(epoch[1]) * 1000
  const iso = /\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)/.exec(text)
  const at = iso === null ? Number.NaN : Date.parse(iso[0])
  if (Number.isFinite(at)) return at
  const found = duration.exec(text)?.[1]
  if (found === undefined) return undefined
  if (/^\d+$/.test(found.trim())) return now + Number(found) * 1000
  let total = 0
  for (const [, count, unit] of found.matchAll(/(\d+(?:\.\d+)?) ?(ms|mil|[smhd])/gi)) {
    const name = unit?.toLowerCase() === 'mil' ? 'ms' : (unit?.toLowerCase() ?? '')
    total += Number(count) * (units[name] ?? 0)
  }
  return total > 0 ? now + Math.round(total) : undefined
}
