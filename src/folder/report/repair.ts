import { basename } from 'node:path'
import type { Json } from '../../core/json.ts'
import { listOf, numberOf, objectOf, textOf, textsOf } from '../../core/peek.ts'
import type { RunResult } from '../../core/result.ts'
import type { RepairSpec } from '../../core/spec/repair.ts'
import type { RunView } from '../../core/view-types.ts'
import type { ReportLog, ReportMetric, ReportPicture, ReportRound, ReportStage } from './facts.ts'

/** How the report comes to the files it shows. */
export interface ReportReaders {
  log(path: string): ReportLog | undefined
  picture(picture: { readonly name: string; readonly path: string }): ReportPicture | undefined
}

/** The rounds of a repair run that are finished. Takes whatever it finds: never throws. */
export function repairRounds(view: RunView, result: RunResult, readers: ReportReaders): ReportRound[] {
  return result.history.map((item, at) => roundOf(view, item, at + 1, readers))
}

/** The metric round by round, where one was measured. */
export function repairMetric(spec: Pick<RepairSpec, 'baseline'>, result: RunResult): ReportMetric | undefined {
  const { baseline } = spec
  const points = result.history.flatMap((item, at) => {
    const { iteration, metric, rolled_back } = objectOf(item)
    const value = numberOf(objectOf(metric).value)
    return value === undefined
      ? []
      : [{ round: numberOf(iteration) ?? at + 1, value, kept: objectOf(rolled_back).to === undefined }]
  })
  if (baseline === undefined || points.length === 0) return undefined
  return {
    name: baseline.metric,
    direction: baseline.direction,
    points,
    ...(baseline.value === undefined ? {} : { target: baseline.value }),
  }
}

function roundOf(view: RunView, item: Json, place: number, readers: ReportReaders): ReportRound {
  const { iteration, stages, verdict, reasons, metric, rolled_back, lesson } = objectOf(item)
  const number = numberOf(iteration) ?? place
  const times = view.history.find((one) => one.iteration === number)
  const back = objectOf(rolled_back)
  const because = textOf(back.because)
  const why = textsOf(reasons).join('; ')
  const value = numberOf(objectOf(metric).value)
  const learnt = textOf(lesson)
  const pictures = listOf(stages)
    .flatMap((stage) => textsOf(objectOf(stage).screenshots))
    .map((path) => readers.picture({ name: basename(path), path }))
    .filter((one) => one !== undefined)
  return {
    number,
    state: because !== undefined ? 'rolled_back' : verdict === 'complete' ? 'ok' : 'failed',
    verdict: verdict === 'complete' ? 'healthy' : verdict === 'blocked' ? 'blocked' : 'goes on',
    ...(because !== undefined ? { summary: `rolled back: ${because}` } : why === '' ? {} : { summary: why }),
    ...(times === undefined ? {} : { startedAt: times.startedAt }),
    ...(times?.finishedAt === undefined ? {} : { endedAt: times.finishedAt }),
    ...(value === undefined ? {} : { metric: value }),
    stages: listOf(stages).map((stage) => stageOf(stage, readers)),
    checks: [],
    ...(learnt === undefined ? {} : { lessons: [learnt] }),
    ...(pictures.length === 0 ? {} : { screenshots: pictures }),
  }
}

function stageOf(stage: Json, readers: ReportReaders): ReportStage {
  const { stage: name, ok, duration, failure, error, output, log } = objectOf(stage)
  const path = textOf(log)
  const kept = textOf(output)
  const shown =
    (path === undefined ? undefined : readers.log(path)) ?? (kept === undefined ? undefined : { text: kept })
  const seconds = numberOf(duration)
  return {
    name: textOf(name) ?? 'stage',
    state: ok === true ? 'ok' : 'failed',
    ...(seconds === undefined ? {} : { durationMs: seconds * 1000 }),
    ...(textOf(failure) === undefined ? {} : { failure: textOf(failure) ?? '' }),
    ...(textOf(error) === undefined ? {} : { error: textOf(error) ?? '' }),
    ...(shown === undefined ? {} : { log: shown }),
  }
}
