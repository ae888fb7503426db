import type { RunRecord } from './ports.ts'
import type { GoalSpec } from './spec/goal.ts'
import { type RepairSpec, rolesOf } from './spec/repair.ts'

type Shared = Pick<
  GoalSpec,
  | 'agent'
  | 'model'
  | 'agentCommand'
  | 'agentProtocol'
  | 'fallback'
  | 'timeout'
  | 'stall'
  | 'retries'
  | 'isolation'
  | 'cleanup'
  | 'base'
  | 'skipPermissions'
  | 'approvals'
  | 'sandbox'
  | 'workspace'
>

/** How a run of any kind works with agents and its workspace. The spec of a goal and of a repair holds it; other loops have it beside their spec. */
export type RunSettings = { readonly [K in keyof Shared]?: Shared[K] | undefined } & {
  readonly hooks?: Partial<GoalSpec['hooks']> | undefined
  readonly roles?: Readonly<
    Record<
      string,
      | {
          agent?: string | undefined
          model?: string | undefined
          instructions?: string | undefined
          fallback?: string | undefined
        }
      | undefined
    >
  >
}

/** The settings of a run, from where its kind keeps them. */
export function settingsOf(run: Pick<RunRecord, 'kind' | 'meta'> & { readonly spec: unknown }): RunSettings {
  if (run.kind === 'repair') {
    const spec = run.spec as RepairSpec
    return { ...spec, roles: rolesOf(spec) }
  }
  const own = run.kind === 'goal' || run.kind === 'triage'
  return (own ? run.spec : (run.meta?.settings ?? {})) as RunSettings
}
