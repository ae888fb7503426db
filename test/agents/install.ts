import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { supervise } from '../../src/process/supervise.ts'

const cache = fileURLToPath(new URL('../../node_modules/.cache/loopwright-agents', import.meta.url))

/** An npm package at one version. */
export interface Package {
  readonly package: string
  readonly version: string
}

/** A package and the command it brings. */
export interface Pinned extends Package {
  readonly command: string
}

/** How long an install may take, in milliseconds. */
export const installMs = 300_000

/**
 * The directory of a package's commands. It is installed from npm when it is not in the cache yet (`node_modules/.cache`, by version).
 * Rejects with what npm said when that fails or takes too long: the tests of this agent then fail, and no others.
 */
export async function installed(pinned: Pinned): Promise<string> {
  return join(await modulesWith(pinned, join('.bin', pinned.command)), '.bin')
}

/** The directory of a package, its dependencies beside it; installed in the same way. */
export async function installedPackage(pinned: Package): Promise<string> {
  return join(await modulesWith(pinned, join(pinned.package, 'package.json')), pinned.package)
}

/** The directory that a package was installed into; `proof` is a file in it that shows that it was. */
async function modulesWith(pinned: Package, proof: string): Promise<string> {
  const name = `${pinned.package.replaceAll(/[@/]+/g, '-').replace(/^-/, '')}-${pinned.version}`
  const kept = join(cache, name)
  if (existsSync(join(kept, 'node_modules', proof))) return join(kept, 'node_modules')
  const fresh = `${kept}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    // Three of them fetch or link their program in an install script, which newer versions of npm run only for packages named here.
    const manifest = { private: true, allowScripts: { [pinned.package]: true } }
    writeFileSync(join(fresh, 'package.json'), JSON.stringify(manifest))
    const what = `${pinned.package}@${pinned.version}`
    const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
    const ran = await supervise({
      argv: ['npm', 'install', '--prefix', fresh, '--save-exact', ...quiet, what],
      cwd: fresh,
      env: { ...definedIn(process.env), PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}` },
      timeoutMs: installMs - 10_000,
    })
    if (ran.exitCode !== 0 || !existsSync(join(fresh, 'node_modules', proof))) {
      const why = ran.timedOut
        ? `it took longer than ${installMs / 1000 - 10} s`
        : (ran.spawnError ?? `exit ${ran.exitCode}`)
      throw new Error(`${what} could not be installed from npm (${why}): ${ran.stderr || ran.stdout}`)
    }
    rmSync(kept, { recursive: true, force: true })
    renameSync(fresh, kept)
    return join(kept, 'node_modules')
  } finally {
    rmSync(fresh, { recursive: true, force: true, maxRetries: 3 })
  }
}

function definedIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
