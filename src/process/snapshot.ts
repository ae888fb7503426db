import { carriers, hasProc, listProcesses, openPipes, type ProcessRow, readEnvironment, readProcess } from './table.ts'

/** How long a look at the process table is good for. Many trees that end at once then share one. */
const freshMs = 20
/** The parent of the kernel's own threads on Linux. */
const kernelThreads = 2

/** The process table at one moment. Environments and pipes are read when they are asked for, and once. */
export class Snapshot {
  readonly takenAt: number = performance.now()
  readonly rows: readonly ProcessRow[]
  #sure = true
  readonly #environments = new Map<number, Buffer | undefined>()
  readonly #pipes = new Map<number, readonly string[]>()

  constructor() {
    this.rows = listProcesses(() => {
      this.#sure = false
    })
  }

  /**
   * False when somebody ended while it was looked, or was between two programs: what came of him may have been overlooked. Ask it
   * after the questions whose answers shall be proofs.
   */
  get sure(): boolean {
    return this.#sure
  }

  /** False when the table could not be read (no descriptors left, no `ps`): this process at least is always in it. */
  get readable(): boolean {
    return this.rows.some((row) => row.pid === process.pid)
  }

  /** The pids among `rows` whose environment holds `marker`. */
  carriers(marker: string, rows: readonly ProcessRow[]): number[] {
    if (!hasProc) return carriers(marker, rows)
    const bytes = Buffer.from(marker)
    return rows
      .filter((row) => {
        const environment = this.#environment(row.pid)
        // A process in the middle of an exec shows none; one of the kernel's own never has any.
        if (environment?.length === 0 && row.parent !== kernelThreads) this.#sure = false
        return environment?.includes(bytes) === true
      })
      .map((row) => row.pid)
  }

  /** The pids among `rows` that have one of these pipes as their stdin, stdout or stderr. */
  holders(pipes: readonly string[], rows: readonly ProcessRow[]): number[] {
    return rows.filter((row) => this.#pipesOf(row.pid).some((pipe) => pipes.includes(pipe))).map((row) => row.pid)
  }

  #pipesOf(pid: number): readonly string[] {
    const known = this.#pipes.get(pid)
    if (known !== undefined) return known
    const pipes = openPipes(pid)
    this.#pipes.set(pid, pipes)
    return pipes
  }

  #environment(pid: number): Buffer | undefined {
    if (!this.#environments.has(pid)) {
      const read = readEnvironment(pid)
      if (read === undefined && readProcess(pid) === undefined) this.#sure = false
      this.#environments.set(pid, read)
    }
    return this.#environments.get(pid)
  }
}

let latest: Snapshot | undefined

/**
 * A look at the table taken after `notBefore` (of `performance.now()`) and at most 20 ms old. A tree that was empty then is empty now, for its members
 * come from members alone; so a look that is a little old proves as much as a new one, if only the tree had begun.
 */
export function snapshot(notBefore: number): Snapshot {
  const now = performance.now()
  if (latest !== undefined && latest.takenAt >= notBefore && now - latest.takenAt < freshMs) return latest
  const taken = new Snapshot()
  latest = taken
  setTimeout(() => {
    if (latest === taken) latest = undefined
  }, freshMs).unref()
  return taken
}
