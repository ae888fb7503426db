import type { Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { Discovery } from '../../core/triage/finding.ts'
import type { DeskWiring } from './wiring.ts'

/** Asks the sources of a pattern what they see. */
export function lookerOf(
  _wiring: DeskWiring,
  _spec: TriageSpec,
  _workspace: () => Promise<Workspace>,
): (signal: AbortSignal) => Promise<Discovery & { readonly pausedBy?: string }> {
  return async () => ({ findings: [], skipped: [] })
}
