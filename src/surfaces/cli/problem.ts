import { CommanderError } from 'commander'
import { isLoopwrightError, LoopwrightError, messageOf } from '../../core/errors.ts'
import { plainText } from '../../core/plain.ts'

/** What went wrong, for people: a message, and what to do. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
}

/** Any thrown value as a problem. What is not ours is a mistake in loopwright, and says how to see more. */
export function problemOf(error: unknown): Problem {
  if (isLoopwrightError(error)) return { code: error.code, message: error.message, hint: error.hint }
  if (error instanceof CommanderError) return fromCommander(error)
  const hint = 'this looks like a bug in loopwright; LOOPWRIGHT_DEBUG=1 shows where'
  return { code: 'bug', message: messageOf(error), hint }
}

/** A problem as it is printed: one line (more where there is more to say), and the hint. */
export function problemText({ message, hint }: Problem): string {
  const lines = [`loopwright: ${plainText(message)}`]
  if (hint !== undefined) lines.push(`  hint: ${plainText(hint)}`)
  return lines.join('\n')
}

function fromCommander(error: CommanderError): Problem {
  if (error.code === 'commander.help') {
    return {
      code: 'bad_input',
      message: 'this command has commands of its own, and none is named',
      hint: 'add --help to see them',
    }
  }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const near = /\(Did you mean (?:one of )?(.+)\?\)/.exec(rest.join('\n'))?.[1]
  const hint = near === undefined ? 'loopwright --help shows what there is' : `did you mean ${near}?`
  return { code: 'bad_input', message: first, hint }
}

/** Throws what a wrong flag or argument is. */
export function wrong(message: string, hint?: string): never {
  throw new LoopwrightError('bad_input', message, hint === undefined ? {} : { hint })
}
