import type { RunRecord } from './ports.ts'
import type { GoalSpec } from './spec/goal.ts'

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

/** How a run of any kind works with agents and its workspace. A goal's spec holds it; other loops have it beside their spec. */
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

/** The settings of a run, from where its kind keeps them. */
export function settingsOf(run: Pick<RunRecord, 'kind' | 'spec' | 'meta'>): RunSettings {
  return (run.kind === 'goal' ? run.spec : (run.meta?.settings ?? {})) as RunSettings
}
