import type { Json } from '../../core/json.ts'
import type { Agent, AgentCall, AgentRequest } from '../../core/ports.ts'
import { factsOf, roleName } from './facts.ts'
import { type MockSettings, mockReply } from './mock.ts'
import { play, type Reply, type ReplySpec, toSpec } from './reply.ts'
import { findReply, type Script } from './script.ts'

/** A call as a scripted function sees it. */
export interface ScriptedCall extends AgentCall {
  /** How often this very thing (role, iteration, subgoal) was asked of this agent, this time included: a retry has 2. */
  readonly number: number
}

/** An answer: a string as text, a JSON value as JSON, or `reply({ … })` for waits, edits, usage and failures. */
export type ScriptedReply = Reply | Json

export type ScriptedFunction = (request: AgentRequest, call: ScriptedCall) => ScriptedReply | Promise<ScriptedReply>

export interface ScriptedOptions extends MockSettings {
  /** Per role, an answer or a function that makes one. */
  readonly replies?: Readonly<Record<string, ScriptedReply | ScriptedFunction>>
  /** The same as `replies.worker`. */
  readonly subagent?: ScriptedFunction
  /** A parsed script (`parseScript`); what no rule of it answers falls to the rest. */
  readonly script?: Script
  /** Milliseconds since 1970, for `resetInMs`. */
  readonly now?: () => number
  readonly name?: string
}

/**
 * A deterministic agent for tests and demos. Without options it decomposes into two subgoals, its workers answer and its
 * reviewer accepts on the second iteration.
 *
 * @example scripted({ replies: { worker: (request) => `did ${request.prompt}` }, acceptOnIteration: 1 })
 */
export function scripted(options: ScriptedOptions = {}): Agent {
  const counts = new Map<string, number>()
  const count = (...key: (string | number | undefined)[]): number => {
    const name = JSON.stringify(key)
    const number = (counts.get(name) ?? 0) + 1
    counts.set(name, number)
    return number
  }
  const replies = new Map(Object.entries(options.replies ?? {}).map(([role, value]) => [roleName(role), value]))
  if (options.subagent !== undefined) replies.set('worker', options.subagent)
  const settings: MockSettings = { ...options, ...options.script?.defaults }

  return {
    name: options.name ?? 'scripted',
    async run(request, call) {
      const facts = factsOf(request)
      const number = count(facts.role, facts.iteration, facts.subgoal?.id)
      const perRole = count(facts.role)
      const ask = async (): Promise<ReplySpec> => {
        const ruled = options.script === undefined ? undefined : findReply(options.script, facts, number)
        if (ruled !== undefined) return ruled
        const given = replies.get(facts.role)
        if (given === undefined) return mockReply(facts, perRole, settings)
        return toSpec(typeof given === 'function' ? await given(request, { ...call, number }) : given)
      }
      return play(await ask(), request, call, options.now ?? Date.now)
    },
  }
}
