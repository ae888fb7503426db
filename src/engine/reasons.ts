import type { Refusal } from '../core/budget.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { StepKey } from '../core/event.ts'

/** A refused cap as people read it: `max_iterations (4) reached`. */
export function refusalReason(refusal: Refusal): string {
  switch (refusal.dimension) {
    case 'iterations':
      return `max_iterations (${refusal.cap}) reached`
    case 'agentCalls':
      return `max_agent_calls (${refusal.cap}) reached`
    case 'agents':
      return `max_agents (${refusal.cap}) reached`
    case 'tokens':
      return `max_tokens (${refusal.cap}) reached`
    case 'microUsd':
      return `max_cost ($${refusal.cap / 1_000_000}) reached`
    case 'activeMs':
      return durationReason(refusal.cap)
    case 'killSwitch':
      return 'the kill switch is on'
  }
}

/** The cap on active time as people read it: `max_duration (90s) reached`. */
export function durationReason(ms: number): string {
  return `max_duration (${ms / 1000}s) reached`
}

/** What a cancelled operation rejects with. */
export function cancelledError(reason: string): LoopwrightError {
  return new LoopwrightError('cancelled', `cancelled: ${reason}`)
}

/** What every call of a released context throws. */
export function revokedError(): LoopwrightError {
  return new LoopwrightError('revoked', 'this run was released: its loop context can no longer be used')
}

const divergedHint =
  'the loop changed since this run began: put the change behind loop.changed(id), or resume with the version it was started with'

/** The loop asked for another step than its journal holds. */
export function askedForAnother(asked: { key: StepKey; name: string }, recordedName: string): LoopwrightError {
  const what =
    recordedName === asked.name
      ? `step '${asked.name}' with other input than the journal holds`
      : `step '${asked.name}' where the journal holds '${recordedName}'`
  return new LoopwrightError('loop_diverged', `the loop asked for ${what} (${asked.key})`, { hint: divergedHint })
}

/** The loop does not come to ask for a step that its journal holds. */
export function neverAsked(recorded: { key: StepKey; name: string }, how: string): LoopwrightError {
  return new LoopwrightError('loop_diverged', `the journal holds step '${recorded.name}' (${recorded.key}), ${how}`, {
    hint: divergedHint,
  })
}

/** The loop hangs on something its context did not give it. */
export function foreignAwait(after: string | undefined): LoopwrightError {
  const where = after === undefined ? '' : ` after ${after}`
  return new LoopwrightError('foreign_await', `the loop waits for something that is not its context${where}`, {
    hint: 'await only what the loop context gives (step, sleep, ask, parallel …); wrap other work in loop.step()',
  })
}
