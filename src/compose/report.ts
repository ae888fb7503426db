import type { Redact, RunRecord } from '../core/ports.ts'
import type { RunResult } from '../core/result.ts'
import type { RepairSpec } from '../core/spec/repair.ts'
import type { RunView } from '../core/view-types.ts'
import { logEnd, pictureFile } from '../folder/report/files.ts'
import { goalMetric, goalRounds } from '../folder/report/goal.ts'
import { repairMetric, repairRounds } from '../folder/report/repair.ts'
import { renderReport } from '../folder/report.ts'

/** What a report is made from. */
export interface ReportSource {
  readonly run: RunRecord
  readonly view: RunView
  readonly result: RunResult
  readonly diff: string | undefined
  /** Where the report will stand; absolute. Pictures beside it are linked when they are too many to hold. */
  readonly path: string
  readonly redact: Redact
  /** Milliseconds since 1970. */
  readonly now: number
}

/** A run as one page of HTML that needs nothing else. Everything in it is redacted and escaped. */
export function reportOf({ run, view, result, diff, path, redact, now }: ReportSource): string {
  const shared = {
    view,
    result,
    generatedAt: now,
    ...(diff === undefined || diff === '' ? {} : { diff: redact(diff) }),
  }
  if (run.kind !== 'repair') {
    const rounds = goalRounds(view, result)
    const metric = goalMetric(rounds)
    return renderReport({ ...shared, rounds, ...(metric === undefined ? {} : { metric }) })
  }
  const spec = run.spec as unknown as RepairSpec
  const metric = repairMetric(spec, result)
  const readers = {
    log: (file: string) => {
      const end = logEnd(file)
      return end === undefined ? undefined : { ...end, text: redact(end.text) }
    },
    picture: (picture: { readonly name: string; readonly path: string }) => pictureFile(picture, path),
  }
  return renderReport({
    ...shared,
    rounds: repairRounds(view, result, readers),
    title: spec.mission,
    roundWord: 'round',
    ...(metric === undefined ? {} : { metric }),
  })
}
