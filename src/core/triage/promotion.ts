import { type Level, levels } from './level.ts'
import type { TickResult } from './tick.ts'

/** What a project has that a level builds on. */
export interface PromotionFacts {
  readonly gateFile: boolean
  readonly constraints: boolean
  /** Commands that check a change. */
  readonly checks: boolean
  /** Confinement of agents, proved to work on this machine. */
  readonly sandbox: boolean
}

/** One thing that speaks for a promotion, or against it. */
export interface Evidence {
  readonly ok: boolean
  /** What was looked at, with what was found and what is needed. */
  readonly text: string
  /** What to do about it. */
  readonly hint?: string
}

/** Whether a pattern has earned a level. */
export interface Promotion {
  readonly pattern: string
  readonly from: Level
  readonly to: Level
  readonly earned: boolean
  readonly evidence: readonly Evidence[]
}

/** What each step up takes, in one place. Ticks of a dry run, and those that were halted, count for nothing. */
export const promotionRules = {
  /** L0 → L1: it has drafted. */
  L1: { ticks: 1 },
  /** L1 → L2: ticks since the last failure, and the UTC days they lie on. */
  L2: { ticks: 5, days: 3 },
  /** L2 → L3: of the newest `window` ticks that acted, so many, and this share of them accepted and not turned down by a person. */
  L3: { acting: 20, window: 50, accepted: 0.9 },
} as const

/**
 * Weighs whether a pattern may go up a level. Down is always allowed; up goes one level at a time.
 *
 * @param ticks what the engine recorded, in any order. The run log of the project is no evidence: anybody can write it.
 */
export function weighPromotion(question: {
  readonly pattern: string
  readonly from: Level
  readonly to: Level
  readonly ticks: readonly TickResult[]
  readonly facts: PromotionFacts
}): Promotion {
  const { pattern, from, to, facts } = question
  const step = levels.indexOf(to) - levels.indexOf(from)
  const answer = (evidence: readonly Evidence[]): Promotion => ({
    ...{ pattern, from, to, evidence },
    earned: evidence.every((one) => one.ok),
  })
  if (step < 0) return answer([{ ok: true, text: 'going down a level is always allowed' }])
  if (step === 0) return answer([{ ok: true, text: `it is at ${to} already` }])
  const next = levels[levels.indexOf(from) + 1] ?? to
  const ticks = question.ticks
    .filter((tick) => tick.pattern === pattern && !tick.dryRun && tick.level === from && tick.decision !== 'halt')
    .toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
  const oneStep: Evidence[] =
    step === 1
      ? []
      : [
          {
            ok: false,
            text: `one level at a time: ${from} → ${next} first`,
            hint: `loopwright promote ${pattern} --to ${next}`,
          },
        ]
  const forNext = next === 'L3' ? forL3(ticks, facts) : next === 'L2' ? forL2(ticks, facts) : forL1(ticks)
  return answer([...oneStep, ...forNext])
}

function forL1(ticks: readonly TickResult[]): Evidence[] {
  return [enough(ticks.length, promotionRules.L1.ticks, 'ticks at L0')]
}

function forL2(ticks: readonly TickResult[], facts: PromotionFacts): Evidence[] {
  const rule = promotionRules.L2
  const failure = ticks.findLastIndex(({ outcome }) => outcome === 'failed' || outcome === 'denied')
  const good = ticks.slice(failure + 1)
  const since = failure === -1 ? '' : ` since the failure of ${ticks[failure]?.startedAt.slice(0, 10)}`
  const days = new Set(good.map(({ startedAt }) => startedAt.slice(0, 10))).size
  return [
    enough(good.length, rule.ticks, `ticks at L1 without a failure${since}`),
    enough(days, rule.days, 'days with such a tick'),
    has(facts.gateFile, 'a gate.yaml', 'say there what needs a human: denylist, maxFiles'),
    has(facts.constraints, 'a loop-constraints.md', 'say there what agents must keep to'),
  ]
}

function forL3(ticks: readonly TickResult[], facts: PromotionFacts): Evidence[] {
  const rule = promotionRules.L3
  const acting = ticks.filter(({ decision }) => decision === 'act').slice(-rule.window)
  const accepted = acting.filter(({ verdict, decided, outcome }) => {
    return verdict === 'accept' && decided?.approved !== false && outcome !== 'failed'
  })
  const share = acting.length === 0 ? 0 : accepted.length / acting.length
  const refused = acting.filter(({ gate, outcome }) => gate?.decision === 'deny' || outcome === 'denied')
  const turnedDown = acting.filter(({ decided }) => decided?.approved === false)
  return [
    enough(acting.length, rule.acting, 'ticks at L2 that acted'),
    {
      ok: acting.length > 0 && share >= rule.accepted,
      text: `${percent(share)} of them accepted${
        turnedDown.length === 0 ? '' : ` (${turnedDown.length} turned down by a person)`
      }, needs ${percent(rule.accepted)}`,
    },
    {
      ok: refused.length === 0,
      text: refused.length === 0 ? 'no gate refused a change' : `changes refused by a gate: ${refused.length}`,
    },
    has(facts.gateFile, 'a gate.yaml', 'say there what may be merged: autoMergeAllowlist'),
    has(
      facts.checks,
      'checks',
      'name the commands a change must pass: triage: { verify: [npm test] } in .loopwright/config.yaml',
    ),
    has(facts.sandbox, 'a sandbox that works', 'loopwright doctor says what to install'),
  ]
}

function enough(count: number, needed: number, what: string): Evidence {
  return { ok: count >= needed, text: `${what}: ${count}, needs ${needed}` }
}

function has(ok: boolean, what: string, hint: string): Evidence {
  return ok
    ? { ok, text: `${what.startsWith('a ') ? 'there is' : 'there are'} ${what}` }
    : { ok, text: `no ${what.replace(/^a /, '')}`, hint }
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`
}
