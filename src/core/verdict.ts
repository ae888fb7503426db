import type { CheckResult } from './ports.ts'

/** What a worker came back with. */
export interface WorkerResult {
  readonly id: string
  readonly description: string
  readonly ok: boolean
  readonly output: string
  readonly error: string | undefined
}

/** A reviewer's judgement, as it could be read. */
export interface Review {
  readonly quality_ok: boolean
  readonly consistency_ok: boolean
  readonly goal_aligned: boolean
  readonly goal_complete: boolean
  readonly issues: readonly string[]
  readonly follow_up_questions: readonly string[]
}

/** A review, or why there is none: that never counts as a pass. */
export type ReviewOutcome =
  | { readonly review: Review; readonly error?: undefined }
  | { readonly review?: undefined; readonly error: string }

export interface Verdict {
  readonly accept: boolean
  readonly gatesPassed: boolean
  readonly goalComplete: boolean
  /** What the next iteration is told; empty when accepted. */
  readonly feedback: string
}

/**
 * Code decides: accepted only when every worker came through, every check passed, the three gates of the review are open and it
 * calls the goal complete. Nothing a model says makes up for a failed check.
 */
export function decide(facts: {
  readonly results: readonly WorkerResult[]
  readonly checks: readonly CheckResult[]
  readonly review: ReviewOutcome
  /** Why a person's own hook said no. */
  readonly blocked?: string
}): Verdict {
  const { results, checks, review, blocked } = facts
  const gates = review.review ? closedGates(review.review) : ['review']
  const gatesPassed = gates.length === 0
  const goalComplete = review.review?.goal_complete ?? false
  const accept =
    gatesPassed &&
    goalComplete &&
    results.length > 0 &&
    results.every((result) => result.ok) &&
    checks.every((check) => check.ok) &&
    blocked === undefined
  if (accept) return { accept, gatesPassed, goalComplete, feedback: '' }
  const issues = review.review ? review.review.issues : [`the review could not be used: ${review.error}`]
  const feedback = sections({
    'Failed subgoals': results
      .filter((result) => !result.ok)
      .map((result) => `${result.id}: ${result.error ?? 'failed'}`),
    'Verification failures': checks.filter((check) => !check.ok).map(describeCheck),
    'Reviewer issues': issues,
    'Gates not passed': gatesPassed && goalComplete ? [] : [...gates, ...(goalComplete ? [] : ['goal_complete'])],
    'Blocked by a hook': blocked === undefined ? [] : [blocked],
  })
  return { accept, gatesPassed, goalComplete, feedback }
}

/** The gates of a review that are shut. */
export function closedGates(review: Review): string[] {
  const gates = ['quality_ok', 'consistency_ok', 'goal_aligned'] as const
  return gates.filter((gate) => !review[gate])
}

/** The outputs of all workers in one text, in plan order. */
export function aggregate(results: readonly WorkerResult[]): string {
  return results
    .map(
      (result) => `### ${result.id}: ${result.description}\n${result.ok ? result.output : (result.error ?? 'failed')}`,
    )
    .join('\n\n')
}

/** A check's result as an agent is told it: what failed and the end of what it printed. */
export function describeCheck(check: CheckResult): string {
  const how = check.error ?? `exit ${check.exit_code}`
  const output = [check.stdout, check.stderr].map((text) => text.trim()).filter((text) => text !== '')
  return [`${check.name}: ${how}`, ...output].join('\n')
}

function sections(parts: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(parts)
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `## ${title}\n${lines.map((line) => `- ${line}`).join('\n')}`)
    .join('\n\n')
}
