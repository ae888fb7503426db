import { type Amounts, type Caps, dimensions, type Refusal, warnAt } from '../core/budget.ts'
import type { Store } from '../core/ports.ts'

/**
 * Watches a run's own scope while it works: warns once per dimension at 80 % of its cap, and says when what is settled and
 * what the effects in flight have told so far is past a cap of tokens or money.
 */
export class BudgetWatch {
  readonly #options: {
    readonly store: Store
    readonly scope: string
    readonly onWarn: (at: Refusal) => void
    readonly onExceeded: (refusal: Refusal) => void
  }
  readonly #warned = new Set<string>()
  #checking = false
  #caps: Caps = {}

  constructor(options: {
    readonly store: Store
    readonly scope: string
    readonly onWarn: (at: Refusal) => void
    readonly onExceeded: (refusal: Refusal) => void
  }) {
    this.#options = options
  }

  get caps(): Caps {
    return this.#caps
  }

  set caps(caps: Caps) {
    this.#caps = caps
  }

  async load(): Promise<Caps> {
    return await this.#options.store.caps(this.#options.scope)
  }

  /** A warning that the journal holds already. */
  warned(at: Refusal): void {
    this.#warned.add(mark(at.dimension, at.cap))
  }

  check(inFlight: Amounts = {}): void {
    if (this.#checking || !dimensions.some((dimension) => this.#caps[dimension] !== undefined)) return
    this.#checking = true
    const { store, scope, onWarn, onExceeded } = this.#options
    store.spend(scope).then(
      ({ spent, used }) => {
        this.#checking = false
        for (const dimension of dimensions) {
          const cap = this.#caps[dimension]
          if (cap === undefined) continue
          const settled = spent[dimension] ?? 0
          const live = settled + (inFlight[dimension] ?? 0)
          const at = { scope, dimension, cap, spent: settled, used: used[dimension] ?? 0 }
          if (live >= cap * warnAt && !this.#warned.has(mark(dimension, cap))) {
            this.#warned.add(mark(dimension, cap))
            onWarn(at)
          }
          if (live > cap && (dimension === 'tokens' || dimension === 'microUsd')) onExceeded(at)
        }
      },
      () => {
        // The store says the same to the next append, and there it is heard.
        this.#checking = false
      },
    )
  }
}

function mark(dimension: string, cap: number): string {
  return `${dimension} ${cap}`
}
