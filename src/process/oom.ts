import { type OomCount, oomCount, oomKills } from './cgroup.ts'
import { type OomVictim, oomVictims } from './kernel-log.ts'
import { memoryMarker } from './memory-marker.ts'

/** How a process ended that nobody had stopped, and what is known of its tree. */
export interface Ended {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderr: string
  readonly durationMs: number
  /** True for every process that was seen in its tree. */
  readonly owns: (pid: number) => boolean
}

/** Where the evidence comes from; the kernel, unless a test says otherwise. */
export interface OomSources {
  readonly count: (pid: number) => OomCount | undefined
  /** The kills that a file counts. */
  readonly kills: (file: string) => number | undefined
  readonly victims: () => readonly OomVictim[]
  /** Seconds since boot, as the kernel's log counts them. */
  readonly uptime: () => number
}

const kernel: OomSources = {
  count: (pid) => oomCount(pid),
  kills: (file) => oomKills(file),
  victims: oomVictims,
  uptime: () => Number(process.hrtime.bigint()) / 1e9,
}

/** The clock of the kernel's log and ours drift apart by less than this, in seconds. */
const drift = 60

/**
 * Looks for evidence that memory ran out. Exit 137 or SIGKILL alone is none: anybody can kill. What counts is the kernel's own word (its
 * log names a process of the tree, or the cgroup counted a kill while it ran and it was killed), or a runtime's last line with a bad end.
 */
export class OomWatch {
  readonly #sources: OomSources
  /** Counts by file, as they were when first seen. */
  readonly #before = new Map<string, number>()

  constructor(sources: OomSources = kernel) {
    this.#sources = sources
  }

  /** Notes the count of the cgroup that the process is in now. Called again it notices a move. */
  look(pid: number): void {
    const count = this.#sources.count(pid)
    if (count !== undefined && !this.#before.has(count.file)) this.#before.set(count.file, count.kills)
  }

  /** What tells that memory ran out, for people; undefined when nothing does. */
  evidence(ended: Ended): string | undefined {
    const { exitCode, signal } = ended
    if (exitCode === 0 || (exitCode === null && signal === null)) return undefined
    const killed = signal === 'SIGKILL' || exitCode === 137
    const risen = [...this.#before].find(([file, before]) => (this.#sources.kills(file) ?? before) > before)
    if (killed || risen !== undefined) {
      const since = this.#sources.uptime() - ended.durationMs / 1000 - drift
      const victim = this.#sources.victims().find((one) => one.at >= since && ended.owns(one.pid))
      if (victim !== undefined) return `the kernel's log says: ${victim.line}`
    }
    if (killed && risen !== undefined) return `the kernel counted an out-of-memory kill while it ran (${risen[0]})`
    const marker = memoryMarker(ended.stderr)
    return marker === undefined ? undefined : `it said: ${marker}`
  }
}
