import type { JournalEvent } from '../../core/event.ts'
import { numberOf, objectOf, textOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'
import type { CommandProgress, CommandResult, RunRecord } from '../../core/ports.ts'
import type { RunView } from '../../core/view.ts'
import {
  blockedOf,
  type Heartbeat,
  type HeartbeatMetric,
  type LoopState,
  type StageEvent,
  stageEvent,
} from './heartbeat.ts'

/** A step is as usual while it takes at most so many times its median, and so many seconds more. */
const usual = { times: 3, seconds: 5 }
/** Over how long a speed is taken, in milliseconds. */
const speedMs = 5_000
/** How many durations of a stage are remembered. */
const mostDurations = 50

/** What is told of a stage's command: before, while and after it runs. */
export interface CommandNews {
  readonly state: 'starting' | 'running' | 'ended'
  /** The stage. */
  readonly name: string
  readonly iteration: number
  /** For people. */
  readonly command: string
  readonly outputPath?: string
  readonly progress?: CommandProgress
  readonly result?: Pick<CommandResult, 'exitCode' | 'failure' | 'duration' | 'error'>
}

/** Something that runs: a command as its observer tells, or a stage that an agent or a browser performs. */
interface Running {
  readonly step: string
  readonly round: number
  readonly since: number
  readonly command: string | null
  readonly log: string | null
  readonly pid: number | null
  /** It tells itself how much it printed. */
  readonly told: boolean
  /** When it had printed how much: milliseconds and bytes. */
  readonly printed: readonly (readonly [at: number, bytes: number])[]
}

/** Follows a run, and says at any moment how it stands. */
export class Pulse {
  #view: RunView | undefined
  #record: RunRecord
  readonly #driver: Heartbeat['driver']
  #running: Running | undefined
  #last: (StageEvent & { readonly round: number }) | undefined
  readonly #latest = new Map<string, StageEvent>()
  readonly #durations = new Map<string, readonly number[]>()
  #verify: Heartbeat['verify'] = null
  #metric: HeartbeatMetric | null = null
  #target: number | null
  #failures = 0
  #blocked: Heartbeat['blocked'] = null
  #log: string | null = null

  constructor(run: RunRecord, driver: Heartbeat['driver']) {
    this.#record = run
    this.#driver = { pid: driver.pid, started: driver.started, host: driver.host }
    this.#target = numberOf(objectOf(objectOf(run.spec).baseline).value) ?? null
  }

  /** Whether somebody works on the run now. */
  get active(): boolean {
    return this.#running !== undefined || this.#view?.status === 'running'
  }

  /** The log whose size tells how much was printed, where nobody else does. */
  get quietLog(): string | null {
    return this.#running === undefined || this.#running.told ? null : this.#running.log
  }

  /** A log that something is about to be printed into. */
  opened(path: string): void {
    this.#log = path
    const running = this.#running
    if (running?.command === null) this.#running = { ...running, log: path }
  }

  onCommand(facts: CommandNews, now: number): void {
    const { state, name, iteration, command, outputPath, progress } = facts
    if (state === 'ended') {
      this.#running = undefined
      return
    }
    const known = this.#running
    const same = known?.step === name && known.command === command ? known : undefined
    this.#running = {
      step: name,
      round: iteration,
      since: same?.since ?? now - (progress?.elapsedMs ?? 0),
      command,
      log: outputPath ?? null,
      pid: progress?.pid ?? same?.pid ?? null,
      told: progress !== undefined || same?.told === true,
      printed: same?.printed ?? [[now, 0]],
    }
    this.#log = outputPath ?? this.#log
    if (progress !== undefined) this.printed(progress.bytes, now)
  }

  /** What runs has printed so many bytes in all. */
  printed(bytes: number, now: number): void {
    const running = this.#running
    if (running === undefined) return
    const before = running.printed.findLastIndex(([at]) => at <= now - speedMs)
    const kept = running.printed.slice(Math.max(0, before))
    this.#running = { ...running, printed: [...kept, [now, bytes]] }
  }

  onEvent(view: RunView, event: JournalEvent): void {
    this.#view = view
    if (event.kind !== 'emitted') return
    const data = objectOf(event.data)
    switch (event.name) {
      case 'stage_started': {
        const stage = textOf(data.stage)
        // A command tells of itself; of what an agent or a browser does the journal alone knows.
        if (stage !== undefined && !this.#running?.command)
          this.#running = {
            step: stage,
            round: view.iteration,
            since: event.ts,
            command: null,
            log: null,
            pid: null,
            told: false,
            printed: [[event.ts, 0]],
          }
        return
      }
      case 'stage_finished': {
        const stage = stageEvent(event.data)
        if (stage !== undefined) this.#finished(stage, view.iteration)
        return
      }
      case 'metric':
        this.#metric = {
          metric: textOf(data.name) ?? 'metric',
          value: numberOf(data.value) ?? null,
          target: this.#target,
          wanted: textOf(data.wanted) ?? '',
          best: numberOf(data.best) ?? null,
          ok: data.ok === true,
        }
        return
      case 'round_finished':
        this.#failures = numberOf(objectOf(data.item).consecutive_failures) ?? this.#failures
        return
      case 'blocked':
        this.#blocked = blockedOf(event.data)
        return
      default:
    }
  }

  /** The run as its row has it, when it was let go. */
  released(view: RunView, run: RunRecord): void {
    this.#view = view
    this.#record = run
    this.#running = undefined
  }

  /** How it stands. `gone`: this process leaves the run without having let it go. */
  heartbeat(now: number, gone = false): Heartbeat {
    const view = this.#view
    const status = this.#status(gone)
    const on = status === 'running' || status === 'starting' ? this.#running : undefined
    const elapsed = on === undefined ? null : Math.max(0, now - on.since) / 1000
    const median = on === undefined ? undefined : this.#median(on.step)
    const late = elapsed !== null && median !== undefined && elapsed > median * usual.times + usual.seconds
    return {
      status,
      reason: this.#reason(status),
      run_id: this.#record.id,
      round: Math.max(view?.iteration ?? 0, on?.round ?? 0),
      total_rounds: view?.caps.iterations ?? this.#record.caps?.iterations ?? null,
      step: on?.step ?? this.#last?.stage ?? null,
      pid: on?.pid ?? null,
      command: on === undefined ? null : oneLine(on.command ?? this.#agent(), 1_000),
      log_path: on?.log ?? this.#log ?? this.#last?.log ?? null,
      started_at: on === undefined ? null : new Date(on.since).toISOString(),
      elapsed_seconds: elapsed === null ? null : round(elapsed),
      speed: on === undefined ? null : speedOf(on.printed, now),
      eta_seconds: elapsed === null || median === undefined ? null : round(Math.max(0, median - elapsed)),
      normal: !late && ![...this.#latest.values()].some(({ failure }) => failure !== null),
      last_error: this.#lastError(status),
      last: this.#lastStage(),
      verify: this.#verify,
      baseline: this.#metric,
      consecutive_failures: this.#failures,
      blocked: status === 'blocked' ? this.#blocked : null,
      driver: this.#driver,
      updated_at: new Date(now).toISOString(),
    }
  }

  #finished(stage: StageEvent, iteration: number): void {
    // The journal is read a little later: the next command may run already.
    if (this.#running?.command === null) this.#running = undefined
    this.#last = { ...stage, round: iteration }
    // The latest is put last.
    this.#latest.delete(stage.stage)
    this.#latest.set(stage.stage, stage)
    if (stage.stage === 'verify') this.#verify = { ok: stage.ok, round: iteration, error: stage.error }
    if (stage.failure !== null) return
    const before = this.#durations.get(stage.stage) ?? []
    this.#durations.set(stage.stage, [...before, stage.duration].slice(-mostDurations))
  }

  #median(step: string): number | undefined {
    const sorted = [...(this.#durations.get(step) ?? [])].sort((a, b) => a - b)
    const low = sorted[Math.floor((sorted.length - 1) / 2)]
    const high = sorted[Math.floor(sorted.length / 2)]
    return low === undefined || high === undefined ? undefined : (low + high) / 2
  }

  #status(gone: boolean): LoopState {
    const status = this.#view?.status ?? this.#record.status
    if (status === 'queued') return gone ? 'interrupted' : 'starting'
    if (status === 'running') return gone ? 'interrupted' : 'running'
    if (status !== 'done') return status
    const result = objectOf(this.#view?.result ?? this.#record.result)
    if (result.completed === true) return 'complete'
    this.#blocked ??= blockedOf(result.blocked)
    return result.stop_reason === 'blocked' || this.#blocked !== null ? 'blocked' : 'stopped'
  }

  #reason(status: LoopState): string | null {
    if (status === 'running' || status === 'starting') return null
    const reason = this.#view?.reason ?? this.#record.reason ?? null
    return reason === 'done' ? null : reason
  }

  #agent(): string {
    const at = this.#view?.workers.findLast((one) => one.state === 'running')
    if (at === undefined) return 'no command of its own'
    return `agent ${at.agent ?? '?'} as ${at.role}`
  }

  #lastError(status: LoopState): string | null {
    if (status === 'blocked' && this.#blocked !== null) return oneLine(this.#blocked.reason, 1_000)
    if (this.#view?.error !== undefined) return oneLine(this.#view.error.message, 1_000)
    const failed = [...this.#latest.values()].findLast(({ ok }) => !ok)
    return failed === undefined ? null : oneLine(`${failed.stage}: ${failed.error ?? 'failed'}`, 1_000)
  }

  #lastStage(): Heartbeat['last'] {
    const last = this.#last
    if (last === undefined) return null
    const { stage, ok, failure, exit_code, duration, log } = last
    return { step: stage, ok, failure, exit_code, duration_seconds: duration, log_path: log }
  }
}

/** What was printed since the window began, by the last that was known then. */
function speedOf(printed: Running['printed'], now: number): number {
  const first = printed.findLast(([at]) => at <= now - speedMs) ?? printed[0]
  const last = printed.at(-1)
  if (first === undefined || last === undefined) return 0
  const seconds = (now - Math.max(first[0], now - speedMs)) / 1000
  return seconds <= 0 ? 0 : Math.max(0, Math.round((last[1] - first[1]) / seconds))
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
