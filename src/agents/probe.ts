import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { supervise } from '../process/supervise.ts'
import { endOf } from './bounded.ts'

/** What a CLI answered when asked for its version. */
export type Probed = { readonly version: string } | { readonly error: string }

/** Asks an executable for its version. */
export type Probe = (path: string) => Promise<Probed>

/** How long a CLI may take to tell its version. */
const patienceMs = 15_000

/** Runs `PATH --version` in an empty place of the given environment, for at most 15 s. */
export function createProbe(env: Readonly<Record<string, string>>, cwd: string, timeoutMs: number = patienceMs): Probe {
  return async (path) => {
    const ran = await supervise({ argv: [path, '--version'], cwd, env, timeoutMs, graceMs: 200 })
    if (ran.spawnError !== undefined) return { error: ran.spawnError }
    if (ran.timedOut) return { error: `did not tell its version within ${timeoutMs / 1000}s` }
    if (ran.exitCode !== 0)
      return { error: `exited ${ran.exitCode ?? ran.signal}: ${endOf(ran.stderr || ran.stdout, 200)}` }
    const [line = ''] = `${ran.stdout.trim() || ran.stderr.trim()}`.split('\n')
    return { version: /\d+\.\d+[\w.+-]*/.exec(line)?.[0] ?? line.slice(0, 80) }
  }
}

/** A file that tells of a login is not longer. */
const longestFile = 4 * 1024 * 1024

/** The text of a file that may tell of a login; undefined when there is none that can be read. Never waits, whatever the path is. */
export function readLoginFile(path: string): string | undefined {
  let file: number | undefined
  try {
    // A pipe under that name is not waited for.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = fstatSync(file)
    return found.isFile() && found.size <= longestFile ? readFileSync(file, 'utf8') : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
