import { LoopwrightError } from '../core/errors.ts'

/**
 * A limit that somebody gave; undefined when there is none: it is absent, 0 or infinite. Throws `bad_input` for what is less than 0 or no number,
 * which would end a process at once.
 */
export function limitOf(name: string, given: number | undefined): number | undefined {
  if (given === undefined) return undefined
  if (!(given >= 0)) {
    throw new LoopwrightError('bad_input', `${name} is ${given}, which is no limit`, {
      hint: `give a ${name} above 0, or 0 for none`,
    })
  }
  return given === 0 || given === Number.POSITIVE_INFINITY ? undefined : given
}
