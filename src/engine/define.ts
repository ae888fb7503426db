import type { Json } from '../core/json.ts'
import type { LoopContext } from './context.ts'

/** A loop: what shall happen, as an ordinary async function of its context. */
export interface LoopDefinition<Spec = unknown, Result = unknown> {
  /** The name runs are recorded under. */
  readonly name: string
  readonly kind: string
  /** Recorded with every run; raise it when the loop's steps change. */
  readonly version: string
  /** Turns what a user gave into the spec; throws `bad_input`. Called before a run is made, and again at every resume. */
  readonly parse: (input: unknown) => Spec
  readonly run: (loop: LoopContext, spec: Spec) => Promise<Result>
}

/** Any loop, whatever its spec. */
// biome-ignore lint/suspicious/noExplicitAny: a registry holds loops of every spec; `parse` makes the pairing safe
export type AnyLoop = LoopDefinition<any, any>

/**
 * Defines a loop of your own.
 *
 * @example
 * const hello = defineLoop({
 *   name: 'hello',
 *   run: async (loop, spec: { name: string }) => loop.step('greet', () => `hello ${spec.name}`),
 * })
 */
export function defineLoop<Spec = Json, Result = unknown>(definition: {
  readonly name: string
  readonly kind?: string
  readonly version?: string
  readonly parse?: (input: unknown) => Spec
  readonly run: (loop: LoopContext, spec: Spec) => Promise<Result>
}): LoopDefinition<Spec, Result> {
  return {
    kind: definition.name,
    version: '1',
    parse: (input) => input as Spec,
    ...definition,
  }
}
