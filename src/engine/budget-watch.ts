import { type Amounts, type Caps, dimensions, type Refusal, warnAt } from '../core/budget.ts'
import type { Clock, RunRecord, Store } from '../core/ports.ts'
import { ActiveTime } from './active-time.ts'
import type { Appender } from './appender.ts'
import type { Guard } from './operation.ts'
import { durationReason, refusalReason } from './reasons.ts'
import type { Timers } from './timers.ts'

/**
 * Watches a run's own scope while it works: warns once per dimension at 80 % of its cap, and asks the run to stop when its active
 * time, or what is settled and what the effects in flight have told so far, is past a cap.
 */
export class BudgetWatch {
  readonly #store: Store
  readonly #scope: string
  readonly #outer: readonly string[]
  readonly #appender: Appender
  readonly #active: ActiveTime
  readonly #warned = new Set<string>()
  #checking = false
  #caps: Caps = {}
  #outerCaps: readonly Caps[] = []
  #stop: Guard | undefined

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly timers: Timers
    readonly appender: Appender
    readonly run: RunRecord
  }) {
    const { store, clock, timers, appender, run } = options
    this.#store = store
    this.#scope = run.scopes[0] ?? `run:${run.id}`
    this.#outer = run.scopes.slice(1)
    this.#appender = appender
    this.#active = new ActiveTime({
      clock,
      after: (ms, call) => timers.after(ms, call),
      startMs: run.activeMs,
      onCap: (cap) => this.#askToStop(durationReason(cap)),
    })
  }

  /**
   * The run's own caps, each no larger than that of any scope it counts in too. What nobody reserves no cap can refuse, so a run without a
   * cap of its own reserves by its parent's.
   */
  get tightest(): Caps {
    const all = [this.#caps, ...this.#outerCaps]
    const tight: { -readonly [D in keyof Caps]: Caps[D] } = {}
    for (const dimension of dimensions) {
      const caps = all.flatMap((one) => one[dimension] ?? [])
      if (caps.length > 0) tight[dimension] = Math.min(...caps)
    }
    return tight
  }

  /** Milliseconds the run has worked so far. */
  get activeMs(): number {
    return this.#active.now
  }

  /** What the run was told to stop for. */
  get stop(): Guard | undefined {
    return this.#stop
  }

  /** Why no further iteration may begin, or undefined. */
  get guard(): Guard | undefined {
    const cap = this.#active.reachedCap
    return this.#stop ?? (cap === undefined ? undefined : { reason: durationReason(cap) })
  }

  async load(): Promise<void> {
    this.#outerCaps = await Promise.all(this.#outer.map((scope) => this.#store.caps(scope)))
    this.#apply(await this.#store.caps(this.#scope))
  }

  /** The loop is told to stop; the first reason counts. */
  stopFor(reason: string): void {
    this.#stop ??= { reason }
  }

  /** The run may go on after a stop, with these caps in the place of what they replace. */
  reopen(caps: Caps): void {
    this.#stop = undefined
    this.#apply({ ...this.#caps, ...caps })
  }

  /** An effect is in flight: the time counts. */
  work(): void {
    this.#active.start()
  }

  /** No effect is in flight any more. */
  rest(): void {
    this.#active.stop()
  }

  /** A warning that the journal holds already. */
  warned(at: Refusal): void {
    this.#warned.add(mark(at.dimension, at.cap))
  }

  check(inFlight: Amounts = {}): void {
    if (this.#checking || !dimensions.some((dimension) => this.#caps[dimension] !== undefined)) return
    this.#checking = true
    const scope = this.#scope
    this.#store.spend(scope).then(
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
            this.#appender.append({ kind: 'budget_warned', refusal: at })
          }
          if (live > cap && (dimension === 'tokens' || dimension === 'microUsd')) this.#askToStop(refusalReason(at))
        }
      },
      () => {
        // The store says the same to the next append, and there it is heard.
        this.#checking = false
      },
    )
  }

  #apply(caps: Caps): void {
    this.#caps = caps
    this.#active.cap = caps.activeMs
  }

  #askToStop(reason: string): void {
    if (!this.#stop) this.#appender.append({ kind: 'stop_requested', reason })
  }
}

function mark(dimension: string, cap: number): string {
  return `${dimension} ${cap}`
}
