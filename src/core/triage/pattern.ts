import type { Level } from './level.ts'

/** How often a loop wakes: within a range, from busy to quiet, or at the times of a cron expression. */
export type Cadence =
  | {
      readonly kind: 'range'
      /** As written: `5m-15m`, `1d-2h`, `1d`. */
      readonly text: string
      /** Milliseconds between ticks at the busiest and the quietest; equal when one is given. */
      readonly minMs: number
      readonly maxMs: number
    }
  | {
      readonly kind: 'cron'
      /** Five fields, or six with seconds. */
      readonly text: string
    }

/** Sources of findings by name, as a pattern lists them. */
export const sourceNames = ['git', 'checks', 'todo', 'audit', 'issues', 'pulls', 'ci'] as const
export type SourceName = (typeof sourceNames)[number]

/** What a tick is expected to cost, in tokens. */
export interface PatternCost {
  /** A tick that finds nothing. */
  readonly tokensNoop: number
  /** A tick that reports. */
  readonly tokensReport: number
  /** A tick that acts. */
  readonly tokensAction: number
  /** The share of a prompt that stays the same from tick to tick, and can be cached; 0 to 1. */
  readonly stableFraction: number
  /** Tokens per UTC day. */
  readonly suggestedDailyCap: number
  /** A tick that finds nothing must call no agent. */
  readonly earlyExitRequired: boolean
}

/** What a triage loop does and how often: an entry of a registry, or one that comes with loopwright. Plain JSON. */
export interface Pattern {
  /** `daily-triage` */
  readonly id: string
  /** `Daily Triage` */
  readonly name: string
  readonly goal: string
  readonly cadence: Cadence
  readonly risk: 'low' | 'medium' | 'high'
  readonly tools: readonly string[]
  readonly skills: readonly string[]
  /** The file that holds what the loop knows, from the top of the project: `STATE.md`. */
  readonly state: string
  readonly phases: readonly string[]
  /** What always needs a human, in words: `design-decisions`. */
  readonly humanGates: readonly string[]
  readonly weekOneMode: Level
  readonly tokenCost: 'low' | 'medium' | 'high' | 'very-high'
  readonly cost: PatternCost
  /** Where it looks; a registry that does not say gets what fits the id, else all. */
  readonly sources: readonly SourceName[]
  /** Of several loops that are due at once the lowest goes first. */
  readonly priority: number
  /** The page that describes it, and what to start from, as the registry names them. */
  readonly file?: string
  readonly starter?: string
  /** Where it was read: the registry's path, or absent for one that comes with loopwright. */
  readonly origin?: string
}
