import type { CommandResult, Redact, RunCommand } from '../core/ports.ts'
import { type Supervised, supervise } from './supervise.ts'

/**
 * A `RunCommand` whose commands get this environment, overlaid by that of the options and that of the command. Nothing else is inherited:
 * pass in at least PATH and HOME. With `redact`, output files are written without secrets. Rejects with `bad_input` only when the command is empty.
 */
export function commandRunner(env: Readonly<Record<string, string>>, redact?: Redact): RunCommand {
  return async (command, options) => {
    const timeoutMs = command.timeoutMs ?? options.timeoutMs
    const seen = await supervise({
      ...(command.shell === undefined ? { argv: command.argv ?? [] } : { shell: command.shell }),
      cwd: options.cwd,
      env: { ...env, ...options.env, ...command.env },
      signal: options.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(options.stdin === undefined ? {} : { input: options.stdin }),
      ...(options.outputPath === undefined ? {} : { outputPath: options.outputPath }),
      ...(redact === undefined ? {} : { redact }),
      ...(options.tailChars === undefined ? {} : { tailChars: options.tailChars }),
    })
    return toResult(seen, timeoutMs, options.outputPath)
  }
}

/** Runs a command with exactly the environment that the options and the command give. */
export const runCommand: RunCommand = commandRunner({})

function toResult(seen: Supervised, timeoutMs: number | undefined, outputPath: string | undefined): CommandResult {
  const error = errorOf(seen, timeoutMs)
  return {
    exitCode: seen.exitCode,
    ...(seen.signal === null ? {} : { signal: seen.signal }),
    stdout: seen.stdout,
    stderr: seen.stderr,
    duration: Math.round(seen.durationMs) / 1000,
    timedOut: seen.timedOut,
    ...(error === undefined ? {} : { error }),
    ...(outputPath === undefined || seen.spawnError !== undefined ? {} : { outputPath }),
  }
}

function errorOf(seen: Supervised, timeoutMs: number | undefined): string | undefined {
  if (seen.spawnError !== undefined) return seen.spawnError
  if (seen.timedOut) return `timed out after ${(timeoutMs ?? 0) / 1000}s`
  if (seen.aborted) return 'cancelled'
  if (seen.signal !== null) return `ended by ${seen.signal}`
  if (seen.exitCode === null) return 'it could not be ended'
  return undefined
}
