import type { Json } from '../../core/json.ts'
import { numberOf, objectOf, textOf } from '../../core/peek.ts'
import type { CommandFailure } from '../../core/ports.ts'
import type { StageResult } from '../../core/round.ts'

/** How a loop stands. `interrupted` is never written by who dies: a reader sees it from the process that is gone. */
export type LoopState =
  | 'starting'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'stopped'
  | 'complete'
  | 'blocked'
  | 'failed'
  | 'cancelled'
  | 'killed'
  | 'interrupted'

/** `heartbeat.json`: how a loop stands at this moment. Moments are ISO 8601 in UTC, durations in seconds. */
export interface Heartbeat {
  readonly status: LoopState
  /** Why, where there is more to say. */
  readonly reason: string | null
  readonly run_id: string
  /** 0 before the first. */
  readonly round: number
  readonly total_rounds: number | null
  /** The stage under way, or the last one. */
  readonly step: string | null
  /** Of the command that runs; null between commands, and where an agent or a browser works. */
  readonly pid: number | null
  readonly command: string | null
  /** What the command that runs, or the last one, prints into. */
  readonly log_path: string | null
  /** Of the step that runs. */
  readonly started_at: string | null
  readonly elapsed_seconds: number | null
  /** Bytes a second that it printed of late. */
  readonly speed: number | null
  /** What is left, if it takes as long as it did in earlier rounds. */
  readonly eta_seconds: number | null
  /** False: it takes far longer than it did, or the last result of a stage is a timeout, a stall, OOM, a flood or a crash. */
  readonly normal: boolean
  readonly last_error: string | null
  /** The stage that ended last. */
  readonly last: LastStage | null
  readonly verify: { readonly ok: boolean; readonly round: number; readonly error: string | null } | null
  readonly baseline: HeartbeatMetric | null
  readonly consecutive_failures: number
  /** Why it goes no further, and what a person can do. */
  readonly blocked: { readonly reason: string; readonly what_to_do: string } | null
  /** The process that drives the run. */
  readonly driver: { readonly pid: number; readonly started: string; readonly host: string }
  readonly updated_at: string
}

export interface LastStage {
  readonly step: string
  readonly ok: boolean
  readonly failure: CommandFailure | null
  readonly exit_code: number | null
  readonly duration_seconds: number
  readonly log_path: string | null
}

export interface HeartbeatMetric {
  readonly metric: string
  readonly value: number | null
  /** The number it is compared with; null where it only has to improve. */
  readonly target: number | null
  /** The same for people: `>= 0.9`. */
  readonly wanted: string
  readonly best: number | null
  readonly ok: boolean
}

const states: ReadonlySet<string> = new Set<LoopState>([
  ...(['starting', 'running', 'waiting', 'paused', 'stopped', 'complete', 'blocked'] as const),
  ...(['failed', 'cancelled', 'killed', 'interrupted'] as const),
])

/** Reads a heartbeat that somebody may have written by hand: what is wrong in it is left out. Undefined for what is none at all. */
export function parseHeartbeat(text: string): Heartbeat | undefined {
  let found: Json
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  const seen = objectOf(found)
  const { status, run_id } = seen
  if (typeof status !== 'string' || !states.has(status) || typeof run_id !== 'string') return undefined
  const driver = objectOf(seen.driver)
  const number = (value: Json | undefined) => numberOf(value) ?? null
  const words = (value: Json | undefined) => textOf(value) ?? null
  return {
    status: status as LoopState,
    reason: words(seen.reason),
    run_id,
    round: numberOf(seen.round) ?? 0,
    total_rounds: number(seen.total_rounds),
    step: words(seen.step),
    pid: number(seen.pid),
    command: words(seen.command),
    log_path: words(seen.log_path),
    started_at: words(seen.started_at),
    elapsed_seconds: number(seen.elapsed_seconds),
    speed: number(seen.speed),
    eta_seconds: number(seen.eta_seconds),
    normal: seen.normal !== false,
    last_error: words(seen.last_error),
    last: lastStage(seen.last),
    verify: verifyOf(seen.verify),
    baseline: metricOf(seen.baseline),
    consecutive_failures: numberOf(seen.consecutive_failures) ?? 0,
    blocked: blockedOf(seen.blocked),
    driver: {
      pid: numberOf(driver.pid) ?? 0,
      started: textOf(driver.started) ?? '',
      host: textOf(driver.host) ?? '',
    },
    updated_at: textOf(seen.updated_at) ?? '',
  }
}

function lastStage(value: Json | undefined): LastStage | null {
  const { step, ok, failure, exit_code, duration_seconds, log_path } = objectOf(value)
  if (typeof step !== 'string') return null
  return {
    step,
    ok: ok === true,
    failure: failureOf(failure),
    exit_code: numberOf(exit_code) ?? null,
    duration_seconds: numberOf(duration_seconds) ?? 0,
    log_path: textOf(log_path) ?? null,
  }
}

function verifyOf(value: Json | undefined): Heartbeat['verify'] {
  const { ok, round, error } = objectOf(value)
  return typeof ok === 'boolean' ? { ok, round: numberOf(round) ?? 0, error: textOf(error) ?? null } : null
}

/** Reads a metric as a heartbeat has it. */
function metricOf(value: Json | undefined): HeartbeatMetric | null {
  const { metric, value: now, target, wanted, best, ok } = objectOf(value)
  if (typeof metric !== 'string') return null
  return {
    metric,
    value: numberOf(now) ?? null,
    target: numberOf(target) ?? null,
    wanted: textOf(wanted) ?? '',
    best: numberOf(best) ?? null,
    ok: ok === true,
  }
}

/** Why a loop is blocked, as its result or its heartbeat says. */
export function blockedOf(value: Json | undefined): Heartbeat['blocked'] {
  const { reason, what_to_do } = objectOf(value)
  return typeof reason === 'string' ? { reason, what_to_do: textOf(what_to_do) ?? '' } : null
}

const failures: readonly string[] = ['timeout', 'stalled', 'oom', 'flood', 'crash'] satisfies CommandFailure[]

/** How the supervisor ended something, if the value says so. */
export function failureOf(value: Json | undefined): CommandFailure | null {
  return typeof value === 'string' && failures.includes(value) ? (value as CommandFailure) : null
}

/** A stage as its journal event tells of it. */
export type StageEvent = Pick<StageResult, 'ok' | 'failure' | 'exit_code' | 'duration' | 'log' | 'error'> & {
  readonly stage: string
}

/** Reads what `stage_finished` says; undefined for what no stage says. */
export function stageEvent(value: Json | undefined): StageEvent | undefined {
  const { stage, ok, failure, exit_code, duration, log, error } = objectOf(value)
  if (typeof stage !== 'string') return undefined
  return {
    stage,
    ok: ok === true,
    failure: failureOf(failure),
    exit_code: numberOf(exit_code) ?? null,
    duration: numberOf(duration) ?? 0,
    log: textOf(log) ?? null,
    error: textOf(error) ?? null,
  }
}
