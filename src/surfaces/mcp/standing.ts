import type { App } from '../../app.ts'
import type { JournalEvent } from '../../core/event.ts'
import type { RunRecord } from '../../core/ports.ts'
import { type RunResult, runResult } from '../../core/result.ts'
import { emptyView, fold } from '../../core/view.ts'
import type { RunView } from '../../core/view-types.ts'

/**
 * A task: the work on a run behind one of its events, until it stops moving. What was over stays over: a run that is taken up again
 * is another task.
 */
export interface TaskRef {
  readonly run: string
  /** The seq of the event it begins behind; 0: it began the run. */
  readonly from: number
}

/** The id of a task: that of its run, and where it begins if the run was there before. */
export function taskIdOf({ run, from }: TaskRef): string {
  return from === 0 ? run : `${run}~${from}`
}

/** Reads the id of a task; undefined for what cannot be one. */
export function readTaskId(id: string): TaskRef | undefined {
  const [, run, from = '0'] = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:~([1-9]\d{0,14}))?$/.exec(id) ?? []
  return run === undefined ? undefined : { run, from: Number(from) }
}

/** How a run stands for a task: as it is now, or as it was when the task was over. */
export interface Standing {
  readonly run: RunRecord
  readonly view: RunView
  readonly result: RunResult
  /** Whether the process that drove it is gone without a word. */
  readonly interrupted: boolean
  /** Whether the run went on since: nothing about it can be changed by this task any more. */
  readonly past: boolean
}

/**
 * How a run stands for one of its tasks; undefined where the run was never so far.
 *
 * @param asks whether a question leaves the task open, or ends it because the client has nobody to ask
 */
export async function standingOf(
  app: App,
  run: RunRecord,
  { from }: TaskRef,
  asks: boolean,
): Promise<Standing | undefined> {
  if (from > run.lastSeq) return undefined
  const events = await app.runs.events(run.id)
  const end = endOf(events, from, asks)
  if (end === undefined || end.seq === events.at(-1)?.seq) {
    const [view, result, interrupted] = [await app.view(run.id), await app.result(run.id), app.runs.interrupted(run)]
    return { run, view, result, interrupted, past: false }
  }
  const view = fold(
    emptyView(run),
    events.filter(({ seq }) => seq <= end.seq),
  )
  const { result: _, wakeAt: _w, reason: _r, ...row } = run
  const { status, reason } = view
  const then = { ...row, status, updatedAt: end.ts, lastSeq: end.seq, ...(reason === undefined ? {} : { reason }) }
  return { run: then, view, result: runResult(view, then), interrupted: status === 'running', past: true }
}

/** The event with which the work behind `from` was over; undefined while it goes on. */
function endOf(events: readonly JournalEvent[], from: number, asks: boolean): JournalEvent | undefined {
  let last: JournalEvent | undefined
  for (const event of events) {
    if (event.seq <= from) continue
    // Somebody took it over whose driver said nothing: that was an end too.
    if (event.kind === 'run_claimed' && last !== undefined && last.kind !== 'run_suspended') return last
    if (ends.includes(event.kind)) return event
    if (event.kind === 'run_suspended' && event.reason === 'input' && !asks) return event
    last = event
  }
  return undefined
}

const ends: readonly JournalEvent['kind'][] = [
  'run_paused',
  'run_stopped',
  'run_error',
  'run_failed',
  'run_finished',
  'run_cancelled',
  'run_killed',
]
