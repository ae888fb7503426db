import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../../core/errors.ts'
import type { Confinement } from '../../core/ports.ts'
import { expandEntries, parseAllowlist } from './allowlist.ts'
import { allowedEnvironment } from './environment.ts'
import { cleanPath, kindAt, realPath } from './paths.ts'
import { homeSecrets } from './protected.ts'
import type { Sandbox } from './sandbox.ts'
import { removeTree } from './scratch.ts'

export interface SrtOptions {
  /** Where `srt` is; absolute. */
  readonly srt: string
  readonly home?: string
  /** Where a call's private files are made; absolute. */
  readonly temporary: string
}

/** The settings file `srt` reads. */
export interface SrtSettings {
  readonly network: {
    readonly allowedDomains: readonly string[]
    readonly deniedDomains: readonly string[]
    readonly allowLocalBinding: boolean
  }
  readonly filesystem: {
    readonly denyRead: readonly string[]
    readonly allowRead: readonly string[]
    readonly allowWrite: readonly string[]
    readonly denyWrite: readonly string[]
  }
}

/**
 * Confines with the command of `@anthropic-ai/sandbox-runtime`, which the user has installed: the way on macOS. It keeps less than bubblewrap does: no
 * process namespace, and no open network.
 */
export function srtSandbox(options: SrtOptions): Sandbox {
  return {
    name: 'srt',
    async confine(launch, confinement) {
      const homes = [...new Set([launch.env.HOME, options.home].filter((each) => each !== undefined))]
      const scratch = await mkdtemp(join(realPath(options.temporary), `loopwright-${process.pid}-`))
      try {
        const temp = join(scratch, 'tmp')
        await mkdir(temp)
        const settings = srtSettings({ ...confinement, writable: [...confinement.writable, temp] }, homes)
        const file = join(scratch, 'settings.json')
        await writeFile(file, JSON.stringify(settings), { mode: 0o400 })
        await chmod(scratch, 0o500)
        return {
          argv: [options.srt, '--settings', file, '--', ...launch.argv],
          cwd: launch.cwd,
          env: {
            ...allowedEnvironment(launch.env, confinement.env),
            TMPDIR: temp,
            CLAUDE_TMPDIR: temp,
            IS_SANDBOX: '1',
            NODE_USE_ENV_PROXY: '1',
          },
          release: () => removeTree(scratch),
        }
      } catch (error) {
        await removeTree(scratch)
        throw error
      }
    },
  }
}

/** What `srt` is told of a confinement. Throws `bad_input` for what it cannot keep. */
export function srtSettings(confinement: Confinement, homes: readonly string[]): SrtSettings {
  const { network, writable, fleeting = [], readable, hidden } = confinement
  if (network === 'open') {
    throw new LoopwrightError('bad_input', 'srt cannot leave the network open', {
      hint: 'name the hosts that may be reached, or use bubblewrap (Linux)',
    })
  }
  const entries = network === 'none' ? [] : expandEntries(network)
  parseAllowlist(entries)
  const both = (path: string) => [...new Set([cleanPath(path), realPath(cleanPath(path))])]
  // It knows no place to write that is gone afterwards: what is written there stays.
  const write = [...writable, ...fleeting].flatMap(both)
  const read = readable.flatMap(both)
  const named = new Set([...write, ...read])
  const secrets = homes.flatMap((home) => homeSecrets.map((secret) => join(home, secret)))
  return {
    network: {
      // Without a port, srt would allow every port.
      allowedDomains: entries.flatMap((entry) => (/:\d+$/.test(entry) ? [entry] : [`${entry}:443`, `${entry}:80`])),
      deniedDomains: [],
      allowLocalBinding: false,
    },
    filesystem: {
      denyRead: [...hidden.flatMap(both), ...secrets.filter((path) => !named.has(path) && kindAt(path) !== undefined)],
      allowRead: [...read, ...write],
      allowWrite: write,
      denyWrite: [
        ...read,
        ...hidden.flatMap(both),
        ...write.map((path) => join(path, '.git')).filter((path) => kindAt(path) !== undefined),
      ],
    },
  }
}
