import type { AgentOutcome } from '../../core/ports.ts'
import { memoryMarker } from '../../process/memory-marker.ts'
import { resetIn } from './reset.ts'

/** What an agent's error text means. */
export interface Verdict {
  readonly outcome: AgentOutcome
  /** Milliseconds since 1970. */
  readonly resetAt?: number
  /** Its account has nothing left: waiting does not help. */
  readonly billing?: true
}

const noAuth =
  /\b(?:HTTP|status|error|code)["']?[ :=(]{1,3}(?:code )?401\b|\(401\)|^401 |\b401 unauthorized|authentication[ _]?(?:failed|error|required)|failed to authenticate|AuthenticationError|UNAUTHENTICATED|(?:invalid|incorrect|missing) (?:x-)?api[- _]?key|API key not valid|invalid_api_key|no (?:api key|auth credentials) (?:found|provided)|not (?:logged|signed) in\b|not authenticated|(?:session|login|credentials?) (?:has |have )?expired|please (?:run .{1,40})?(?:log ?in|sign ?in)\b|(?:oauth|access|auth|refresh) token (?:has )?(?:expired|been revoked|is invalid)/i
/** A model API's 403, not that of whatever the agent was working with. */
const noAccess =
  /\b(?:API Error|unexpected status|statusCode)["']?[ :=]{1,3}403\b|litellm\.PermissionDeniedError|(?:organization|account) has been disabled/i
const limited =
  /\b(?:HTTP|status|error|code)["']?[ :=(]{1,3}(?:code )?429\b|\(429\)|^429 |\b429 too many|\brate[ _-]?limit|RateLimitError|too many requests|RESOURCE_EXHAUSTED|\busage limit|quota.{0,30}(?:exceeded|exhausted|reached)|exceeded your.{0,30}quota|(?:hour|hourly|daily|weekly|monthly|session|request|spending|message) limit.{0,20}(?:exceeded|reached)|hit your .{0,30}limit|out of (?:extra )?usage/i
/** It says so of the account, and no reset is named: only paying helps. */
const unpaid =
  /insufficient[_ ](?:quota|credits?|balance|funds)|credit balance is too low|out of credits|billing (?:hard limit|not active|details)|payment required|billing_(?:hard_limit_reached|not_active|error)|no (?:active subscription|credits remaining)|(?:spending|spend) (?:limit|cap).{0,30}(?:exceeded|reached)/i

/**
 * What went wrong, from the text of an error and the model API's status. Only for texts that are errors: an answer that speaks
 * about rate limits is an answer. An account without money is `auth`, unless a time is named at which it has some: like a login it is
 * mended by a person, and a run that waited for it would wait for ever.
 *
 * @param now milliseconds since 1970, for limits that end "in 5 minutes"
 * @param zone of clocks whose text names none
 */
export function classify(error: string, status: number | undefined, now: number, zone?: string): Verdict {
  const text = error.slice(0, 20_000)
  if (status === 402) return { outcome: 'auth', billing: true }
  if (status === 401) return { outcome: 'auth' }
  // GitHub limits the rate with a 403 too.
  if (status === 403) return limited.test(text) ? limit(text, now, zone) : { outcome: 'auth' }
  if (status !== 429 && memoryMarker(text) !== undefined) return { outcome: 'oom' }
  if (status === 429 || limited.test(text) || unpaid.test(text)) return limit(text, now, zone)
  return { outcome: noAuth.test(text) || noAccess.test(text) ? 'auth' : 'failed' }
}

function limit(text: string, now: number, zone: string | undefined): Verdict {
  const resetAt = resetIn(text, now, zone)
  if (resetAt !== undefined) return { outcome: 'rate_limited', resetAt }
  return unpaid.test(text) ? { outcome: 'auth', billing: true } : { outcome: 'rate_limited' }
}
