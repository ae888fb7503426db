import { supervise } from '../process/supervise.ts'
import { lastOf } from './bounded.ts'

/** What a CLI answered when asked for its version. */
export type Probed = { readonly version: string } | { readonly error: string }

/** Asks an executable for its version. */
export type Probe = (path: string) => Promise<Probed>

/** How long a CLI may take to tell its version. */
const patienceMs = 5000

/** Runs `PATH --version` in an empty place of the given environment, for at most 5 s. */
export function createProbe(env: Readonly<Record<string, string>>, cwd: string, timeoutMs: number = patienceMs): Probe {
  return async (path) => {
    const ran = await supervise({ argv: [path, '--version'], cwd, env, timeoutMs, graceMs: 200 })
    if (ran.spawnError !== undefined) return { error: ran.spawnError }
    if (ran.timedOut) return { error: `did not tell its version within ${timeoutMs / 1000}s` }
    if (ran.exitCode !== 0)
      return { error: `exited ${ran.exitCode ?? ran.signal}: ${lastOf(ran.stderr || ran.stdout, 200)}` }
    const [line = ''] = `${ran.stdout.trim() || ran.stderr.trim()}`.split('\n')
    return { version: /\d+\.\d+[\w.+-]*/.exec(line)?.[0] ?? line.slice(0, 80) }
  }
}
