import { closeSync, constants, lstatSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Json, JsonObject } from '../../core/json.ts'
import { listOf, numberOf, objectOf, textOf, textsOf } from '../../core/peek.ts'
import type { RunView } from '../../core/view.ts'
import { openPlain } from '../files.ts'
import { ownDirectory, readBytes, readOwn, replaceOwn } from './own.ts'

/** Larger pictures stay where they are. */
const mostPicture = 20 * 1024 * 1024
const mostReport = 10 * 1024 * 1024

/** What a round's report and the directory of its pictures are called. */
export function roundName(round: number): string {
  return `round-${round}`
}

/** Writes `round-N.json`, and beside it the pictures that were taken. The same report is not written twice. */
export function writeRound(artifacts: string, view: RunView, endedAt: number, item: JsonObject): void {
  const round = numberOf(item.iteration) ?? view.iteration
  const name = roundName(round)
  const startedAt = view.history.findLast(({ iteration }) => iteration === round)?.startedAt
  const stages = listOf(item.stages).map((stage): Json => {
    const facts = objectOf(stage)
    const pictures = textsOf(facts.screenshots)
    if (pictures.length === 0) return facts
    return { ...facts, screenshots: pictures.map((path) => keepPicture(artifacts, name, path)) }
  })
  const report = {
    run_id: view.id,
    round,
    started_at: startedAt === undefined ? null : new Date(startedAt).toISOString(),
    ended_at: new Date(endedAt).toISOString(),
    ...item,
    ...(item.stages === undefined ? {} : { stages }),
  }
  const text = `${JSON.stringify(report, null, 2)}\n`
  if (readOwn(join(artifacts, `${name}.json`), mostReport) !== text) replaceOwn(artifacts, `${name}.json`, text)
}

/** Copies a picture beside the report; answers its path there, or where it was when it cannot be had. */
function keepPicture(artifacts: string, round: string, path: string): string {
  const name = basename(path).replace(/[^A-Za-z0-9._-]/g, '_')
  const kept = `${round}/${name}`
  const to = join(artifacts, round, name)
  if (lstatSync(to, { throwIfNoEntry: false })?.isFile()) return kept
  const bytes = readBytes(path, mostPicture)
  if (bytes === undefined) return path
  const directory = ownDirectory(artifacts, round)
  const fd = openPlain(join(directory, name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  } finally {
    closeSync(fd)
  }
  return kept
}

/** The metric round by round, as the reports in `artifacts/` have it; rounds without one are null. */
export function readTrajectory(folder: string, run: string, rounds: number): (number | null)[] {
  const values: (number | null)[] = []
  for (let round = 1; round <= Math.min(rounds, 10_000); round++) {
    const text = readOwn(join(folder, 'artifacts', `${roundName(round)}.json`), mostReport)
    try {
      const report = objectOf(JSON.parse(text ?? '{}'))
      if (textOf(report.run_id) === run) values.push(numberOf(objectOf(report.metric).value) ?? null)
    } catch {
      values.push(null)
    }
  }
  return values
}
