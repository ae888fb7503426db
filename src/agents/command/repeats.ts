import type { AgentDelta } from '../../core/ports.ts'
import { type Repetition, Stuck } from '../../core/stuck.ts'

/** Tools that have started and not answered, at most. */
const mostOpen = 1000

/** Pairs the tools of one call with their results, and notices when the same comes again and again. */
export class Repeats {
  readonly #stuck = new Stuck()
  readonly #open = new Map<string, string | undefined>()
  #unlike = 0

  /** Takes in whatever the agent said; answers when that was one repetition too many. */
  see(delta: AgentDelta): Repetition | undefined {
    if (delta.type === 'tool') {
      this.#open.set(delta.id ?? delta.name, delta.input)
      const [oldest] = this.#open.keys()
      if (this.#open.size > mostOpen && oldest !== undefined) this.#open.delete(oldest)
    }
    if (delta.type !== 'tool_result') return undefined
    const key = delta.id ?? delta.name
    const input = this.#open.get(key)
    this.#open.delete(key)
    // Of what the agent does not tell in full it cannot be said that it was the same.
    const told = input ?? `\0 ${this.#unlike++}`
    return this.#stuck.see({ name: delta.name, input: told, result: `${delta.ok}\n${delta.output ?? ''}` })
  }
}
