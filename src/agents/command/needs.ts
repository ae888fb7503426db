import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { Confinement } from '../../core/ports.ts'
import type { Needs } from './preset.ts'

export interface NeedsPlace {
  /** The environment the agent gets; its home directory is in it. */
  readonly env: Readonly<Record<string, string>>
  /** What is started; absolute where it is known. */
  readonly executable?: string
  /** Where it works; absolute. */
  readonly cwd: string
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
  const { env, executable, cwd } = place
  const home = env.HOME ?? ''
  const named = Object.entries(needs.homeVariables ?? {}).flatMap(([name, of]): [string, string][] =>
    isAbsolute(env[name] ?? '') ? [[env[name] ?? '', of]] : [],
  )
  const under = (path: string): readonly string[] => {
    const own = path.replace('{cwd}', () => projectName(cwd))
    return [
      ...(isAbsolute(home) ? [moved(own, home, env)] : []),
      ...named.flatMap(([to, of]) => {
        if (of === '') return [join(to, own)].filter((each) => existsSync(each))
        return `${own}/`.startsWith(`${of}/`) ? [join(to, own.slice(of.length))] : []
      }),
    ]
  }
  const { network } = confinement
  const own: Confinement = {
    ...confinement,
    writable: unique([
      ...confinement.writable,
      ...needs.home.flatMap(under),
      ...named.flatMap(([to, of]) => (of === '' ? [] : [to])),
    ]),
    ...(needs.homeFleeting === undefined && confinement.fleeting === undefined
      ? {}
      : { fleeting: unique([...(confinement.fleeting ?? []), ...(needs.homeFleeting ?? []).flatMap(under)]) }),
    readable: unique([
      ...confinement.readable,
      ...(needs.homeRead ?? []).flatMap(under).flatMap(spread),
      ...(executable === undefined ? [] : programOf(executable, home)),
    ]),
    network: typeof network === 'string' ? network : unique([...network, ...needs.hosts]),
    env: unique([...confinement.env, ...needs.env]),
  }
  const also = (needs.also ?? []).filter(({ when }) => (env[when] ?? '') !== '')
  return also.reduce((all, more) => withNeeds(all, more, { env, cwd }), own)
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

/** What stands for a directory among those in which Claude Code keeps what it knows of projects. */
function projectName(cwd: string): string {
  return realOf(cwd).replace(/[^a-zA-Z0-9]/g, '-')
}

/** The paths a path with `*` stands for; none when a directory cannot be read. */
function spread(path: string): string[] {
  const [, before = '', pattern, after = ''] = /^(.*?)\/([^/]*\*[^/]*)(.*)$/.exec(path) ?? []
  if (pattern === undefined) return [path]
  const [start = '', end = ''] = pattern.split('*')
  const fits = (name: string) => name.startsWith(start) && name.slice(start.length).endsWith(end)
  return namesIn(before)
    .filter(fits)
    .flatMap((name) => spread(`${before}/${name}${after}`))
}

/** Of what is no directory, nothing goes on below. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Of these a confined process has its own, in which what stands in the real ones is not seen. */
const privatePlaces = ['/tmp', '/var/tmp']

/** Where a program that is installed in the home directory, or in another place that is hidden, has its files: the directory of its command, and its package. */
function programOf(executable: string, home: string): string[] {
  if (!isAbsolute(executable)) return []
  const real = realOf(executable)
  const packages = /^.*?\/node_modules(?=\/)/.exec(real)?.[0]
  const hidden = [...(isAbsolute(home) ? [home] : []), ...privatePlaces]
  return [dirname(executable), packages ?? dirname(real)].filter((path) =>
    hidden.some((place) => path.startsWith(`${place}/`)),
  )
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
