import { LoopwrightError } from '../core/errors.ts'
import type { Discovery } from '../core/triage/finding.ts'
import type { Delivery, Standing, TickDesk } from '../core/triage/ports.ts'
import type { TickDraft, TickResult } from '../core/triage/tick.ts'
import type { Branch } from './branch.ts'

/** The desk of a triage tick, each look and each deed a step: performed once, and read from the journal on resume. */
export class Desk {
  readonly #branch: Branch
  readonly #desk: TickDesk | undefined

  constructor(branch: Branch, desk: TickDesk | undefined) {
    this.#branch = branch
    this.#desk = desk
  }

  /** Why nothing more may be done now; undefined where something may. */
  async halted(): Promise<string | undefined> {
    return (await this.#step('halted', async (desk) => (await desk.halted()) ?? null)) ?? undefined
  }

  standing(): Promise<Standing> {
    return this.#step('standing', (desk) => desk.standing())
  }

  discover(): Promise<Discovery> {
    return this.#step('discover', (desk, signal) => desk.discover({ signal }))
  }

  /** Makes the run's branch visible. */
  keep(): Promise<void> {
    return this.#step('keep', (desk) => desk.keep())
  }

  deliver(how: 'branch' | 'pull_request' | 'merge', result: TickDraft): Promise<Delivery> {
    return this.#step('deliver', (desk, signal) => desk.deliver({ how, result, signal }), [how, result])
  }

  record(draft: TickDraft): Promise<TickResult> {
    return this.#step('record', (desk) => desk.record(draft), draft)
  }

  #step<T>(name: string, call: (desk: TickDesk, signal: AbortSignal) => Promise<T>, input?: unknown): Promise<T> {
    return this.#branch.step(
      name,
      async ({ signal }) => {
        if (this.#desk === undefined) throw new LoopwrightError('bad_input', 'this run is no tick of a triage loop')
        return await call(this.#desk, signal)
      },
      { effect: 'desk', ...(input === undefined ? {} : { input }) },
    )
  }
}
