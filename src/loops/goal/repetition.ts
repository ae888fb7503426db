import { isLoopwrightError, LoopwrightError } from '../../core/errors.ts'
import type { Checkpoint } from '../../core/ports.ts'
import { Stuck } from '../../core/stuck.ts'
import type { LoopContext } from '../../engine/context.ts'

/**
 * Notices iterations that change nothing and fail alike, whatever the agents call it: people are warned at the third in a row, and
 * the fifth stops the run as a cap does, so that it can go on once somebody changed what stands in its way.
 */
export class Repetition {
  readonly #loop: LoopContext
  readonly #stuck = new Stuck()

  constructor(loop: LoopContext) {
    this.#loop = loop
  }

  async see(work: Checkpoint, feedback: string): Promise<void> {
    const result = work.commit ?? feedback.replace(/\d+/g, '#')
    const seen = this.#stuck.see({ name: 'iteration', input: '', result })
    if (seen === undefined) return
    const text = `${seen.times} iterations in a row changed nothing and failed alike`
    if (!seen.stop) {
      this.#loop.emit('warned', { text })
      return
    }
    if (this.#loop.stopping) return
    try {
      await this.#loop.step('stuck', () => {
        throw new LoopwrightError('budget_exceeded', `stuck: ${text}`)
      })
    } catch (error) {
      if (!isLoopwrightError(error, 'budget_exceeded')) throw error
    }
  }
}
