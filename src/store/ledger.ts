import type { Amounts, Caps, Refusal } from '../core/budget.ts'
import { add, dimensions, fits } from '../core/budget.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { StepKey } from '../core/event.ts'

/** The counters of one scope. `used` counts open reservations as spent. */
export interface ScopeState {
  readonly caps: Caps
  readonly used: Amounts
  readonly spent: Amounts
}

/** What a (step, attempt) of a run has reserved or, once `settledAt` (the seq of the settling event) is there, truly used. */
export interface Reservation {
  readonly amounts: Amounts
  readonly settledAt?: number
}

/** What the rules below read and write of a run's ledger, inside one transaction. */
export interface LedgerRows {
  scope(name: string): ScopeState
  putScope(name: string, state: ScopeState): void
  reservation(step: StepKey, attempt: number): Reservation | undefined
  putReservation(step: StepKey, attempt: number, reservation: Reservation): void
}

export interface Claimed {
  readonly step: StepKey
  readonly attempt: number
  readonly amounts: Amounts
}

export const emptyScope: ScopeState = { caps: {}, used: {}, spent: {} }

/** The refusal of every reservation while the kill switch is on. It belongs to no scope: it covers all of them. */
export const killSwitchRefusal: Refusal = { scope: 'all', dimension: 'killSwitch', cap: 0, spent: 0, used: 0 }

/** Counts a reservation in every scope, or in none and says which cap refused it. The same (step, attempt) counts once. */
export function reserve(rows: LedgerRows, scopes: readonly string[], claimed: Claimed): Refusal | undefined {
  assertAmounts(claimed.amounts)
  if (rows.reservation(claimed.step, claimed.attempt) !== undefined) return undefined
  const states = scopes.map((scope) => [scope, rows.scope(scope)] as const)
  for (const [scope, state] of states) {
    const refusal = refusalOf(scope, state, claimed.amounts)
    if (refusal !== undefined) return refusal
  }
  for (const [scope, state] of states) rows.putScope(scope, { ...state, used: add(state.used, claimed.amounts) })
  rows.putReservation(claimed.step, claimed.attempt, { amounts: claimed.amounts })
  return undefined
}

/**
 * Replaces a reservation by what was truly used, in every scope; it may pass a cap, for it is what happened. Without a
 * reservation the amounts are added. The same (step, attempt) settles once.
 */
export function settle(rows: LedgerRows, scopes: readonly string[], claimed: Claimed, seq: number): void {
  assertAmounts(claimed.amounts)
  const open = rows.reservation(claimed.step, claimed.attempt)
  if (open?.settledAt !== undefined) return
  for (const scope of scopes) {
    const state = rows.scope(scope)
    const used = add(open === undefined ? state.used : subtract(state.used, open.amounts), claimed.amounts)
    rows.putScope(scope, { ...state, used, spent: add(state.spent, claimed.amounts) })
  }
  rows.putReservation(claimed.step, claimed.attempt, { amounts: claimed.amounts, settledAt: seq })
}

function refusalOf(scope: string, state: ScopeState, amounts: Amounts): Refusal | undefined {
  for (const dimension of dimensions) {
    const amount = amounts[dimension]
    const cap = state.caps[dimension]
    if (amount === undefined || cap === undefined) continue
    const used = state.used[dimension] ?? 0
    if (!fits(used, amount, cap)) return { scope, dimension, cap, spent: state.spent[dimension] ?? 0, used }
  }
  return undefined
}

function subtract(from: Amounts, amounts: Amounts): Amounts {
  const negated: { -readonly [D in keyof Amounts]: number } = {}
  for (const dimension of dimensions) {
    const amount = amounts[dimension]
    if (amount !== undefined) negated[dimension] = -amount
  }
  return add(from, negated)
}

/** Amounts come from our own code: one that is no whole number would poison every counter it meets. */
function assertAmounts(amounts: Amounts): void {
  for (const dimension of dimensions) {
    const amount = amounts[dimension]
    if (amount !== undefined && !(Number.isSafeInteger(amount) && amount >= 0)) {
      throw new LoopwrightError('bad_input', `${dimension}: ${amount} is not a whole number of 0 or more`)
    }
  }
}
