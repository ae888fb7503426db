/** What changes may do without a human: `gate.yaml`. Globs are relative to the top of the repository. Plain JSON. */
export interface GatePolicy {
  /** A change of one of these always goes to a human. */
  readonly denylist: readonly string[]
  /** More changed files than this go to a human. */
  readonly maxFiles: number
  /** More lines added and removed than this go to a human; absent: any number. */
  readonly maxLines?: number | undefined
  /** What may be merged without a human: every changed file must fit one. Empty: nothing is merged by itself. */
  readonly autoMergeAllowlist: readonly string[]
  /** Where it was read; absent: the default. */
  readonly origin?: string | undefined
}

/** What somebody wants to do with a change. */
export type GateAction = 'commit' | 'merge' | 'auto-merge'

/** Why a gate decided so; the first that fits, in this order. */
export type GateTrigger =
  | 'protected'
  /** A path that is not understood, or none at all. */
  | 'unclear'
  | 'denylist'
  | 'risk'
  | 'max_files'
  | 'max_lines'
  | 'attempts'
  | 'allowlist'
  | 'patch'
  | 'ok'

/** Changes that a human always decides about, whatever the policy says. */
export const riskClasses = ['security', 'payments', 'infrastructure', 'dependencies'] as const
export type RiskClass = (typeof riskClasses)[number]

/** What a gate says of a change. `escalate`: a human decides; `deny`: nobody may, without changing the policy first. */
export interface GateRuling {
  readonly decision: 'allow' | 'escalate' | 'deny'
  readonly trigger: GateTrigger
  /** For people, one line. */
  readonly reason: string
  readonly matchedPaths: readonly string[]
  readonly risks: readonly RiskClass[]
}

/** What a gate looks at. */
export interface GateQuestion {
  readonly action: GateAction
  /** Changed files, added, removed and renamed ones with both names; from the top of the repository. */
  readonly paths: readonly string[]
  /** Lines added and removed in all. */
  readonly lines?: number
  /** How often this item was tried before. */
  readonly attempts?: number
  /** At most so many tries; 3 by default. */
  readonly maxAttempts?: number
  /** Files the loop keeps itself besides those every loop has, from the top of the repository: a pattern's state file. */
  readonly own?: readonly string[]
}
