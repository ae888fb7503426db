import { lstatSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { formatDuration } from '../../core/duration.ts'
import { isLoopwrightError, LoopwrightError, messageOf } from '../../core/errors.ts'
import { loopFileNames } from '../../core/loop-files.ts'
import { formatMetric, sparkline } from '../../core/metric.ts'
import { oneLine } from '../../core/plain.ts'
import { type Heartbeat, type LoopState, parseHeartbeat } from './heartbeat.ts'
import { folderHolder } from './hold.ts'
import { readOwn } from './own.ts'
import { readTrajectory } from './rounds.ts'

/** A heartbeat of another machine counts as dead when it is older, in seconds. */
const deadSeconds = 30
const mostHeartbeat = 1_000_000

/** What a person wants to know of a loop folder. */
export interface LoopFolderStatus {
  readonly folder: string
  readonly loop_file: string | null
  readonly valid: boolean
  /** The first thing that is wrong with the folder or its loop file, and what to do. */
  readonly problem: string | null
  readonly hint: string | null
  /** Other things worth knowing. */
  readonly notes: readonly string[]
  /** How the loop stands, `interrupted` where its process is gone; null before the first run. */
  readonly status: LoopState | null
  /** Whether the process that drives the run lives; null where that cannot be known. */
  readonly alive: boolean | null
  /** How old the heartbeat is, in seconds. */
  readonly age_seconds: number | null
  /** The metric round by round, as far as reports are there. */
  readonly trajectory: readonly (number | null)[]
  readonly heartbeat: Heartbeat | null
}

export interface StatusOptions {
  /** The loop file of a folder, as a run finds it; rejects when it has none. */
  readonly find: (folder: string) => Promise<string>
  /** Reads the loop file and throws what is wrong with it, as a run would. */
  readonly validate: (path: string) => Promise<unknown>
  readonly isAlive: (process: { readonly pid: number; readonly started: string }) => boolean
  /** This machine. */
  readonly host: string
  readonly now: number
}

/** Looks at a loop folder. Rejects with `not_found` for what is no directory; everything else that is wrong is in the answer. */
export async function readLoopFolder(folder: string, options: StatusOptions): Promise<LoopFolderStatus> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new LoopwrightError('not_found', `${folder}: there is no such loop folder`, {
      hint: 'make one: loopwright init --kind repair FOLDER',
    })
  const { file, problem, hint } = await loopFileOf(folder, options)
  const text = readOwn(join(folder, 'heartbeat.json'), mostHeartbeat)
  const beat = text === undefined ? undefined : parseHeartbeat(text)
  const unreadable = beat === undefined && isThere(join(folder, 'heartbeat.json'))
  const age = beat === undefined ? Number.NaN : (options.now - Date.parse(beat.updated_at)) / 1000
  const alive = beat === undefined ? null : liveness(beat, age, options)
  const going = beat?.status === 'running' || beat?.status === 'starting'
  return {
    folder,
    loop_file: file,
    valid: problem === null,
    problem,
    hint,
    notes: [
      ...othersOf(folder, file).map((name) => `${name} is there too, and not used: remove one of them`),
      ...(unreadable ? ['heartbeat.json cannot be read; the next run writes it anew'] : []),
      ...holderNotes(folder, options),
    ],
    status: beat === undefined ? null : going && alive === false ? 'interrupted' : beat.status,
    alive,
    age_seconds: Number.isFinite(age) ? Math.max(0, Math.round(age * 10) / 10) : null,
    trajectory: beat === undefined ? [] : readTrajectory(folder, beat.run_id, beat.round),
    heartbeat: beat ?? null,
  }
}

async function loopFileOf(
  folder: string,
  { find, validate }: StatusOptions,
): Promise<Pick<LoopFolderStatus, 'problem' | 'hint'> & { readonly file: string | null }> {
  let file: string | null = null
  try {
    file = await find(folder)
    await validate(file)
    return { file, problem: null, hint: null }
  } catch (error) {
    const hint = isLoopwrightError(error) ? (error.hint ?? null) : null
    return { file, problem: messageOf(error).split('\n')[0] ?? 'it cannot be read', hint }
  }
}

function othersOf(folder: string, file: string | null): string[] {
  if (file === null) return []
  return loopFileNames.filter((name) => name !== basename(file) && isFile(join(folder, name)))
}

function liveness(beat: Heartbeat, age: number, { host, isAlive }: StatusOptions): boolean | null {
  if (beat.driver.host === host && beat.driver.pid > 0) return isAlive(beat.driver)
  return age <= deadSeconds ? null : false
}

