import type { JsonObject } from '../../core/json.ts'
import type { AgentRequest } from '../../core/ports.ts'

/** What a scripted agent knows of a call. */
export interface Facts {
  /** The role under its one name: `orchestrator` is a decomposer, `subagent` a worker. */
  readonly role: string
  readonly iteration: number | undefined
  /** What else is known of the call. */
  readonly context: JsonObject
  readonly subgoal: { readonly id: string; readonly description: string } | undefined
}

const sameRole: Readonly<Record<string, string>> = { orchestrator: 'decomposer', subagent: 'worker' }

/** The one name of a role that had another before. */
export function roleName(role: string): string {
  return sameRole[role] ?? role
}

/** Reads the facts from a request's context. */
export function factsOf(request: AgentRequest): Facts {
  const { iteration, subgoal, subgoal_id: oldId } = request.context ?? {}
  const fields = typeof subgoal === 'object' && subgoal !== null && !Array.isArray(subgoal) ? subgoal : undefined
  const { id, description } = (fields ?? {}) as { readonly id?: unknown; readonly description?: unknown }
  const known = typeof id === 'string' ? id : typeof oldId === 'string' ? oldId : undefined
  return {
    role: roleName(request.role),
    context: request.context ?? {},
    iteration: typeof iteration === 'number' ? iteration : undefined,
    subgoal:
      known === undefined
        ? undefined
        : { id: known, description: typeof description === 'string' ? description : known },
  }
}
