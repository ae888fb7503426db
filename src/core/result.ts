import { turnWord } from './human.ts'
import type { Json, JsonObject } from './json.ts'
import { listOf, numberOf, objectOf, textOf } from './peek.ts'
import type { RunRecord } from './ports.ts'
import { questionsOf } from './progress.ts'
import { tickLines } from './triage/text.ts'
import type { TickResult } from './triage/tick.ts'
import type { RunView } from './view-types.ts'

/** A run record that may have been found left behind by a dead driver. */
export type MaybeRehydrated = RunRecord & { readonly rehydrated?: true }

/** What a run changed, and where. Absent `branch`: no isolation. */
export interface WorkspaceResult {
  readonly path: string
  readonly branch: string | null
  readonly changed_files: readonly string[]
  /** How many, where the list is cut. */
  readonly changed_count?: number
  readonly checkpoints: readonly { readonly iteration: number; readonly commit: string }[]
}

/** What a run came to: the shape clients know, and what loopwright adds. Plain JSON. */
export interface RunResult {
  readonly run_id: string
  readonly status: string
  readonly completed: boolean
  readonly iterations: number
  readonly stop_reason: string
  readonly final_output: string
  /** One line. */
  readonly summary: string
  readonly history: readonly Json[]
  readonly spend: {
    readonly agent_calls: number
    readonly tokens: number
    readonly cost_usd: number
    readonly iterations: number
    /** Seconds a driver worked on it; waiting does not count. */
    readonly active_seconds: number
  }
  /** Present when the run worked in a worktree of its own. */
  readonly worktree?: WorkspaceResult
  readonly workspace: WorkspaceResult | null
  /** Open questions, and the id that answers go to, of a run that waits for a person. */
  readonly questions?: readonly Json[]
  readonly token?: string
  readonly error?: JsonObject
  /** Why a loop that only failed again and again goes no further, and what a person can do. */
  readonly blocked?: JsonObject
  /** The metric of a repair round by round; null where it was not measured. */
  readonly trajectory?: readonly Json[]
  /** What the loops of a run of several came to. */
  readonly runs?: readonly Json[]
  /** What a tick of a triage loop did: a `TickResult`. */
  readonly tick?: JsonObject
  readonly rehydrated?: true
}

/**
 * A run whose driver died, as people shall see it: paused because it was interrupted. Any other run comes back as it is.
 *
 * @param interrupted what `Runs.interrupted(run)` says
 */
export function rehydrate(run: RunRecord, interrupted: boolean): MaybeRehydrated {
  return interrupted ? { ...run, status: 'paused', reason: 'interrupted', rehydrated: true } : run
}

/**
 * What a run came to so far, whatever its status. `run` is its row (see `rehydrate`), `view` the fold of its journal.
 *
 * @param value the result, when it was too large for the journal (`view.resultRef`) and the caller has fetched it
 */
export function runResult(
  view: RunView,
  run: MaybeRehydrated,
  value: Json | undefined = resultOf(view, run),
): RunResult {
  const own = objectOf(value)
  const shaped = typeof own.completed === 'boolean'
  const completed = run.status === 'done' && (!shaped || own.completed === true)
  const workspace = workspaceOf(view)
  const facts = {
    completed,
    iterations: (shaped ? numberOf(own.iterations) : undefined) ?? view.iteration,
    stop_reason: stopReason(view, run, own),
  }
  const ask = run.status === 'waiting' ? view.asks[0] : undefined
  return {
    run_id: run.id,
    status: run.status,
    ...facts,
    final_output: outputOf(run, own, value),
    summary: summaryOf(run, facts, workspace),
    history: shaped ? listOf(own.history) : [],
    spend: {
      agent_calls: view.spend.agentCalls,
      tokens: view.spend.tokens,
      cost_usd: view.spend.microUsd / 1_000_000,
      iterations: view.spend.iterations,
      active_seconds: run.activeMs / 1000,
    },
    ...(workspace && view.workspace?.isolated ? { worktree: workspace } : {}),
    workspace: workspace ?? null,
    ...(ask ? { questions: view.asks.flatMap((one) => questionsOf(one.request)), token: ask.id } : {}),
    ...(run.status === 'failed' && view.error ? { error: { ...view.error } } : {}),
    ...(run.status === 'done' && own.blocked !== undefined ? { blocked: objectOf(own.blocked) } : {}),
    ...(shaped && Array.isArray(own.trajectory) ? { trajectory: own.trajectory } : {}),
    ...(shaped && Array.isArray(own.runs) ? { runs: own.runs } : {}),
    ...(isTick(run, own) ? { tick: own } : {}),
    ...(run.rehydrated ? { rehydrated: true } : {}),
  }
}

/**
 * The exit code that tells a script how the run stands: 0 done, 1 stopped by a guard or a person (or not over yet), 2 an error,
 * 3 waiting for an answer, 130 interrupted.
 *
 * @param value the result, when it was too large for the journal and the caller has fetched it
 */
