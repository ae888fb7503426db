import { isLoopwrightError, LoopwrightError } from '../../core/errors.ts'
import type { AgentRequest } from '../../core/ports.ts'
import { splitCommand } from '../../core/shlex.ts'
import { combined, type Invocation } from './invocation.ts'

const placeholder = /\{(prompt|system|combined|model)\}/g

/** Reads a template: argv, or one line split by the shell's quoting rules. Throws `bad_input` for an empty or unbalanced one. */
export function parseTemplate(template: string | readonly string[]): readonly string[] {
  const argv = typeof template === 'string' ? split(template) : template
  if (argv.length === 0 || argv[0] === '') {
    throw new LoopwrightError('bad_input', 'the agent command is empty', {
      hint: 'give a command, as in "mytool --ask {prompt}"',
    })
  }
  return argv
}

function split(template: string): readonly string[] {
  try {
    return splitCommand(template)
  } catch (error) {
    if (!isLoopwrightError(error)) throw error
    throw new LoopwrightError('bad_input', error.message, {
      hint: 'the command runs without a shell: quote what holds blanks or special characters, or put it into a script',
    })
  }
}

/**
 * Fills a template: `{prompt}`, `{system}`, `{combined}` (system, blank line, prompt) and `{model}`. When neither the prompt nor
 * the combined text has a place, the combined text goes to stdin.
 */
export function fillTemplate(argv: readonly string[], request: AgentRequest, model: string | undefined): Invocation {
  const values: Readonly<Record<string, string>> = {
    prompt: request.prompt,
    system: request.system,
    combined: combined(request),
    model: model ?? '',
  }
  // In one pass: what a prompt holds is never taken for a placeholder.
  const fill = (arg: string) =>
    arg.replace(placeholder, (whole, name: string) => values[name] ?? whole).replaceAll('\0', '\uFFFD')
  const filled = argv.map(fill)
  const placed = argv.some((arg) => arg.includes('{prompt}') || arg.includes('{combined}'))
  return placed ? { argv: filled } : { argv: filled, input: combined(request) }
}
