import { oneLine } from '../plain.ts'
import type { CheckResult } from '../ports.ts'
import type { Finding } from './finding.ts'
import type { GateRuling } from './gate.ts'
import type { TickDecision, TickItem, VerifierWord } from './tick.ts'

/** What a triager answered, as it could be read. */
export interface TriagerAnswer {
  readonly decision: 'noop' | 'report' | 'act'
  readonly reason: string
  readonly items: readonly { readonly id: string; readonly rank: TickItem['rank']; readonly why: string }[]
  readonly actOn?: string
  readonly proposal: string
}

/** What a tick goes on with after triage. */
export interface Triaged {
  readonly decision: Exclude<TickDecision, 'halt'>
  readonly reason: string
  readonly items: readonly TickItem[]
  readonly item?: Finding
  readonly proposal: string
}

/** What code knows about the findings, whatever the triager says. */
export interface TriageFacts {
  readonly findings: readonly Finding[]
  /** Whether the level, as it stands in this tick, may change anything. */
  readonly mayAct: boolean
  /** Why it may not, where something else than the level forbids it. */
  readonly reportOnly?: string
  readonly attempts: Readonly<Record<string, number>>
  readonly maxAttempts: number
  readonly waiting: readonly string[]
  /** A person named this finding: earlier tries do not count against it. */
  readonly named?: string
}

/**
 * What the tick does about what it saw. Code decides: an answer may only choose among what was found, acts only where the level
 * may, never on what waits for a human or was tried too often, and an answer that cannot be used is a report of all there is.
 */
export function decideTriage(answer: TriagerAnswer | undefined, facts: TriageFacts): Triaged {
  const { findings, attempts, maxAttempts, waiting, named } = facts
  const items = rank(answer, facts)
  const done = (decision: Triaged['decision'], reason: string): Triaged => ({ decision, reason, items, proposal: '' })
  if (answer === undefined) {
    return done(findings.length === 0 ? 'noop' : 'report', 'the triager gave no answer that can be used')
  }
  const { reason, proposal } = answer
  if (answer.decision === 'noop') return done('noop', reason)
  if (answer.decision === 'report') return done('report', reason)
  const item = findings.find(({ id }) => id === answer.actOn)
  if (item === undefined) return done('report', `the triager wanted to act on nothing that was found; ${reason}`)
  if (facts.reportOnly !== undefined) return done('report', facts.reportOnly)
  if (!facts.mayAct) return done('report', reason)
  if (named !== undefined && named !== item.id) return done('report', `only ${named} was asked for; ${reason}`)
  if (item.held !== undefined) return done('report', `${item.id} is left alone: ${item.held}`)
  if (waiting.includes(item.id)) return done('report', `${item.id} waits for a human`)
  const tried = ownOf(attempts, item.id) ?? 0
  if (named === undefined && tried >= maxAttempts) {
    return done('report', `${item.id} was tried ${tried} times, at most ${maxAttempts}: it needs a human`)
  }
  return { decision: 'act', reason, items, item, proposal }
}

/** What is filed under an id from outside, which may be any word: `constructor`. */
export function ownOf<T>(record: Readonly<Record<string, T>>, id: string): T | undefined {
  return Object.hasOwn(record, id) ? record[id] : undefined
}

function rank(answer: TriagerAnswer | undefined, facts: TriageFacts): TickItem[] {
  const said = new Map((answer?.items ?? []).map((one) => [one.id, one]))
  return facts.findings.map((finding): TickItem => {
    const { id, title, url, source, weight } = finding
    const own = said.get(id)
    const tired = (ownOf(facts.attempts, id) ?? 0) >= facts.maxAttempts
    const human = facts.waiting.includes(id)
      ? 'waits for a human'
      : tired
        ? 'needs a human: it was tried too often'
        : ''
    const guess = weight === 'high' ? 'high' : weight === 'low' ? 'noise' : 'watch'
    return {
      id,
      title,
      rank: human === '' ? (own?.rank ?? guess) : 'high',
      why: human || (own?.why ?? ''),
      source,
      ...(url === undefined ? {} : { url }),
    }
  })
}

/** What a verifier said, as it could be read. */
export interface VerifierAnswer {
  readonly word: VerifierWord
  readonly evidence: string
}

/** Whether a change may go to the gate. */
export interface ChangeVerdict {
  readonly verdict: 'accept' | 'reject' | 'escalate'
  readonly reason: string
}

/**
 * Code decides, and its default is no: accepted only where something was changed, every check passed, and the verifier said APPROVE
 * and nothing else. What acts unattended needs checks besides.
 */
export function decideChange(facts: {
  readonly files: readonly string[]
  readonly checks: readonly CheckResult[]
  readonly verifier: VerifierAnswer | undefined
  readonly unattended: boolean
  /** Why the implementer's call came to nothing. */
  readonly failed?: string
}): ChangeVerdict {
  const { files, checks, verifier, unattended, failed } = facts
  const broken = checks.filter((check) => !check.ok).map(({ name }) => name)
  if (failed !== undefined) return { verdict: 'reject', reason: failed }
  if (files.length === 0) return { verdict: 'reject', reason: 'nothing was changed' }
  if (broken.length > 0) return { verdict: 'reject', reason: `failed: ${broken.join(', ')}` }
  if (verifier === undefined) return { verdict: 'reject', reason: 'the verifier gave no verdict' }
  if (verifier.word === 'REJECT') return { verdict: 'reject', reason: verifier.evidence || 'the verifier rejected it' }
  if (verifier.word === 'ESCALATE_HUMAN') {
    return { verdict: 'escalate', reason: verifier.evidence || 'the verifier wants a human' }
  }
  if (unattended && checks.length === 0) {
    return { verdict: 'escalate', reason: 'there is no check, and a model’s word alone is not enough at L3' }
  }
  return { verdict: 'accept', reason: verifier.evidence || 'approved' }
}

/** What a look at the patch itself adds to the gate's ruling: it can only become stricter. */
export function rulePatch(
  ruling: GateRuling,
  findings: readonly {
    readonly path: string
    readonly line: number
    readonly kind: string
    readonly severity: 'escalate' | 'deny'
  }[],
): GateRuling {
  const worst = findings.find(({ severity }) => severity === 'deny') ?? findings[0]
  if (worst === undefined || ruling.decision === 'deny') return ruling
  if (worst.severity === 'escalate' && ruling.decision === 'escalate') return ruling
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : ''
  return {
    ...ruling,
    decision: worst.severity,
    trigger: 'patch',
    reason: `${worst.kind} in ${oneLine(worst.path)}${worst.line > 0 ? `:${worst.line}` : ''}${more}`,
    matchedPaths: [...new Set(findings.map(({ path }) => path))].slice(0, 50),
  }
}
