import { type Aim, bestOf, describeAim, improves, meets } from '../../core/metric.ts'
import { type Reading, readMetric } from '../../core/read-metric.ts'
import type { MetricResult, StageResult } from '../../core/round.ts'
import type { Baseline, RepairSpec } from '../../core/spec/repair.ts'
import type { LoopContext } from '../../engine/context.ts'
import { runCommand } from './stages.ts'

/** How much of what a baseline command printed is read, in characters. */
const readChars = 60_000

/** What there is to compare with. */
export interface Marks {
  /** Measured first in this run: what an improvement is held against. */
  readonly first: number | undefined
  readonly best: number | undefined
}

/** What a metric is better by. */
export function aimOf({ direction, value, tolerance }: Baseline): Aim {
  return { direction, wanted: value, tolerance }
}

/** Measures the metric, the best of so many samples; a command that fails is a failed stage. */
export async function measure(
  loop: LoopContext,
  spec: RepairSpec,
  baseline: Baseline,
  call: { readonly round: number; readonly lastError: string; readonly marks: Marks },
): Promise<{ readonly stage: StageResult; readonly metric: MetricResult } | undefined> {
  const { command, samples, metric: name } = baseline
  if (command === undefined) return undefined
  const { round, lastError, marks } = call
  loop.emit('stage_started', { stage: 'baseline' })
  const readings: Reading[] = []
  let stage: StageResult | undefined
  for (let sample = 1; sample <= samples; sample++) {
    const log = `round${round}_baseline${samples > 1 ? `_${sample}` : ''}`
    const { result, seen } = await runCommand(loop, spec, command, {
      stage: 'baseline',
      round,
      log,
      lastError,
      tailChars: readChars,
    })
    stage = { ...result, duration: (stage?.duration ?? 0) + result.duration }
    if (!result.ok || loop.stopping) break
    const fromOut = readMetric(seen.stdout, baseline)
    const fromErr = fromOut.value === undefined ? readMetric(seen.stderr, baseline) : undefined
    readings.push(fromErr?.value === undefined ? fromOut : fromErr)
  }
  if (stage === undefined || (loop.stopping && !stage.ok)) return undefined
  const unread = readings.find((reading) => reading.value === undefined)
  if (stage.ok && unread !== undefined) stage = { ...stage, ok: false, error: unread.error ?? 'no number' }
  const { output: _output, ...shown } = stage
  loop.emit('stage_finished', shown)
  const values = stage.ok ? readings.flatMap(({ value }) => (value === undefined ? [] : [value])) : []
  const metric = judge(baseline, values, marks, stage.error)
  loop.emit('metric', { name, value: metric.value, best: metric.best, ok: metric.ok, wanted: metric.wanted })
  return { stage, metric }
}

function judge(baseline: Baseline, samples: readonly number[], marks: Marks, error: string | null): MetricResult {
  const { direction, value: wanted, tolerance, improve, metric: name } = baseline
  const aim = aimOf(baseline)
  const value = bestOf(samples, aim)
  const wish = [
    ...(wanted === undefined ? [] : [describeAim(direction, wanted)]),
    ...(improve ? [`better than ${marks.first ?? 'before'}`] : []),
  ].join(' and ')
  const best = bestOf(
    [marks.best, value].filter((one) => one !== undefined),
    aim,
  )
  const facts = { name, samples, best: best ?? null, wanted: wish }
  if (value === undefined) return { ...facts, value: null, ok: false, error: error ?? 'no number' }
  const met = wanted === undefined || meets(value, wanted, direction, tolerance)
  const improved = !improve || (marks.first !== undefined && improves(value, marks.first, aim))
  const why = met ? 'it is not better than before' : `it is not ${wish}`
  return { ...facts, value, ok: met && improved, error: met && improved ? null : why }
}