function holderNotes(folder: string, { host, isAlive }: StatusOptions): string[] {
  const holder = folderHolder(folder)
  if (holder === undefined || (holder.host === host && !isAlive(holder))) return []
  return [`held by run ${holder.run}${holder.host === host ? '' : ` on ${holder.host}`}`]
}

/** Rows that people copy from. */
const whole: ReadonlySet<string> = new Set(['folder', 'log', 'what to do'])

/** The status for people: one screen, no control characters whatever the folder holds. */
export function loopStatusText(status: LoopFolderStatus, width = 100): string {
  const { heartbeat: beat } = status
  const rows: (readonly [string, string])[] = [
    ['folder', status.folder],
    ['loop file', fileText(status)],
    ...(status.hint === null ? [] : [['', status.hint] as const]),
    ...status.notes.map((note) => ['note', note] as const),
    ...(beat === null ? [['status', 'no run yet'] as const] : rowsOf(status, beat)),
  ]
  return rows
    .map(([name, text]) => `${name.padEnd(10)} ${oneLine(text, whole.has(name) ? 4_000 : Math.max(20, width - 11))}`)
    .map((line) => line.trimEnd())
    .join('\n')
}

function fileText({ loop_file, problem }: LoopFolderStatus): string {
  const name = loop_file === null ? undefined : basename(loop_file)
  if (problem === null) return `${name}, valid`
  return name === undefined ? problem : `${name}, NOT valid: ${problem}`
}

function rowsOf(status: LoopFolderStatus, beat: Heartbeat): (readonly [string, string])[] {
  const { baseline, blocked, verify } = beat
  const going = status.status === 'running' || status.status === 'starting'
  const of = beat.total_rounds === null ? '' : ` of ${beat.total_rounds}`
  const why = status.status === 'interrupted' ? `process ${beat.driver.pid} is gone` : beat.reason
  return [
    ['status', `${status.status}${why === null ? '' : ` (${why})`}, round ${beat.round}${of}, run ${beat.run_id}`],
    ...(going && beat.step !== null ? [['now', nowText(beat)] as const] : []),
    ...(going && beat.command !== null ? [['command', beat.command] as const] : []),
    ...(beat.log_path === null ? [] : [['log', beat.log_path] as const]),
    ...(verify === null ? [] : [['verify', verifyText(verify)] as const]),
    ...(baseline === null ? [] : [['baseline', baselineText(baseline, status.trajectory)] as const]),
    ...(beat.consecutive_failures === 0
      ? []
      : [['failures', `${beat.consecutive_failures} round(s) in a row`] as const]),
    ...(beat.last_error === null || blocked !== null ? [] : [['last error', beat.last_error] as const]),
    ...(blocked === null ? [] : [['blocked', blocked.reason] as const, ['what to do', blocked.what_to_do] as const]),
    ...(status.status === 'interrupted' ? [['what to do', `loopwright resume ${beat.run_id}`] as const] : []),
    ['updated', `${status.age_seconds === null ? '?' : formatDuration(status.age_seconds)} ago`],
  ]
}

function nowText(beat: Heartbeat): string {
  const parts = [
    beat.step ?? '',
    ...(beat.pid === null ? [] : [`pid ${beat.pid}`]),
    ...(beat.elapsed_seconds === null ? [] : [`for ${formatDuration(beat.elapsed_seconds)}`]),
    ...(beat.eta_seconds === null ? [] : [`about ${formatDuration(beat.eta_seconds)} left`]),
    ...(beat.speed === null ? [] : [`${beat.speed} B/s`]),
    ...(beat.normal ? [] : ['NOT as usual']),
  ]
  return parts.join(', ')
}

function verifyText(verify: NonNullable<Heartbeat['verify']>): string {
  return `${verify.ok ? 'passed' : `FAILED: ${verify.error ?? 'no reason given'}`} (round ${verify.round})`
}

function baselineText(baseline: NonNullable<Heartbeat['baseline']>, trajectory: readonly (number | null)[]): string {
  const value = baseline.value === null ? 'not measured' : formatMetric(baseline.value)
  const best = baseline.best === null ? '' : `, best ${formatMetric(baseline.best)}`
  const line = trajectory.some((one) => one !== null) ? ` ${sparkline(trajectory, 30)}` : ''
  return `${baseline.metric} ${value}, wanted ${baseline.wanted}${baseline.ok ? ' (met)' : ''}${best}${line}`
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
