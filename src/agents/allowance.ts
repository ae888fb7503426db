import type { Amounts } from '../core/budget.ts'
import type { Usage } from '../core/ports.ts'
import { usageAmounts } from '../core/price.ts'
import type { PriceTable } from '../core/prices.snapshot.ts'

/** Says by what a call went past what it was allowed to use, or undefined while it has not. Only tokens and money are watched. */
export function pastAllowance(usage: Usage, allowance: Amounts | undefined, prices?: PriceTable): string | undefined {
  if (allowance === undefined) return undefined
  const { tokens, microUsd } = usageAmounts(usage, prices)
  if (allowance.tokens !== undefined && tokens > allowance.tokens) {
    return `stopped by the budget: the call used ${tokens} tokens of the ${allowance.tokens} that were left`
  }
  if (allowance.microUsd !== undefined && microUsd > allowance.microUsd) {
    return `stopped by the budget: the call cost ${dollars(microUsd)} of the ${dollars(allowance.microUsd)} that were left`
  }
  return undefined
}

function dollars(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(microUsd < 10_000 ? 6 : 2)}`
}
