import type { AgentCall, AgentDelta, AgentOutcome, AgentRequest, Usage } from '../../core/ports.ts'
import type { PriceTable } from '../../core/prices.snapshot.ts'
import { type Repetition, Stuck } from '../../core/stuck.ts'
import { pastAllowance } from '../allowance.ts'
import { Repeats } from '../command/repeats.ts'

export interface Stopped {
  readonly outcome: Extract<AgentOutcome, 'failed' | 'stalled' | 'stuck'>
  readonly message: string
}

/** Watches one call: passes on what is told, and asks for a stop when it goes past its allowance or goes round in circles. */
export class Watch {
  /** Aborts when the call shall end: the caller asked, or we did. */
  readonly signal: AbortSignal
  stopped: Stopped | undefined
  readonly #stop = new AbortController()
  readonly #request: AgentRequest
  readonly #call: AgentCall
  readonly #prices: PriceTable | undefined
  readonly #repeats = new Repeats()
  readonly #questions = new Stuck()

  constructor(request: AgentRequest, call: AgentCall, prices: PriceTable | undefined) {
    this.#request = request
    this.#call = call
    this.#prices = prices
    this.signal = AbortSignal.any([call.signal, this.#stop.signal])
  }

  readonly emit = (delta: AgentDelta): void => {
    this.#tell(delta)
    if (delta.type === 'usage') this.used(delta.usage)
    this.#repeated(this.#repeats.see(delta))
  }

  /** It asked for permission, with an input and a decision that are equal texts when the questions are. */
  asked(input: string, decision: string): void {
    this.#repeated(this.#questions.see({ name: 'ask for permission', input, result: decision }))
  }

  /** At least so much was used. */
  used(usage: Usage): void {
    const past = pastAllowance(usage, this.#request.allowance, this.#prices)
    if (past !== undefined) this.stop({ outcome: 'failed', message: past })
  }

  #tell(delta: AgentDelta): void {
    try {
      this.#call.onDelta?.(delta)
    } catch {
      // An observer that fails is not the agent's fault.
    }
  }

  #repeated(repetition: Repetition | undefined): void {
    if (repetition === undefined) return
    if (repetition.stop) this.stop({ outcome: 'stuck', message: `stopped: it ${repetition.text}` })
    else this.#tell({ type: 'notice', text: `it ${repetition.text}` })
  }

  /** Ends the call; the first reason counts. */
  stop(why: Stopped): void {
    if (this.signal.aborted) return
    this.stopped = why
    this.#stop.abort()
  }
}
