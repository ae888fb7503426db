import type { Caps } from '../core/budget.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { JournalEvent } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Blobs, RunRecord, Store } from '../core/ports.ts'

export interface ForkOptions {
  /** Caps of the new run; those of the old one by default. What the old one spent is not counted again. */
  readonly caps?: Caps
  readonly meta?: JsonObject
}

/**
 * Makes a run that begins where iteration `at` of another began: the journal up to there is copied, and its workspace starts at
 * the checkpoint before. Rejects with `bad_input` when there is no such iteration.
 */
export async function forkRun(
  world: { readonly store: Store; readonly blobs: Blobs },
  from: { readonly run: RunRecord; readonly at: number; readonly id: string },
  options: ForkOptions,
): Promise<void> {
  const { store, blobs } = world
  const { run, at, id } = from
  const events = await store.read(run.id)
  const start = events.find((event) => event.kind === 'iteration_started' && event.iteration === at)
  if (!start) throw noSuchIteration(run.id, at, events)
  const before = events.filter((event) => event.seq < start.seq)
  const commit = before.map(checkpointOf).findLast(isText) ?? before.map(baseOf).find(isText)
  const caps = options.caps ?? run.caps
  await store.createRun({
    id,
    loop: run.loop,
    kind: run.kind,
    version: run.version,
    spec: run.spec,
    labels: { ...run.labels, 'forked-from': run.id },
    project: run.project,
    scopes: [`run:${id}`, ...run.scopes.slice(1)],
    meta: {
      ...run.meta,
      ...options.meta,
      forkedFrom: run.id,
      ...(commit === undefined ? {} : { base: commit, basedOn: run.id }),
    },
    ...(caps ? { caps } : {}),
  })
  // The files first: a journal must never name one that is not there.
  for (const event of before) {
    if ('ref' in event && event.ref) await blobs.put(id, await blobs.get(run.id, event.ref))
  }
  await store.copyJournal(run.id, id, start.seq - 1)
}

function noSuchIteration(run: string, at: number, events: readonly JournalEvent[]): LoopwrightError {
  const last = events.findLast((event) => event.kind === 'iteration_started')
  return new LoopwrightError('bad_input', `run '${run}' has no iteration ${at}`, {
    hint: last?.kind === 'iteration_started' ? `--at takes 1 to ${last.iteration}` : 'it never began one',
  })
}

/** The commit a run's workspace began at. */
function baseOf(event: JournalEvent): string | undefined {
  if (event.kind !== 'step_settled' || event.effect !== 'workspace') return undefined
  return (event.value as { readonly base?: string } | undefined)?.base
}

/** The commit that a checkpoint made. */
function checkpointOf(event: JournalEvent): string | undefined {
  if (event.kind !== 'step_settled' || event.effect !== 'checkpoint') return undefined
  return (event.value as { readonly commit?: string } | undefined)?.commit
}

function isText(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}
