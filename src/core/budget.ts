/**
 * What a budget counts. Amounts are whole numbers; money is in millionths of a US dollar so that sums stay exact.
 * Active time is not in here: it is measured by the driver, not reserved.
 */
export const dimensions = ['iterations', 'agentCalls', 'agents', 'tokens', 'microUsd'] as const
export type Dimension = (typeof dimensions)[number]

/** Amounts per dimension; a dimension that is absent is not touched. */
export type Amounts = { readonly [D in Dimension]?: number }

/** The caps of one scope (a run, a pattern and day, everything). `activeMs` caps the time a driver works, not the time a run waits. */
export interface Caps extends Amounts {
  readonly activeMs?: number
}

/** What was used of a scope: `used` counts open reservations as spent, `spent` only what is settled. */
export interface Spend {
  readonly used: Amounts
  readonly spent: Amounts
}

/** Why a reservation was refused. */
export interface Refusal {
  readonly scope: string
  readonly dimension: Dimension | 'activeMs' | 'killSwitch'
  readonly cap: number
  readonly spent: number
  /** Spent plus open reservations. */
  readonly used: number
}

/** The share of a cap at which a run warns once. */
export const warnAt = 0.8

/** Adds two amounts, dimension by dimension. */
export function add(a: Amounts, b: Amounts): Amounts {
  const sum: { [D in Dimension]?: number } = { ...a }
  for (const dimension of dimensions) {
    const more = b[dimension]
    if (more !== undefined) sum[dimension] = (sum[dimension] ?? 0) + more
  }
  return sum
}

/**
 * Whether a reservation fits a cap. A dimension that is named is refused once the cap is reached, even for an amount of 0:
 * a call whose use is not known beforehand may not start when nothing is left.
 */
export function fits(used: number, amount: number, cap: number | undefined): boolean {
  return cap === undefined || (used + amount <= cap && used < cap)
}
