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
  | 'hooks'
>

/** How a run of any kind works with agents and its workspace. The spec of a goal and of a repair holds it; other loops have it beside their spec. */
export type RunSettings = { readonly [K in keyof Shared]?: Shared[K] | undefined } & {
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

const noHooks = { beforeWorker: [], afterWorker: [] }

/** The settings of a run, from where its kind keeps them. */
export function settingsOf(run: Pick<RunRecord, 'kind' | 'spec' | 'meta'>): RunSettings {
  if (run.kind === 'repair') {
    const spec = run.spec as unknown as RepairSpec
    return { ...spec, hooks: { ...noHooks, ...spec.hooks }, roles: rolesOf(spec) }
  }
  return (run.kind === 'goal' ? run.spec : (run.meta?.settings ?? {})) as RunSettings
}
