import type { Config } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'

/**
 * Throws `conflict` where an agent of a run asks for what a person decides. A hint for agents that mean well: one that does not can hide
 * where it is, and only a sandbox holds it.
 */
export function requirePerson({ within }: Pick<Config, 'within'>, what: string): void {
  if (within === undefined) return
  throw new LoopwrightError('conflict', `an agent of run ${within} may not ${what}: a person decides that`, {
    hint: 'type it in a terminal of your own',
  })
}
