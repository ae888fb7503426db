import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file's text; undefined when it cannot be read. */
type ReadFile = (path: string) => string | undefined

const readFile: ReadFile = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Where the kernel counts the out-of-memory kills of a process's memory cgroup, and how many there were. */
export interface OomCount {
  readonly file: string
  readonly kills: number
}

/** The count for the cgroup that a process is in now; undefined where there is none to read (no Linux, no memory cgroup, process gone). */
export function oomCount(pid: number, read: ReadFile = readFile): OomCount | undefined {
  const groups = read(`/proc/${pid}/cgroup`)?.split('\n') ?? []
  const mounts = read('/proc/self/mountinfo')?.split('\n') ?? []
  return versionOne(groups, mounts, read) ?? versionTwo(groups, mounts, read)
}

// `4:memory:/path`: one hierarchy a controller, each with a mount of its own.
function versionOne(groups: readonly string[], mounts: readonly string[], read: ReadFile): OomCount | undefined {
  const path = groups.map((line) => /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/.exec(line)?.[1]).find(Boolean)
  const mount = mounts.map((line) => parseMount(line, 'cgroup', 'memory')).find((one) => one !== undefined)
  const at = path === undefined || mount === undefined ? undefined : place(path, mount)
  return at === undefined ? undefined : countIn(join(at, 'memory.oom_control'), read)
}

// `0::/path`: one hierarchy for all. Where the cgroup itself has no memory controller, the nearest above it counts for it.
function versionTwo(groups: readonly string[], mounts: readonly string[], read: ReadFile): OomCount | undefined {
  const path = groups.map((line) => /^0::(.*)$/.exec(line)?.[1]).find(Boolean)
  const mount = mounts.map((line) => parseMount(line, 'cgroup2')).find((one) => one !== undefined)
  if (path === undefined || mount === undefined) return undefined
  for (let at = place(path, mount); at?.startsWith(mount.point); at = dirname(at)) {
    const count = countIn(join(at, 'memory.events'), read)
    if (count !== undefined) return count
    if (at === mount.point) return undefined
  }
  return undefined
}

interface Mount {
  readonly root: string
  readonly point: string
}

// 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
function parseMount(line: string, type: string, controller?: string): Mount | undefined {
  const [before = '', after = ''] = line.split(' - ')
  const [, , , root, point] = before.split(' ')
  const [found, , options = ''] = after.split(' ')
  if (root === undefined || point === undefined || found !== type) return undefined
  if (controller !== undefined && !options.split(',').includes(controller)) return undefined
  return { root, point }
}

// In a container the mount may show only a part of the hierarchy: its root is that part's path.
function place(path: string, mount: Mount): string | undefined {
  if (path.split('/').includes('..')) return undefined
  if (mount.root === '/') return join(mount.point, path).replace(/(.)\/$/, '$1')
  if (path === mount.root) return mount.point
  return path.startsWith(`${mount.root}/`) ? join(mount.point, path.slice(mount.root.length)) : undefined
}

function countIn(file: string, read: ReadFile): OomCount | undefined {
  const kills = oomKills(file, read)
  return kills === undefined ? undefined : { file, kills }
}

/** The out-of-memory kills that a `memory.events` or `memory.oom_control` counts; undefined when it cannot be read. */
export function oomKills(file: string, read: ReadFile = readFile): number | undefined {
  const kills = /^oom_kill (\d+)$/m.exec(read(file) ?? '')?.[1]
  return kills === undefined ? undefined : Number(kills)
}
