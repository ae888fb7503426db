import { realpathSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { Confinement } from '../../core/ports.ts'
import type { Needs } from './preset.ts'

export interface NeedsPlace {
  /** The environment the agent gets; its home directory is in it. */
  readonly env: Readonly<Record<string, string>>
  /** What is started; absolute where it is known. */
  readonly executable?: string
}

/** Models by AWS, for agents that have many providers: only with a key of its own, the machine's others may do too much. */
export const bedrock: Needs & { readonly when: string } = {
  when: 'AWS_BEARER_TOKEN_BEDROCK',
  home: [],
  hosts: ['*.amazonaws.com'],
  env: ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
}

/** A confinement with holes for what an agent must reach: its login, its sessions and caches, itself, its hosts, its variables. */
export function withNeeds(confinement: Confinement, needs: Needs, place: NeedsPlace): Confinement {
  const { env, executable } = place
  const home = env.HOME ?? ''
  const under = (path: string): readonly string[] => (isAbsolute(home) ? [moved(path, home, env)] : [])
  const named = (needs.homeVariables ?? []).flatMap((name) => (isAbsolute(env[name] ?? '') ? [env[name] ?? ''] : []))
  const { network } = confinement
  const own: Confinement = {
    ...confinement,
    writable: unique([...confinement.writable, ...needs.home.flatMap(under), ...named]),
    readable: unique([
      ...confinement.readable,
      ...(needs.homeRead ?? []).flatMap(under),
      ...(isAbsolute(home) && executable !== undefined ? programOf(executable, home) : []),
    ]),
    network: typeof network === 'string' ? network : unique([...network, ...needs.hosts]),
    env: unique([...confinement.env, ...needs.env]),
  }
  const also = (needs.also ?? []).filter(({ when }) => (env[when] ?? '') !== '')
  return also.reduce((all, more) => withNeeds(all, more, { env }), own)
}

const moves: readonly (readonly [string, string])[] = [
  ['.config/', 'XDG_CONFIG_HOME'],
  ['.cache/', 'XDG_CACHE_HOME'],
  ['.local/share/', 'XDG_DATA_HOME'],
  ['.local/state/', 'XDG_STATE_HOME'],
]

/** A path under the home directory, or where its variable has moved it. */
function moved(path: string, home: string, env: Readonly<Record<string, string>>): string {
  for (const [start, variable] of moves) {
    const to = env[variable] ?? ''
    if (path.startsWith(start) && isAbsolute(to)) return join(to, path.slice(start.length))
  }
  return join(home, path)
}

/** Where a program that is installed in the home directory has its files: the directory of its command, and its package. */
function programOf(executable: string, home: string): string[] {
  if (!isAbsolute(executable)) return []
  const real = realOf(executable)
  const packages = /^.*?\/node_modules(?=\/)/.exec(real)?.[0]
  return [dirname(executable), packages ?? dirname(real)].filter((path) => path.startsWith(`${home}/`))
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
