import type { JsonObject } from '../core/json.ts'
import { objectOf, textOf } from '../core/peek.ts'
import type { RunRecord } from '../core/ports.ts'

/** What `meta.json` tells of a run: what was asked for. */
export function metaOf(run: RunRecord): JsonObject {
  const spec = objectOf(run.spec)
  const meta = run.meta ?? {}
  const budget = objectOf(spec.budget)
  const isolation = textOf(meta.isolation) ?? textOf(spec.isolation)
  return {
    run_id: run.id,
    goal: textOf(spec.goal) ?? null,
    success_criteria: spec.criteria ?? [],
    backend: textOf(meta.agent) ?? textOf(spec.agent) ?? null,
    cwd: run.project,
    max_iterations: run.caps?.iterations ?? budget.iterations ?? null,
    isolate: isolation === undefined ? null : isolation === 'worktree',
    loop: run.loop,
    kind: run.kind,
    version: run.version,
    labels: { ...run.labels },
    created_at: run.createdAt / 1000,
    caps: { ...run.caps },
    parent: run.parent ? { ...run.parent } : null,
    forked_from: textOf(meta.forkedFrom) ?? null,
  }
}
