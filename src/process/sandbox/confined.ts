import { messageOf } from '../../core/errors.ts'
import type { SandboxMode } from '../../core/ports.ts'
import { explainSpawnError, type SpawnReason } from '../spawn-error.ts'
import type { Supervise, Supervised } from '../supervise.ts'
import { findCommand } from './find-command.ts'
import { kindAt, realPath } from './paths.ts'
import type { ConfinedLaunch, SandboxState } from './sandbox.ts'

/**
 * The same `supervise`, which confines what shall be confined: its whole tree runs in the sandbox, and what serves it ends with it. What cannot be
 * confined is not started; the result says why.
 */
export function confined(
  supervise: Supervise,
  sandboxOf: (mode: SandboxMode) => SandboxState | Promise<SandboxState>,
): Supervise {
  return async (options) => {
    const { confinement, shell, argv, ...rest } = options
    if (confinement === undefined) return supervise(options)
    const began = performance.now()
    const [command, ...args] = shell === undefined ? (argv ?? []) : ['/bin/sh', '-c', shell]
    // That nothing is to be started is said as ever.
    if (command === undefined || command === '') return supervise({ ...rest, argv: [] })
    const { cwd, env } = options
    const refuse = (message: string, reason: SpawnReason = 'other') =>
      notStarted(message, reason, performance.now() - began)
    if (!isDirectory(cwd) || findCommand(command, env.PATH, cwd) === undefined) {
      const { message, reason } = explainSpawnError({ code: 'ENOENT' }, { command, cwd, path: env.PATH })
      return refuse(message, reason)
    }
    for (let again = true; ; again = false) {
      let launch: ConfinedLaunch
      try {
        const { sandbox, problem } = await sandboxOf(confinement.by ?? 'auto')
        if (sandbox === undefined) return refuse(`cannot confine ${command}: ${problem ?? 'the sandbox is off'}`)
        launch = await sandbox.confine({ argv: [command, ...args], cwd, env }, confinement)
      } catch (error) {
        return refuse(`cannot confine ${command}: ${messageOf(error)}`)
      }
      let problem: string | undefined
      try {
        const seen = await supervise({ ...rest, argv: launch.argv, cwd: launch.cwd, env: launch.env })
        problem = problemOf(seen, launch)
        if (problem === undefined) return seen
        // A file that was to be covered may have gone in between: nothing has run yet, so it is tried once more.
        if (!again || launch.hasBegun?.() !== false || options.signal?.aborted) {
          return { ...seen, exitCode: null, spawnError: `cannot confine ${command}: ${problem}`, spawnReason: 'other' }
        }
      } finally {
        await launch.release()
      }
    }
  }
}

/** What the sandbox itself said when it could not start the process: that is no answer of the process. */
function problemOf({ exitCode, stdout, stderr }: Supervised, launch: ConfinedLaunch): string | undefined {
  if (stdout !== '') return undefined
  const [, who, said] = /^(bwrap|loopwright): (.*)/s.exec(stderr) ?? []
  if (who === 'bwrap' && exitCode === 1 && (launch.hasBegun?.() === false || said?.startsWith('execvp ')))
    return said?.trim()
  return who === 'loopwright' && exitCode === 125 ? said?.trim() : undefined
}

function isDirectory(path: string): boolean {
  try {
    return kindAt(realPath(path)) === 'directory'
  } catch {
    return false
  }
}

function notStarted(spawnError: string, spawnReason: SpawnReason, durationMs: number): Supervised {
  return {
    exitCode: null,
    signal: null,
    stdout: '',
    stderr: '',
    bytes: 0,
    durationMs,
    timedOut: false,
    stalled: false,
    flooded: false,
    aborted: false,
    spawnError,
    spawnReason,
  }
}
