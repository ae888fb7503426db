import { consume, type OnText } from './consume.ts'
import { GuardedSessions } from './guardian.ts'
import { limitOf } from './limits.ts'
import { OomWatch } from './oom.ts'
import type { OutputFile } from './output-file.ts'
import { Quiet } from './quiet.ts'
import { sample, sampleInterval } from './sampler.ts'
import type { Exit, Running } from './start.ts'
import type { Stopper } from './stopper.ts'
import { lastOf, Tail } from './tail.ts'
import type { ProcessTree } from './tree.ts'
import { within } from './within.ts'

/** What of the options of `supervise` is about watching. */
export interface WatchOptions {
  readonly stallMs?: number
  readonly floodBytes?: number
  readonly tailChars?: number
  readonly headChars?: number
  readonly onStdout?: OnText
  readonly onStderr?: OnText
  readonly waiting?: () => boolean
}

/** What a process has printed, and how long it has run. */
export interface Seen {
  readonly stdout: string
  readonly stderr: string
  readonly stdoutHead?: string
  readonly bytes: number
  readonly durationMs: number
}

/** How long a pipe may stay silent that something out of our reach holds open once the tree is gone, and how much may still come out of it. */
export const pipePatienceMs = 1000
const pipeRemainder = 4 * 1024 * 1024

const defaultFloodBytes = 1024 ** 3
const defaultTail = 6000

/** How much of the end of stderr is kept at least, in characters, to read there what a runtime said before it died. */
const lastWords = 16_000

/** What is seen of a process while it runs. */
export class Watch {
  readonly memory = new OomWatch()
  readonly guarded = new GuardedSessions()
  readonly #options: WatchOptions
  readonly #stallMs: number | undefined
  readonly #floodBytes: number
  readonly #began = performance.now()
  readonly #out: Tail
  readonly #err: Tail
  #bytes = 0
  #busy = 0

  /** Throws `bad_input` for a limit that is none. */
  constructor(options: WatchOptions) {
    const { floodBytes = defaultFloodBytes } = options
    this.#options = options
    this.#stallMs = limitOf('stallMs', options.stallMs)
    this.#floodBytes = limitOf('floodBytes', floodBytes) ?? Number.POSITIVE_INFINITY
    this.#out = new Tail(options.tailChars ?? defaultTail, options.headChars ?? 0)
    this.#err = new Tail(Math.max(options.tailChars ?? defaultTail, lastWords))
  }

  async read(child: Running, file: OutputFile | undefined, stop: Stopper): Promise<true> {
    const { onStdout, onStderr } = this.#options
    const shared = {
      file,
      hurry: stop.asked,
      count: (came: number) => {
        const allowed = Math.max(0, Math.min(came, this.#floodBytes - this.#bytes))
        this.#bytes += allowed
        if (allowed < came) stop.ask('flooded')
        return allowed
      },
      busy: (change: 1 | -1) => {
        this.#busy += change
      },
    }
    await Promise.all([
      consume(child.stdout, { ...shared, tail: this.#out, onText: onStdout }),
      consume(child.stderr, { ...shared, tail: this.#err, onText: onStderr }),
    ])
    return true
  }

  /** Looks at the tree while it runs: to remember its processes, and to see whether it still does anything. Returns the way to stop. */
  sample(tree: ProcessTree, pid: number, stop: Stopper): () => void {
    const stallMs = this.#stallMs
    const { waiting } = this.#options
    const interval = sampleInterval(stallMs)
    const quiet = stallMs === undefined ? undefined : new Quiet(stallMs, interval)
    return sample(tree, interval, (rows) => {
      this.memory.look(pid)
      this.guarded.update(tree.sessions())
      const sight = { at: performance.now(), rows, bytes: this.#bytes, held: this.#busy > 0 || waiting?.() === true }
      if (quiet?.see(sight) === true) stop.ask('stalled')
    })
  }

  /** Reads what is left in the pipes. The tree is gone: only something that escaped it can still hold or fill them, and for that we do not wait. */
  async settle(read: Promise<true>, child: Running): Promise<void> {
    const before = this.#bytes
    for (let silent = 0, seen = before; (await within(read, pipePatienceMs / 4)) === undefined; seen = this.#bytes) {
      silent = this.#bytes === seen && this.#busy === 0 ? silent + 1 : 0
      if (silent < 4 && this.#bytes - before < pipeRemainder) continue
      child.abandon()
      await read
      return
    }
  }

  /** What tells that a process which we had not stopped ran out of memory; undefined when nothing does. */
  whyMemory(exit: Exit, tree: ProcessTree): string | undefined {
    return this.memory.evidence({
      ...exit,
      stderr: this.#err.text,
      durationMs: performance.now() - this.#began,
      owns: (pid) => tree.owns(pid),
    })
  }

  /** What was seen so far. */
  seen(): Seen {
    return {
      stdout: this.#out.text,
      stderr: lastOf(this.#err.text, this.#options.tailChars ?? defaultTail),
      ...(this.#options.headChars === undefined ? {} : { stdoutHead: this.#out.head }),
      bytes: this.#bytes,
      durationMs: performance.now() - this.#began,
    }
  }
}
