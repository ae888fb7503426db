import { messageOf } from '../core/errors.ts'
import type { CheckResult, CommandResult, CommandSpec, RunCheck, RunCommand } from '../core/ports.ts'
import { findVacuous } from '../core/vacuous.ts'
import { runCommand } from '../process/command.ts'
import { lastOf } from '../process/tail.ts'

/** How much of the end of the output is searched for a test summary: a run of many suites says in many lines that some are empty. */
const searchedChars = 256 * 1024

/**
 * A `RunCheck` on top of a way to run commands. A check is ok when its command exits 0 and its runner does not say that no test ran.
 * Whatever goes wrong, a missing command too, is `ok: false` with an `error`; it never rejects.
 */
export function checkRunner(run: RunCommand): RunCheck {
  return async (check, options) => {
    const { tailChars = 6000 } = options
    try {
      const seen = await run(check, { ...options, tailChars: Math.max(tailChars, searchedChars) })
      const vacuous = vacuousIn(seen)
      const error = errorOf(seen, vacuous)
      return {
        name: nameOf(check),
        ok: error === null,
        exit_code: seen.exitCode,
        stdout: lastOf(seen.stdout, tailChars),
        stderr: lastOf(seen.stderr, tailChars),
        error,
        duration: seen.duration,
        ...(vacuous === undefined ? {} : { vacuous: true }),
        ...(seen.outputPath === undefined ? {} : { output_path: seen.outputPath }),
      }
    } catch (error) {
      return failed(check, messageOf(error))
    }
  }
}

/** Runs a check with exactly the environment that the options and the check give. */
export const runCheck: RunCheck = checkRunner(runCommand)

/** What a check is called: its name, or its command line. */
export function nameOf(check: CommandSpec): string {
  return check.name ?? check.shell ?? (check.argv ?? []).join(' ')
}

function vacuousIn(seen: CommandResult): string | undefined {
  // pytest and unittest exit with 5 for it; any other failure stays what it is.
  if (seen.error !== undefined || (seen.exitCode !== 0 && seen.exitCode !== 5)) return undefined
  const pieces = [seen.stdout, seen.stderr].map((text) => (text.length >= searchedChars ? afterLine(text) : text))
  return findVacuous(pieces.join('\n'))
}

// The first line of a cut text may have lost its start: `10 passed` would read `0 passed`.
function afterLine(text: string): string {
  return text.slice(text.indexOf('\n') + 1)
}

function errorOf(seen: CommandResult, vacuous: string | undefined): string | null {
  if (seen.error !== undefined) return seen.error
  if (vacuous !== undefined) {
    const said = vacuous.length > 200 ? `${vacuous.slice(0, 200)}…` : vacuous
    return `exit ${seen.exitCode}, but no test ran: ${said}`
  }
  if (seen.exitCode === 0) return null
  if (seen.exitCode === 127) return 'exit code 127 (command not found)'
  if (seen.exitCode === 126) return 'exit code 126 (not executable)'
  return `exit code ${seen.exitCode}`
}

function failed(check: CommandSpec, error: string): CheckResult {
  return { name: nameOf(check), ok: false, exit_code: null, stdout: '', stderr: '', error, duration: 0 }
}
