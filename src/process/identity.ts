import { readProcess } from './table.ts'

/** A process that a reused pid cannot be mistaken for. */
export interface ProcessIdentity {
  readonly pid: number
  /** The kernel's start time (clock ticks since boot on Linux, `ps -o lstart=` elsewhere); empty when unknown. */
  readonly started: string
}

/** Who has this pid now; this process by default. `started` is empty when there is no such process. */
export function processIdentity(pid: number = process.pid): ProcessIdentity {
  return { pid, started: readProcess(pid)?.started ?? '' }
}

/** True while that very process lives. A zombie is dead; with an unknown start time the pid alone decides. */
export function isAlive(identity: ProcessIdentity): boolean {
  const row = readProcess(identity.pid)
  return row !== undefined && !row.zombie && (identity.started === '' || row.started === identity.started)
}
