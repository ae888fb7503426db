import { randomUUID } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { actionEnvironment } from '../config/actions.ts'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { outputsOf, summaryMarkdown } from '../core/triage/summary.ts'
import type { TickResult } from '../core/triage/tick.ts'

/**
 * Tells GitHub Actions what ticks came to: the summary page of the step, and its outputs. Does nothing outside of a workflow. Rejects
 * with `bad_input` where the files that the workflow names cannot be written.
 */
export async function writeActionFiles(
  env: Readonly<Record<string, string | undefined>>,
  results: readonly TickResult[],
): Promise<void> {
  const { summary, output } = actionEnvironment(env)
  try {
    if (summary !== undefined) await appendFile(summary, summaryMarkdown(results))
    if (output !== undefined) await appendFile(output, outputText(outputsOf(results)))
  } catch (error) {
    throw new LoopwrightError('bad_input', `the workflow's own files cannot be written: ${messageOf(error)}`)
  }
}

/** Each value between two lines that nobody can guess, so that none can add an output of its own. */
function outputText(outputs: Readonly<Record<string, string>>): string {
  return Object.entries(outputs)
    .map(([name, value]) => {
      const end = `end-${randomUUID()}`
      return `${name}<<${end}\n${value}\n${end}\n`
    })
    .join('')
}
