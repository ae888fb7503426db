import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A memory cgroup of our own. */
export interface MemoryCgroup {
  /** Where a process writes its pid to get in. */
  readonly procs: string
  readonly remove: () => void
}

/** Makes a memory cgroup with a limit; without one, why not. Needs root, or a delegated hierarchy. */
export function memoryCgroup(limitBytes: number): MemoryCgroup | { readonly problem: string } {
  const name = `loopwright-test-${process.pid}-${Date.now()}`
  try {
    const v1 = '/sys/fs/cgroup/memory'
    if (existsSync(join(v1, 'memory.limit_in_bytes'))) return make(join(v1, name), 'memory.limit_in_bytes', limitBytes)
    const v2 = '/sys/fs/cgroup'
    if (!existsSync(join(v2, 'cgroup.controllers'))) return { problem: 'no memory cgroups are mounted' }
    if (!readFileSync(join(v2, 'cgroup.subtree_control'), 'utf8').includes('memory')) {
      return { problem: 'the memory controller is not enabled below the root of the cgroups' }
    }
    return make(join(v2, name), 'memory.max', limitBytes)
  } catch (error) {
    return { problem: String(error) }
  }
}

function make(path: string, limit: string, bytes: number): MemoryCgroup {
  mkdirSync(path)
  const remove = () => rmdirSync(path)
  try {
    writeFileSync(join(path, limit), String(bytes))
    // With swap it would take long, if it came at all.
    for (const swap of ['memory.swap.max', 'memory.swappiness']) {
      if (existsSync(join(path, swap))) writeFileSync(join(path, swap), '0')
    }
  } catch (error) {
    remove()
    throw error
  }
  return { procs: join(path, 'cgroup.procs'), remove }
}
