import { LoopwrightError } from '../errors.ts'
import { nearest } from '../nearest.ts'

/** What is said of a pattern that there is not: `not_found`, with the one that may be meant. */
export function unknownPattern(id: string, known: readonly string[]): LoopwrightError {
  const near = nearest(id, known)
  return new LoopwrightError('not_found', `there is no pattern ${JSON.stringify(id.slice(0, 80))}`, {
    hint: near === undefined ? 'loopwright list shows them' : `did you mean ${near}? loopwright list shows them all`,
  })
}
