import { formatDuration } from './duration.ts'
import type { JsonObject } from './json.ts'
import { formatMetric } from './metric.ts'
import { listOf, numberOf, objectOf, textOf } from './peek.ts'
import type { CheckResult, CommandFailure } from './ports.ts'
import type { StageName } from './spec/repair.ts'

/** What a stage of a round came to. */
export type StageResult = {
  readonly stage: StageName | 'baseline'
  readonly ok: boolean
  /** Why it was ended, where the supervisor knows. */
  readonly failure: CommandFailure | null
  readonly exit_code: number | null
  /** Seconds. */
  readonly duration: number
  /** The file with all it printed. */
  readonly log: string | null
  /** Why it is not ok, in a line; null when it is. */
  readonly error: string | null
  /** The end of what it printed. */
  readonly output: string
  /** Pictures that were taken; paths. */
  readonly screenshots?: readonly string[]
}

/** What was measured in a round. */
export type MetricResult = {
  readonly name: string
  /** The best of the samples; null when it could not be measured. */
  readonly value: number | null
  readonly samples: readonly number[]
  /** The best so far, this round included. */
  readonly best: number | null
  readonly ok: boolean
  /** What is wanted, for people: `>= 0.9`. */
  readonly wanted: string
  /** Why it is not ok; null when it is. */
  readonly error: string | null
}

/** One round, in the shape that clients of the result know (`results`, `verification`), and what only a round has. */
export type RoundItem = {
  readonly iteration: number
  readonly stages: readonly StageResult[]
  readonly results: readonly { readonly id: string; readonly ok: boolean; readonly error: string | null }[]
  readonly verification: readonly CheckResult[]
  readonly metric: MetricResult | null
  readonly verdict: 'complete' | 'next' | 'blocked'
  /** Why it is not complete. */
  readonly reasons: readonly string[]
  readonly commit: string | null
  readonly changed_files: readonly string[]
  readonly rolled_back: { readonly to: string; readonly because: string } | null
  readonly lesson: string | null
  /** Failed rounds in a row, this one included. */
  readonly consecutive_failures: number
}

/** What a repair loop returns, or reports so far when a guard stops it. */
export type RepairResult = {
  readonly completed: boolean
  readonly iterations: number
  readonly stop_reason: string
  readonly final_output: string
  readonly history: readonly RoundItem[]
  /** The metric round by round; null where it was not measured. */
  readonly trajectory: readonly (number | null)[]
  /** Why it goes no further, and what a person can do. */
  readonly blocked?: { readonly reason: string; readonly what_to_do: string }
}

/** What code decides by. A stage that is absent is not configured, or did not run. */
export interface RoundFacts {
  readonly play?: StageResult | undefined
  readonly scan?: StageResult | undefined
  readonly fix?: StageResult | undefined
  readonly verify?: StageResult | undefined
  readonly baseline?: StageResult | undefined
  readonly metric?: MetricResult | undefined
  readonly improve?: StageResult | undefined
  /** Whether a baseline is asked for. */
  readonly measured: boolean
  /** What changed and must not have. */
  readonly breaches: readonly string[]
  /** Whether stages keep logs, so that one without was not written. */
  readonly logged: boolean
  /** Why a person's own hook said no. */
  readonly hook?: string | undefined
}

/** Whether the loop is done, and why not. Nothing an agent says makes up for a stage that failed. */
export function judgeRound(facts: RoundFacts): { readonly complete: boolean; readonly reasons: readonly string[] } {
  const { verify, baseline, metric } = facts
  const ran = [facts.play, facts.scan, facts.fix, verify, baseline, facts.improve].filter((one) => one !== undefined)
  const reasons = [
    ...ran.filter((stage) => !stage.ok).map(stageError),
    ...(verify === undefined ? ['verify did not run'] : []),
    ...(facts.measured && metric === undefined && verify?.ok === true && baseline?.ok !== false
      ? ['the metric was not measured']
      : []),
    ...(metric === undefined || metric.ok || baseline?.ok === false ? [] : [metricText(metric)]),
    ...ran.filter((stage) => stage.ok && stage.failure !== null).map((stage) => `${stage.stage}: ${stage.failure}`),
    ...(facts.logged ? ran.filter((one) => one.ok && one.log === null).map((one) => `${one.stage} left no log`) : []),
    ...facts.breaches,
    ...(facts.hook === undefined ? [] : [`blocked by a hook: ${facts.hook}`]),
  ]
  return { complete: reasons.length === 0, reasons }
}

/** Whether nothing but the metric is wanting, so that improving it is what is left. */
export function onlyBaselineFails(facts: RoundFacts): boolean {
  const { metric, baseline } = facts
  if (metric === undefined || metric.ok || metric.value === null || baseline?.ok === false) return false
  return judgeRound({ ...facts, metric: { ...metric, ok: true }, hook: undefined }).complete
}

/** A stage's failure in a line: `verify: exit 1`. */
export function stageError(stage: StageResult): string {
  return `${stage.stage}: ${stage.error ?? 'failed'}`
}

/** A metric in a line: `score 0.82, wanted >= 0.9`. */
export function metricText(metric: MetricResult): string {
  const value = metric.value === null ? `could not be measured: ${metric.error}` : formatMetric(metric.value)
  return `${metric.name} ${value}, wanted ${metric.wanted}`
}

/** A finished round, as its event has it, in a line: `play ok, fix ok, verify FAILED (exit 1, 3.2s)`. */
export function roundText(item: JsonObject): string {
  const stages = listOf(item.stages)
    .map(objectOf)
    .filter(({ stage }) => stage !== 'baseline')
    .map(({ stage, ok, error, duration }) => {
      if (ok === true) return `${textOf(stage)} ok`
      return `${textOf(stage)} FAILED (${textOf(error) ?? 'failed'}, ${formatDuration(numberOf(duration) ?? 0)})`
    })
  const metric = objectOf(item.metric)
  const value = numberOf(metric.value)
  const measured = value === undefined ? `not measured: ${textOf(metric.error) ?? 'no number'}` : formatMetric(value)
  const shown = `${textOf(metric.name)} ${measured}, wanted ${textOf(metric.wanted)}${metric.ok === true ? ' (met)' : ''}`
  return [
    ...stages,
    ...(textOf(metric.name) === undefined ? [] : [shown]),
    ...(textOf(objectOf(item.rolled_back).because) === undefined ? [] : ['rolled back']),
  ].join(', ')
}
