import type { RunRecord, Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { TickDraft } from '../../core/triage/tick.ts'
import type { DeskWiring } from './wiring.ts'

/** Pushes a tick's branch and opens a pull request for it. */
export function proposer(
  _wiring: DeskWiring,
  _run: RunRecord,
  _spec: TriageSpec,
  _workspace: () => Promise<Workspace>,
): (result: TickDraft, signal: AbortSignal) => Promise<{ readonly url: string } | { readonly why: string }> {
  return async () => ({ why: 'no forge is known' })
}
