import type { App } from '../app.ts'
import type { JsonObject } from '../core/json.ts'
import { objectOf, textOf } from '../core/peek.ts'
import type { RunRecord } from '../core/ports.ts'
import { type EventLine, eventLines } from '../core/progress.ts'
import { type RunResult, rehydrate, statusFacts } from '../core/result.ts'
import { matchRun } from '../core/run-ref.ts'
import { encodeToken } from '../core/token.ts'
import { emptyView, reduce } from '../core/view.ts'
import type { Shown } from '../core/where.ts'
import { tickResultOf } from './triage/memory.ts'

/** The run somebody means: an id, a beginning or an end of one, or `last`. Throws `not_found` and, where several fit, `bad_input`. */
export async function findRun(app: App, reference: string): Promise<RunRecord> {
  const exact = /^[\w.-]+$/.test(reference) ? await app.store.getRun(reference) : undefined
  if (exact) return exact
  const runs = await app.runs.list()
  // The attempts of a run are its own affair: `last` is what the person started.
  const ids = (reference.toLowerCase() === 'last' ? runs.filter((run) => !run.parent) : runs).map((run) => run.id)
  return await app.runs.get(matchRun(reference, ids))
}

/** True while a run moves by itself: it has, or will have, a driver. */
export function isUnderWay(app: App, run: RunRecord): boolean {
  if (run.status === 'waiting') return run.reason !== 'input'
  return (run.status === 'running' || run.status === 'queued') && !app.runs.interrupted(run)
}

/** A run as lists show it. */
export function shownOf(app: App, run: RunRecord): Shown {
  return { ...run, status: app.runs.interrupted(run) ? 'interrupted' : run.status }
}

/** A run as one entry of a list, for programs. Times are seconds since 1970. */
export function listFacts(run: Shown) {
  return {
    run_id: run.id,
    status: run.status,
    reason: run.reason ?? null,
    loop: run.loop,
    goal: titleOf(run),
    project: run.project,
    labels: run.labels,
    created_at: run.createdAt / 1000,
    updated_at: run.updatedAt / 1000,
    ...(run.parent ? { parent: run.parent.run } : {}),
  }
}

/** What a run is called in a list. */
export function titleOf(run: Shown): string {
  const { name, goal } = objectOf(run.spec)
  return textOf(name) ?? textOf(goal) ?? run.loop
}

/** How a run stands, for programs. */
export async function statusOf(app: App, run: RunRecord) {
  const view = await app.view(run.id)
  const shown = rehydrate(run, app.runs.interrupted(run))
  const tick = run.kind === 'triage' ? tickResultOf(run) : undefined
  return {
    ...statusFacts(view, shown, { path: app.runFolder(run), events: view.seq, seq: view.seq }),
    spend: view.spend,
    caps: view.caps,
    asks: view.asks,
    workspace: view.workspace ?? null,
    ...(tick === undefined ? {} : { tick }),
  }
}

/** What a run came to, for programs: with a token that answers its open questions. */
export function resultJson(result: RunResult): RunResult {
  return result.token === undefined
    ? result
    : { ...result, token: encodeToken({ run: result.run_id, ask: result.token }) }
}

/** The lines of a run's event stream behind `cursor`, at most `limit`, and whether there are more. */
export async function eventsAfter(
  app: App,
  run: RunRecord,
  cursor: number,
  limit: number,
): Promise<{ readonly events: readonly EventLine[]; readonly cursor: number; readonly more: boolean }> {
  const events: EventLine[] = []
  let view = emptyView(run)
  for (const event of await app.runs.events(run.id)) {
    view = reduce(view, event)
    if (event.seq > cursor) events.push(...eventLines(view, event))
  }
  const page = events.slice(0, limit)
  const more = events.length > page.length
  // Nothing is shown of some events: a reader who has seen all need not look at them again.
  return { events: page, cursor: more ? (page.at(-1)?.seq ?? cursor) : Math.max(cursor, view.seq), more }
}

/**
 * Resolves when a run no longer moves by itself (it is over, stopped, paused, or waits for answers), or the signal is aborted.
 * Nothing of the run depends on it.
 */
export async function untilStill(app: App, id: string, signal: AbortSignal): Promise<void> {
  for await (const event of app.runs.watch(id, { signal })) {
    if (event.kind === 'run_suspended' && !isUnderWay(app, await app.runs.get(id))) return
  }
}

/** The agents of this machine, and which one is taken where nobody names one. */
export async function backendFacts(app: App): Promise<JsonObject> {
  const all = await app.agents.list()
  const backends = Object.fromEntries(
    all.map(({ name, ...rest }): [string, JsonObject] => [name, { ...rest } as never]),
  )
  let found: string | null = null
  try {
    found = app.agents.choose().name
  } catch {
    // None is installed.
  }
  return { backends, default: app.config.agent ?? 'auto', resolved_default: found }
}
