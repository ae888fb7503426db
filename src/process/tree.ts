import { setTimeout as sleep } from 'node:timers/promises'
import { LoopwrightError } from '../core/errors.ts'
import type { ProcessIdentity } from './identity.ts'
import { snapshot } from './snapshot.ts'
import { hasProc, type ProcessRow, readProcess } from './table.ts'

/** How long we go on killing what does not die (uninterruptible sleep, another user's process) before we give up. */
const killPatienceMs = 10_000
/** So many empty looks in a row are believed though each may have overlooked somebody: of a chain of forks six in ten do. */
const enoughLooks = 25

/** What a tree is known by: the process at its top, a marker in the environment of all that it starts, or both. */
export interface TreeRoot {
  readonly root?: ProcessIdentity
  readonly marker?: string
  /** Pipes that only its processes can hold (`openPipes`). */
  readonly pipes?: readonly string[]
}

/** How the ending of a tree went. */
export interface TreeEnd {
  /** How many processes were found alive and signalled. */
  readonly ended: number
  /** Pids that would not die: stuck in the kernel, or not ours to signal. Empty is the proof that nothing is left. */
  readonly survivors: readonly number[]
}

/**
 * A process and all that came of it: its group, its session and every session that one of its processes began, its descendants by parent,
 * every process whose environment carries the marker (which finds those that left with `setsid`, a double fork or `nohup`), and what holds its
 * pipes. What was seen once is remembered, so a process stays ours when its parent dies. Missed is only one that, between two looks, got a
 * parent and a session that were never seen, emptied its environment *and* closed its pipes; keeping that in is a sandbox's job.
 */
export class ProcessTree {
  readonly #root: ProcessIdentity | undefined
  readonly #marker: string | undefined
  readonly #pipes: readonly string[]
  readonly #seen = new Map<number, string>()
  /** The sessions that members began, with the start of each leader. Nobody can join a session: who is in it came of its leader. */
  readonly #sessions = new Map<number, string>()
  readonly #oldest: number
  readonly #born = performance.now()
  #ownsGroup: boolean
  /** Whether the last look at its members could not have overlooked one. */
  #sure = false

  /** Throws `bad_input` for a marker that is too short to be one, or for a root that cannot be: either would end what is not ours. */
  constructor(what: TreeRoot) {
    if ((what.marker !== undefined && what.marker.length < 16) || (what.root !== undefined && !(what.root.pid > 1))) {
      throw new LoopwrightError('bad_input', 'not the root of a process tree', {
        hint: 'give a pid above 1, or a marker of at least 16 characters',
      })
    }
    this.#root = what.root
    this.#marker = what.marker
    this.#pipes = what.pipes ?? []
    this.#oldest = hasProc && what.root !== undefined ? Number(what.root.started || 0) : 0
    if (what.root !== undefined && what.root.started !== '') this.#seen.set(what.root.pid, what.root.started)
    // Of a root that is long gone, the group's number may be anybody's by now.
    this.#ownsGroup = what.root !== undefined && readProcess(what.root.pid)?.started === what.root.started
  }

