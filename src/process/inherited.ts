import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

let shut: readonly (number | 'ignore')[] | undefined

/**
 * What to give `spawn` as stdio after the first three, so that a child gets none of the descriptors that whoever started us left open: an open
 * directory is a way out of every sandbox. Node closes its own by itself. Only Linux tells which they are.
 */
export function shutInherited(): readonly (number | 'ignore')[] {
  shut ??= find()
  return shut
}

function find(): readonly (number | 'ignore')[] {
  const inherited = descriptors().filter((fd) => fd > 2 && isInherited(fd))
  const limit = descriptorLimit()
  // One above the limit was opened before that was set. Nothing can be put in its place (EINVAL), so we let go of it ourselves.
  for (const fd of inherited) if (fd >= limit) close(fd)
  const open = inherited.filter((fd) => fd < limit)
  if (open.length === 0) return []
  const nothing = openSync('/dev/null', 'r')
  return Array.from({ length: Math.max(...open) - 2 }, (_, at) => (open.includes(at + 3) ? nothing : 'ignore'))
}

function close(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // It is closed already.
  }
}

function descriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number)
  } catch {
    return []
  }
}

/** Descriptors are below this. Node raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

const closeOnExec = 0o2000000

function isInherited(fd: number): boolean {
  try {
    const [, flags = ''] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? []
    return flags !== '' && (Number.parseInt(flags, 8) & closeOnExec) === 0
  } catch {
    return false
  }
}
