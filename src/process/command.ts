import type { CommandResult, CommandSpec, Confinement, Redact, RunCommand } from '../core/ports.ts'
import { type Allowed, failureOf } from './failure.ts'
import { followProgress } from './progress.ts'
import { type Supervise, type Supervised, supervise } from './supervise.ts'

/**
 * A `RunCommand` whose commands get this environment, overlaid by that of the options and that of the command. Nothing else is inherited:
 * pass in at least PATH and HOME. With `redact`, output files are written without secrets. `run` starts the processes: give one that
 * confines where commands come with a confinement. Rejects only with `bad_input`: when the command is empty, `stallMs` is negative, or a
 * confinement is not kept.
 */
export function commandRunner(
  env: Readonly<Record<string, string>>,
  redact?: Redact,
  run: Supervise = supervise,
): RunCommand {
  return async (command, options) => {
    const timeoutMs = command.timeoutMs ?? options.timeoutMs
    const progress = options.onProgress === undefined ? undefined : followProgress(options.onProgress)
    const seen = await run({
      ...progress?.options,
      ...(command.shell === undefined ? { argv: command.argv ?? [] } : { shell: command.shell }),
      cwd: options.cwd,
      env: { ...env, ...options.env, ...command.env },
      signal: options.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(options.stdin === undefined ? {} : { input: options.stdin }),
      ...(options.outputPath === undefined ? {} : { outputPath: options.outputPath }),
      ...(redact === undefined ? {} : { redact }),
      ...(options.tailChars === undefined ? {} : { tailChars: options.tailChars }),
      ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
      ...(options.confinement === undefined ? {} : { confinement: letThrough(options.confinement, options, command) }),
    }).finally(() => progress?.end())
    const allowed = {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
    }
    return toResult(seen, allowed, options.outputPath)
  }
}

/** What is set for a command itself comes through its confinement. */
function letThrough(confinement: Confinement, ...given: readonly Pick<CommandSpec, 'env'>[]): Confinement {
  return { ...confinement, env: [...confinement.env, ...given.flatMap(({ env = {} }) => Object.keys(env))] }
}

/** Runs a command with exactly the environment that the options and the command give. */
export const runCommand: RunCommand = commandRunner({})

function toResult(seen: Supervised, allowed: Allowed, outputPath: string | undefined): CommandResult {
  const failure = failureOf(seen, allowed)
  const error = failure?.error ?? errorOf(seen)
  return {
    exitCode: seen.exitCode,
    ...(seen.signal === null ? {} : { signal: seen.signal }),
    ...(failure === undefined ? {} : { failure: failure.failure }),
    stdout: seen.stdout,
    stderr: seen.stderr,
    duration: Math.round(seen.durationMs) / 1000,
    timedOut: seen.timedOut,
    ...(error === undefined ? {} : { error }),
    ...(outputPath === undefined || seen.spawnError !== undefined ? {} : { outputPath }),
  }
}

function errorOf(seen: Supervised): string | undefined {
  if (seen.spawnError !== undefined) return seen.spawnError
  if (seen.aborted) return 'cancelled'
  return seen.exitCode === null ? 'it could not be ended' : undefined
}