export function exitCode(run: RunRecord, value: Json | undefined = run.result): 0 | 1 | 2 | 3 | 130 {
  switch (run.status) {
    case 'done': {
      const { completed, stop_reason } = objectOf(value)
      if (completed !== false) return 0
      if (stop_reason === 'needs_input') return 3
      return textOf(stop_reason)?.endsWith('_error') ? 2 : 1
    }
    case 'failed':
    case 'killed':
      return 2
    case 'waiting':
      return run.reason === undefined || run.reason === 'input' || run.reason === 'message' ? 3 : 1
    case 'paused':
      return run.reason === 'interrupted' ? 130 : 1
    default:
      return 1
  }
}

/** What `status.json` holds, and what status commands print. Times are seconds since 1970. */
export interface RunStatusFacts {
  readonly run_id: string
  readonly run_dir: string | null
  readonly running: boolean
  readonly status: string
  readonly phase: string
  readonly iteration: number
  /** Lines in `events.jsonl`. */
  readonly events: number
  /** The last of them: the cursor to read on from. */
  readonly seq: number
  readonly started_at: number | null
  readonly updated_at: number
  readonly completed: boolean
  /** Null while the run is on its way. */
  readonly stop_reason: string | null
  readonly rehydrated?: true
}

/** How a run stands. Without its row the view alone decides. */
export function statusFacts(
  view: RunView,
  run: MaybeRehydrated | undefined,
  folder: { readonly path: string | null; readonly events: number; readonly seq: number },
): RunStatusFacts {
  const status = run?.status ?? view.status
  const value = run ? resultOf(view, run) : view.result
  const over = status !== 'running' && status !== 'queued'
  const at: Pick<RunRecord, 'status' | 'reason'> = run ?? {
    status: view.status,
    ...(view.reason === undefined ? {} : { reason: view.reason }),
  }
  return {
    run_id: view.id,
    run_dir: folder.path,
    running: status === 'running',
    status,
    phase: view.phase ?? status,
    iteration: view.iteration,
    events: folder.events,
    seq: folder.seq,
    started_at: view.startedAt === undefined ? null : view.startedAt / 1000,
    updated_at: view.updatedAt / 1000,
    completed: status === 'done' && objectOf(value).completed !== false,
    stop_reason: over ? stopReason(view, at, objectOf(value)) : null,
    ...(run?.rehydrated ? { rehydrated: true } : {}),
  }
}

/** What the run has to say, for people. */
function outputOf(run: RunRecord, own: JsonObject, value: Json | undefined): string {
  if (isTick(run, own)) return tickLines(own as unknown as TickResult).join('\n')
  return 'final_output' in own ? asText(own.final_output) : asText(value)
}

function isTick(run: RunRecord, own: JsonObject): boolean {
  return run.kind === 'triage' && 'outcome' in own
}

/** The loop's own value: of a run that is done, what it returned; else what it reported last. The row holds it, however large. */
function resultOf(view: RunView, run: RunRecord): Json | undefined {
  return run.result ?? view.result
}

function stopReason(view: RunView, run: Pick<RunRecord, 'status' | 'reason'>, own: JsonObject): string {
  switch (run.status) {
    case 'done':
      return textOf(own.stop_reason) ?? run.reason ?? 'done'
    case 'paused':
      return 'interrupted'
    case 'waiting':
      return view.asks.length > 0 ? 'needs_input' : `waiting (${run.reason ?? 'input'})`
    case 'failed': {
      const said = textOf(own.stop_reason)
      if (said?.endsWith('_error')) return said
      // An agent that cannot work at all: not logged in, or not installed.
      const noAgent = view.error?.code === 'agent_auth' || view.error?.code === 'missing_tool'
      if (noAgent) return view.phase === 'intake' ? 'intake_agent_error' : 'loop_agent_error'
      return 'run_error'
    }
    case 'stopped':
      return run.reason ?? 'stopped'
    default:
      return run.status
  }
}

function workspaceOf(view: RunView): WorkspaceResult | undefined {
  if (!view.workspace) return undefined
  return {
    path: view.workspace.path,
    branch: view.workspace.branch ?? null,
    changed_files: view.changedFiles,
    ...(view.changedCount > view.changedFiles.length ? { changed_count: view.changedCount } : {}),
    checkpoints: view.checkpoints.map(({ iteration, commit }) => ({ iteration, commit })),
  }
}

function summaryOf(
  run: RunRecord,
  facts: { readonly completed: boolean; readonly iterations: number; readonly stop_reason: string },
  workspace: WorkspaceResult | undefined,
): string {
  const word = facts.completed
    ? 'completed in'
    : `${run.status === 'done' ? 'ended' : (words[run.status] ?? run.status)} after`
  const files = workspace?.changed_count ?? workspace?.changed_files.length ?? 0
  const detail = run.status === 'failed' && run.reason ? `: ${run.reason}` : ''
  const parts = [`${word} ${facts.iterations} ${turnWord(run.kind)}(s)`, `reason: ${facts.stop_reason}${detail}`]
  if (workspace?.branch) parts.push(`worktree ${workspace.branch} (${files} file${files === 1 ? '' : 's'} changed)`)
  const line = parts.join(' | ').replace(/\s+/g, ' ')
  return line.length <= 400 ? line : `${line.slice(0, 399)}…`
}

const words: Readonly<Record<string, string>> = { paused: 'interrupted', waiting: 'waiting' }

function asText(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
