import type { CheckResult } from '../../core/ports.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'
import { aggregate, type ReviewOutcome, type Verdict, type WorkerResult } from '../../core/verdict.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { Subgoal } from './answers.ts'
import { checksOf } from './checks-of.ts'

/** One iteration, in the shape that clients of the result know. */
export type HistoryItem = {
  readonly iteration: number
  readonly subgoals: readonly Subgoal[]
  readonly results: readonly { readonly id: string; readonly ok: boolean; readonly error: string | null }[]
  readonly review: {
    readonly gates_passed: boolean
    readonly goal_complete: boolean
    readonly issues: readonly string[]
  } | null
  readonly verification: readonly CheckResult[]
}

/** What a goal loop returns, or reports so far when a guard stops it. */
export type GoalResult = {
  readonly completed: boolean
  readonly iterations: number
  readonly stop_reason: string
  readonly final_output: string
  readonly history: readonly HistoryItem[]
}

export type Phase = 'intake' | 'decompose' | 'execute' | 'verify' | 'review' | 'done'

/** How much of each check's output is kept in the result; the whole is in its file. */
const keptOutput = 2_000

/** Keeps what the iterations came to, tells people while it happens, and makes the result of it. */
export class History {
  readonly #loop: LoopContext
  #items: HistoryItem[] = []
  #phase: Phase | 'idle' = 'idle'
  #subgoals: readonly Subgoal[] = []
  #results: readonly WorkerResult[] = []
  #checks: readonly CheckResult[] = []

  constructor(loop: LoopContext) {
    this.#loop = loop
  }

  phase(to: Phase): void {
    if (to === this.#phase) return
    this.#loop.emit('phase_changed', { from: this.#phase, to })
    this.#phase = to
  }

  workers(subgoals: readonly Subgoal[], results: readonly WorkerResult[]): void {
    this.#subgoals = subgoals
    this.#results = results
    this.#checks = []
    const text = aggregate(results)
    this.#loop.emit('aggregated', { preview: text.slice(0, 600), chars: text.length })
  }

  /** Runs the checks, where there are any. */
  async checks(spec: GoalSpec): Promise<readonly CheckResult[]> {
    const wanted = checksOf(spec)
    if (wanted.length === 0) return []
    this.phase('verify')
    const limit = spec.verifyTimeout === undefined ? {} : { timeoutMs: spec.verifyTimeout * 1000 }
    this.#checks = await this.#loop.checks(wanted, limit)
    this.#loop.emit('verification', {
      results: this.#checks.map(({ name, ok, exit_code, duration, error }) => ({
        name,
        ok,
        exit_code,
        duration,
        error,
      })),
    })
    return this.#checks
  }

  finish(review: ReviewOutcome, verdict: Verdict): void {
    const issues = review.review ? review.review.issues : [review.error]
    this.#loop.emit('review', {
      gates_passed: verdict.gatesPassed,
      goal_complete: verdict.goalComplete,
      accepted: verdict.accept,
      issues,
    })
    const item: HistoryItem = {
      iteration: this.#items.length + 1,
      subgoals: this.#subgoals,
      results: this.#results.map(({ id, ok, error }) => ({ id, ok, error: error ?? null })),
      review: { gates_passed: verdict.gatesPassed, goal_complete: verdict.goalComplete, issues },
      verification: this.#checks.map((check) => ({
        ...check,
        stdout: check.stdout.slice(-keptOutput),
        stderr: check.stderr.slice(-keptOutput),
      })),
    }
    this.#items = [...this.#items, item]
    this.#loop.emit('iteration_finished', { item })
    this.#loop.report(this.#result(false, 'running'))
  }

  accepted(): GoalResult {
    this.phase('done')
    return this.#result(true, 'goal_complete')
  }

  #result(completed: boolean, stopReason: string): GoalResult {
    return {
      completed,
      iterations: this.#items.length,
      stop_reason: stopReason,
      final_output: aggregate(this.#results),
      history: this.#items,
    }
  }
}