  /** The members alive now. Never this process itself. */
  members(notBefore: number = this.#born): ProcessRow[] {
    // Nothing that is older than the root came of it: this spares most of the table, and a reused group id cannot mislead.
    const seen = snapshot(notBefore)
    if (!seen.readable) return this.#answering()
    const rows = seen.rows.filter(
      (row) => row.pid !== process.pid && (this.#oldest === 0 || Number(row.started) >= this.#oldest),
    )
    const root = this.#root
    if (root !== undefined && rows.some((row) => row.pid === root.pid && row.started !== root.started)) {
      this.#ownsGroup = false
    }
    this.#dropSessions(rows)
    const members = new Set<number>()
    for (const row of rows) {
      if (this.#seen.get(row.pid) === row.started || this.#inGroup(row) || this.#sessions.has(row.session)) {
        members.add(row.pid)
      }
    }
    if (this.#marker !== undefined) {
      const open = rows.filter((row) => !members.has(row.pid))
      for (const pid of seen.carriers(this.#marker, open)) members.add(pid)
    }
    if (this.#pipes.length > 0) {
      const open = rows.filter((row) => !members.has(row.pid))
      for (const pid of seen.holders(this.#pipes, open)) members.add(pid)
    }
    for (let grown = true; grown; ) {
      grown = false
      for (const row of rows) {
        if (members.has(row.pid) || !members.has(row.parent)) continue
        members.add(row.pid)
        grown = true
      }
    }
    this.#sure = seen.sure
    const found = rows.filter((row) => members.has(row.pid))
    for (const row of found) {
      this.#seen.set(row.pid, row.started)
      if (row.session === row.pid) this.#sessions.set(row.pid, row.started)
    }
    return found
  }

  /**
   * Whether none of it is left. The process table cannot be read at one moment: a chain that forks and ends hides from a look. So an
   * empty look counts only when nobody ended meanwhile; on a machine where somebody always does, so many of them in a row.
   */
  async isGone(): Promise<boolean> {
    for (let look = 1; ; look++) {
      if (this.members(look === 1 ? this.#born : performance.now()).length > 0) return false
      if (this.#sure || look === enoughLooks) return true
      await sleep(2)
    }
  }

  /** The sessions that are its own as far as was seen, by number. */
  sessions(): number[] {
    return [...this.#sessions.keys()]
  }

  /** True for every process that was once seen in it, dead or alive. */
  owns(pid: number): boolean {
    return this.#seen.has(pid)
  }

  /** TERM to all, up to `graceMs` for them to go (0: none), then KILL until none is left, also of those forked meanwhile. */
  async end(graceMs: number): Promise<TreeEnd> {
    const signalled = new Set<string>()
    if (graceMs > 0) {
      const until = performance.now() + graceMs
      // A look of its own: whoever is overlooked now is never asked.
      let left = this.members(performance.now())
      for (const row of left) {
        signalled.add(`${row.pid} ${row.started}`)
        send(row.pid, 'SIGTERM')
        // A stopped process would sit on its TERM for ever.
        send(row.pid, 'SIGCONT')
      }
      for (let wait = 5; left.length > 0 && performance.now() < until; wait = Math.min(wait * 2, 100)) {
        await sleep(Math.max(0, Math.min(wait, until - performance.now())))
        left = this.members()
      }
      if (left.length === 0 && (await this.isGone())) return { ended: signalled.size, survivors: [] }
    }
    const until = performance.now() + killPatienceMs
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      const left = this.members()
      if (left.length === 0) {
        if (await this.isGone()) return { ended: signalled.size, survivors: [] }
        continue
      }
      let mayDie = false
      for (const row of left) {
        signalled.add(`${row.pid} ${row.started}`)
        if (send(row.pid, 'SIGKILL')) mayDie = true
      }
      if (!mayDie || performance.now() > until) return { ended: signalled.size, survivors: left.map((row) => row.pid) }
      await sleep(wait)
    }
  }

  // Without the table nobody may be taken for dead: who was seen and still answers is alive, and so is a group that answers (by its negative number).
  #answering(): ProcessRow[] {
    const pids = [...this.#seen.keys()]
    const top = this.#root?.pid
    if (top !== undefined && this.#ownsGroup) pids.push(-top)
    return pids
      .filter((pid) => answers(pid))
      .map((pid) => ({
        pid,
        parent: 0,
        group: 0,
        session: 0,
        started: this.#seen.get(pid) ?? '',
        zombie: false,
        cpuMs: 0,
      }))
  }

  // A session that nobody is in any more is over, and its number free for others.
  #dropSessions(rows: readonly ProcessRow[]): void {
    for (const [session, started] of this.#sessions) {
      const inside = rows.filter((row) => row.session === session)
      const reused = inside.some((row) => row.pid === session && row.started !== started)
      if (inside.length === 0 || reused) this.#sessions.delete(session)
    }
  }

  #inGroup(row: ProcessRow): boolean {
    const top = this.#root?.pid
    return this.#ownsGroup && (row.group === top || row.session === top)
  }
}

/**
 * Ends every process that carries a marker in its environment, or the tree below a process, or both. TERM, `graceMs` (default 2,000), KILL until none is left.
 * Throws `bad_input` for a marker shorter than 16 characters and for pid 1.
 */
export async function killTree(what: string | TreeRoot, options: { readonly graceMs?: number } = {}): Promise<TreeEnd> {
  return new ProcessTree(typeof what === 'string' ? { marker: what } : what).end(options.graceMs ?? 2000)
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** False when the process may not be signalled by us; one that is gone already counts as signalled. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
