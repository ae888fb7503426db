import { formatMetric, improves, sparkline } from '../../core/metric.ts'
import type { CheckResult } from '../../core/ports.ts'
import {
  judgeRound,
  type MetricResult,
  type RepairResult,
  type RoundFacts,
  type RoundItem,
  roundText,
  type StageResult,
} from '../../core/round.ts'
import type { RepairSpec } from '../../core/spec/repair.ts'
import type { LoopContext } from '../../engine/context.ts'
import { aimOf } from './measure.ts'
import type { Ratchet, RolledBack } from './ratchet.ts'

/** How much of what a passed stage printed is kept in the history, in characters. */
const keptOfPassed = 300

/** Keeps what the rounds came to, tells people while it happens, and makes the result of it. */
export class Rounds {
  readonly #loop: LoopContext
  readonly #spec: RepairSpec
  #items: readonly RoundItem[] = []
  #failures = 0
  #best: number | null = null

  constructor(loop: LoopContext, spec: RepairSpec) {
    this.#loop = loop
    this.#spec = spec
  }

  /** Where the metric went, in a line; empty before it was measured. */
  get metricText(): string {
    const { baseline } = this.#spec
    const values = this.#trajectory()
    const shown = values.filter((value) => value !== null)
    if (baseline === undefined || shown.length === 0) return ''
    return `${baseline.metric} round by round: ${shown.map(formatMetric).slice(-10).join(', ')} ${sparkline(values, 20)}`
  }

  /** Ends a round: judges it, and says whether the loop is done, goes on, or is blocked. */
  finish(round: {
    readonly number: number
    readonly facts: RoundFacts
    readonly ratchet: Ratchet
    readonly rolledBack: RolledBack | undefined
    readonly lesson: string | undefined
    /** The round was cut short by a stop: it says nothing about the work. */
    readonly cut: boolean
  }): RoundItem {
    const { number, facts, ratchet, rolledBack, cut } = round
    const { complete, reasons } = judgeRound(facts)
    const done = complete && !cut && rolledBack === undefined
    const metric = facts.metric ?? null
    if (!cut) this.#failures = done || this.#progressed(facts, rolledBack) ? 0 : this.#failures + 1
    if (metric !== null && rolledBack === undefined) this.#best = metric.best
    const blocked = !cut && this.#failures > this.#spec.limits.consecutiveFailures
    const stages = stagesOf(facts).map((stage) =>
      stage.ok ? { ...stage, output: stage.output.slice(-keptOfPassed) } : stage,
    )
    const item: RoundItem = {
      iteration: number,
      stages,
      results: stages.map(({ stage, ok, error }) => ({ id: stage, ok, error })),
      verification: stages.filter(({ stage }) => stage === 'verify').map(toCheck),
      metric,
      verdict: done ? 'complete' : blocked ? 'blocked' : 'next',
      reasons: cut ? ['the round was cut short'] : reasons,
      commit: ratchet.head ?? null,
      changed_files: ratchet.changedFiles,
      rolled_back: rolledBack ?? null,
      lesson: round.lesson ?? null,
      consecutive_failures: this.#failures,
    }
    this.#items = [...this.#items, item]
    this.#loop.emit('round_finished', { item })
    if (item.verdict !== 'complete') this.#loop.report(this.#result({ completed: false, stop_reason: 'running' }))
    return item
  }

  /** Whether a round brought the loop on, though it is not done: every stage passes, as not before, or the metric got better. */
  #progressed(facts: RoundFacts, rolledBack: RolledBack | undefined): boolean {
    const { metric } = facts
    if (rolledBack !== undefined || facts.breaches.length > 0) return false
    if (stagesOf(facts).some((stage) => !stage.ok)) return false
    if (metric === undefined || metric.ok) return true
    const last = this.#items.at(-1)
    if (last?.rolled_back === null && last.stages.some((stage) => !stage.ok)) return true
    const { baseline: wanted } = this.#spec
    if (metric.value === null || wanted === undefined) return false
    return this.#best === null || improves(metric.value, this.#best, aimOf(wanted))
  }

  complete(): RepairResult {
    return this.#result({ completed: true, stop_reason: 'healthy' })
  }

  /** The end of a loop that would only fail again. */
  blocked(): RepairResult {
    const last = this.#items.at(-1)
    const many = this.#failures === 1 ? 'the round failed' : `${this.#failures} rounds in a row failed`
    const reason = `${many}: ${last?.reasons.join('; ') ?? ''}`
    const log = last?.stages.findLast((stage) => !stage.ok && stage.log !== null)?.log
    const what_to_do = [
      log === undefined ? 'look at what failed' : `look at ${log}`,
      'mend what stands in the way, or change the mission, the stages or the baseline',
      'then start the loop again',
    ].join(', ')
    this.#loop.emit('blocked', { reason, what_to_do })
    return this.#result({ completed: false, stop_reason: 'blocked', blocked: { reason, what_to_do } })
  }

  #result(end: Pick<RepairResult, 'completed' | 'stop_reason' | 'blocked'>): RepairResult {
    const lines = this.#items.map(
      (item) =>
        `round ${item.iteration}: ${roundText({ stages: item.stages, metric: item.metric, rolled_back: item.rolled_back })}`,
    )
    const { blocked } = end
    return {
      completed: end.completed,
      iterations: this.#items.length,
      stop_reason: end.stop_reason,
      final_output: [...lines, ...(blocked ? [`blocked: ${blocked.reason}`, blocked.what_to_do] : [])].join('\n'),
      history: this.#items,
      trajectory: this.#trajectory(),
      ...(blocked ? { blocked } : {}),
    }
  }

  #trajectory(): (number | null)[] {
    return this.#items.map(({ metric }: { readonly metric: MetricResult | null }) => metric?.value ?? null)
  }
}

function stagesOf(facts: RoundFacts): StageResult[] {
  const { play, scan, fix, verify, baseline, improve } = facts
  return [play, scan, fix, verify, baseline, improve].filter((stage) => stage !== undefined)
}

function toCheck(stage: StageResult): CheckResult {
  return {
    name: stage.stage,
    ok: stage.ok,
    exit_code: stage.exit_code,
    stdout: stage.output,
    stderr: '',
    error: stage.error,
    duration: stage.duration,
    ...(stage.log === null ? {} : { output_path: stage.log }),
  }
}
