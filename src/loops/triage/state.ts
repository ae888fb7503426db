import { oneLine } from '../../core/plain.ts'
import type { Checkpoint, CheckResult } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import { type ChangeVerdict, ownOf, type Triaged, type VerifierAnswer } from '../../core/triage/decide.ts'
import type { Discovery, Finding } from '../../core/triage/finding.ts'
import type { GateRuling } from '../../core/triage/gate.ts'
import { type Level, lowerLevel } from '../../core/triage/level.ts'
import type { PatchFinding } from '../../core/triage/patch-scan.ts'
import type { Delivery, Standing } from '../../core/triage/ports.ts'
import type { TickDraft, TickOutcome } from '../../core/triage/tick.ts'

/** A change as it was committed in the tick's worktree. */
interface Change {
  readonly work: Checkpoint
  readonly lines: number
  readonly diff: string
  /** What was seen in the patch itself. */
  readonly found: readonly PatchFinding[]
  /** There is more of it than can be looked at. */
  readonly cut: boolean
}

/** What a tick knows so far; each stage adds to it. */
export interface TickState {
  readonly run: string
  readonly spec: TriageSpec
  /** Milliseconds since 1970. */
  startedAt: number
  standing?: Standing
  seen: Discovery
  /** Why nothing more may be done. */
  halted?: string | undefined
  triaged?: Triaged
  /** Why the triager's or the implementer's call came to nothing. */
  failed?: string
  change?: Change
  checks: readonly CheckResult[]
  verifier?: VerifierAnswer | undefined
  verdict?: ChangeVerdict
  gate?: GateRuling
  delivery?: Delivery
}

/** The level as it stands in this tick: past its share of a budget it only reports. */
export function levelOf({ spec, standing }: TickState): Level {
  return standing?.reportOnly === undefined ? spec.level : lowerLevel(spec.level, 'L1')
}

/** Which try for its item this is, from 1. */
export function attemptOf({ triaged, standing }: TickState): number {
  const id = triaged?.item?.id
  return (id === undefined ? 0 : (ownOf(standing?.attempts ?? {}, id) ?? 0)) + 1
}

/** It is about to change something, or has. */
export function isActing({ triaged, halted }: TickState): boolean {
  return triaged?.decision === 'act' && halted === undefined
}

/** What the tick comes to as it stands. */
export function outcomeOf(at: TickState): TickOutcome {
  const { spec, halted, triaged, failed, verdict, gate, delivery } = at
  const { dryRun } = spec
  if (halted !== undefined) return 'halted'
  if (triaged === undefined) return 'noop'
  const { decision } = triaged
  if (decision !== 'act' && failed !== undefined) return 'failed'
  if (decision === 'noop') return 'noop'
  if (decision === 'report') return spec.level === 'L0' ? 'drafted' : 'reported'
  if (verdict === undefined || verdict.verdict === 'reject') return 'rejected'
  if (gate?.decision === 'deny') return 'denied'
  if (verdict.verdict === 'escalate' || gate?.decision !== 'allow') return dryRun ? 'would_escalate' : 'escalated'
  if (dryRun) return 'would_commit'
  return delivery?.outcome ?? 'failed'
}

function reasonOf(at: TickState, outcome: TickOutcome): string {
  const { spec, halted, triaged, failed, verdict, gate, delivery } = at
  if (outcome === 'halted') return halted ?? 'halted'
  if (failed !== undefined && outcome === 'failed') return failed
  if (triaged === undefined) return spec.item === undefined ? 'nothing was found' : `${spec.item} was not found`
  if (!isActing(at)) return triaged.reason
  if (outcome === 'rejected') {
    const attempt = attemptOf(at)
    const last = attempt >= spec.maxAttempts ? `; ${attempt} tries failed: a human has to look` : ''
    return `${verdict?.reason ?? 'it was not verified'}${last}`
  }
  if (verdict?.verdict === 'escalate' && gate?.decision === 'allow') return verdict.reason
  return delivery?.reason ?? gate?.reason ?? triaged.reason
}

/** All that the tick did, as it is recorded, but for what it cost. */
export function draftOf(at: TickState, outcome: TickOutcome): TickDraft {
  const { pattern, tick, dryRun, agent, level } = at.spec
  const { decision = 'noop', items = [], item, proposal = '' } = at.triaged ?? {}
  const { change, verdict, verifier, gate, delivery } = at
  const reportOnly = at.standing?.reportOnly
  const now = levelOf(at)
  const revises = item === undefined ? undefined : ownOf(at.standing?.revisions ?? {}, item.id)
  return {
    run: at.run,
    pattern: pattern.id,
    name: pattern.name,
    tick,
    level: now,
    ...(reportOnly === undefined || now === level ? {} : { lowered: reportOnly }),
    dryRun,
    agent: agent ?? 'command',
    decision: at.halted === undefined ? decision : 'halt',
    outcome,
    reason: oneLine(reasonOf(at, outcome), 500),
    items,
    skipped: at.seen.skipped,
    ...(item === undefined ? {} : { item: shown(item, attemptOf(at)), proposal }),
    ...(change === undefined ? {} : { change: sizeOf(change) }),
    checks: at.checks.map(({ name, ok, error }) => ({ name, ok, error })),
    ...(verdict === undefined ? {} : { verdict: verdict.verdict }),
    ...(verifier === undefined ? {} : { verifier }),
    ...(gate === undefined ? {} : { gate }),
    ...(revises === undefined ? {} : { revises }),
    ...(outcome === 'escalated' ? { branch: `loopwright/${at.run}` } : {}),
    ...(delivery === undefined ? {} : placeOf(delivery)),
    startedAt: new Date(at.startedAt).toISOString(),
  }
}

function shown({ id, title, url }: Finding, attempt: number): NonNullable<TickDraft['item']> {
  return { id, title, attempt, ...(url === undefined ? {} : { url }) }
}

function sizeOf({ work, lines }: Change): NonNullable<TickDraft['change']> {
  const { totalChangedFiles: files, commit } = work
  return { files, lines, ...(commit === undefined ? {} : { commit }) }
}

/** Where a delivered change is, as a result says it. */
export function placeOf({
  outcome,
  branch,
  url,
  reason,
}: Delivery): Pick<TickDraft, 'outcome' | 'branch' | 'reason' | 'url'> {
  return { outcome, branch, reason, ...(url === undefined ? {} : { url }) }
}
