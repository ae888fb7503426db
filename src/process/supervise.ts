import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import { LoopwrightError } from '../core/errors.ts'
import type { Confinement, Redact } from '../core/ports.ts'
import type { OnText } from './consume.ts'
import { releaseGroup, releasePipes } from './guardian.ts'
import { type ProcessIdentity, processIdentity } from './identity.ts'
import { OutputFile } from './output-file.ts'
import type { SpawnReason } from './spawn-error.ts'
import { start } from './start.ts'
import { type StopCause, stopper } from './stopper.ts'
import { ProcessTree, type TreeEnd } from './tree.ts'
import { pipePatienceMs, Watch } from './watch.ts'
import { within } from './within.ts'

/** What to start, and how long and how loud it may be. */
export interface SuperviseOptions {
  /** The command and its arguments, started without a shell. Give this or `shell`. */
  readonly argv?: readonly string[]
  /** A command line for `/bin/sh -c`. */
  readonly shell?: string
  readonly cwd: string
  /** The whole environment of the process; the two marker variables are added. Nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Aborting it ends the whole tree. */
  readonly signal?: AbortSignal
  /** Ends the whole tree after this time; none by default. */
  readonly timeoutMs?: number
  /** Ends the whole tree when for this time nothing was printed and its processes did next to no work (2 % of a core); never when 0, and by default. */
  readonly stallMs?: number
  /** True while it waits for us: such time counts for no stall. Asked at every look. */
  readonly waiting?: () => boolean
  /** Ends the whole tree when both streams together bring more than this many bytes; 1 GiB by default, 0 allows any. What is past it is not read. */
  readonly floodBytes?: number
  /** Between TERM and KILL; 2,000 by default, 0 kills at once. */
  readonly graceMs?: number
  /** What is left of the tree when the process has ended by itself may take this long to end too; 500 by default. */
  readonly drainMs?: number
  /** Written to stdin, which is then closed. Without it stdin is `/dev/null`. */
  readonly input?: string | Uint8Array
  /** Stdin stays open, after `input` if there is one: `onStart` gets it. Whoever writes to it ends it; the end of the process does too. */
  readonly interactive?: boolean
  readonly onStdout?: OnText
  readonly onStderr?: OnText
  /** Called once, when the process has started. */
  readonly onStart?: (child: StartedChild) => void
  /** Both streams are appended to this file, in the order they come; its directory is made. */
  readonly outputPath?: string
  /** Takes secrets out of what goes to that file, line by line. */
  readonly redact?: Redact
  /** How many bytes that file gets at most; 64 MiB by default. */
  readonly outputCapBytes?: number
  /** How much of the end of each stream the result holds; 6,000 characters by default. */
  readonly tailChars?: number
  /** How much of the start of stdout the result holds as well; nothing by default. */
  readonly headChars?: number
  /** How the whole tree is confined; `confined` (sandbox/confined.ts) sees to it, `supervise` alone refuses. */
  readonly confinement?: Confinement
}

/** A supervised process: `marker` is in the environment of all that comes of it (`killTree(marker)`). */
export interface StartedChild extends ProcessIdentity {
  readonly marker: string
  /** Only with `interactive`. Writing to a process that has ended is no error. */
  readonly stdin?: Writable
}

/** How it went. Never an exception, whatever the process did. */
export interface Supervised {
  /** Null when a signal ended it, or it never started. */
  readonly exitCode: number | null
  /** `SIGKILL` …; null when it ended by itself. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly stdoutHead?: string
  /** Printed on both streams together. */
  readonly bytes: number
  readonly durationMs: number
  readonly timedOut: boolean
  readonly aborted: boolean
  /** It was ended because it neither printed nor worked for `stallMs`. */
  readonly stalled: boolean
  /** It was ended because it printed more than `floodBytes`. */
  readonly flooded: boolean
  /** It ended because memory ran out; by what we know. An exit code alone never says so. */
  readonly oom?: { readonly evidence: string }
  /** Why it could not be started: `command not found: foo`. */
  readonly spawnError?: string
  readonly spawnReason?: SpawnReason
  /** How many processes had outlived it and were ended. */
  readonly leftovers?: number
  /** Pids that could not be ended; absent when it is proved that none is left. */
  readonly survivors?: readonly number[]
  /** Why the output file is not complete: no space left … */
  readonly outputError?: string
}

const notEnded = {
  exitCode: null,
  signal: null,
  timedOut: false,
  aborted: false,
  stalled: false,
  flooded: false,
} as const

/** Runs a process; `supervise`, or what confines first, or a test's. */
export type Supervise = (options: SuperviseOptions) => Promise<Supervised>

/**
 * Runs a process as the leader of its own session until it and everything it started have ended. Output is streamed, bounded and, if asked,
 * written to a file; on abort, timeout, stall or flood the whole tree gets TERM, a grace period, and KILL. Should this process die, a guardian
 * ends the tree. Throws `bad_input` when neither `argv` nor `shell` names a command, for a negative `stallMs` or `floodBytes`, and for a
 * confinement, which it does not keep itself.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  if (options.confinement !== undefined) {
    throw new LoopwrightError(
      'bad_input',
      'this would run unconfined: nothing here keeps the confinement that was asked for',
    )
  }
  const watch = new Watch(options)
  const report = (rest: Partial<Supervised>): Supervised => ({ ...notEnded, ...watch.seen(), ...rest })
  if (options.signal?.aborted) return report({ aborted: true })
  const { outputPath, outputCapBytes = 64 * 1024 * 1024 } = options
  const file = outputPath === undefined ? undefined : await OutputFile.open(outputPath, outputCapBytes, options.redact)
  const stop = stopper(options.signal, options.timeoutMs)
  let endSampling = () => {}
  try {
    if (stop.cause() === 'abort') return report({ aborted: true })
    const marker = randomUUID()
    const child = await start(options, marker)
    if ('reason' in child) return report({ spawnError: child.message, spawnReason: child.reason })
    // At once, while even a process that has ended already is still in the table.
    const root = processIdentity(child.pid)
    const { pipes } = child
    const tree = new ProcessTree({ root, marker, pipes })
    watch.memory.look(child.pid)
    const read = watch.read(child, file, stop)
    started(options, { ...root, marker, ...(child.stdin === undefined ? {} : { stdin: child.stdin }) })
    endSampling = watch.sample(tree, child.pid, stop)
    await Promise.race([child.exited, stop.asked])
    const cause = stop.cause()
    endSampling()
    const end = await endTree(tree, options, cause, stop.asked)
    const exit = await within(child.exited, pipePatienceMs)
    await watch.settle(read, child)
    // What was still in the pipes may have been too much.
    const flooded = cause === 'flooded' || (cause === undefined && stop.cause() === 'flooded')
    const oom = exit === undefined || cause !== undefined ? undefined : watch.whyMemory(exit, tree)
    if (end.survivors.length === 0) {
      watch.guarded.update([])
      releasePipes(pipes)
      releaseGroup(child.pid)
    }
    return report({
      ...exit,
      ...(oom === undefined ? {} : { oom: { evidence: oom } }),
      timedOut: cause === 'timeout',
      aborted: cause === 'abort',
      stalled: cause === 'stalled',
      flooded,
      ...(cause === undefined && end.ended > 0 ? { leftovers: end.ended } : {}),
      ...(end.survivors.length > 0 ? { survivors: end.survivors } : {}),
      ...(file?.error === undefined ? {} : { outputError: file.error }),
    })
  } finally {
    endSampling()
    stop.dispose()
    await file?.close()
  }
}

/** Stops the tree, or, when its root ended by itself, lets the rest of it finish for a moment and ends what stays. */
async function endTree(
  tree: ProcessTree,
  options: SuperviseOptions,
  cause: StopCause | undefined,
  asked: Promise<StopCause>,
): Promise<TreeEnd> {
  const { graceMs = 2000, drainMs = 500 } = options
  if (cause !== undefined) return tree.end(graceMs)
  const until = performance.now() + drainMs
  for (let wait = 5; ; wait = Math.min(wait * 2, 50)) {
    if (await tree.isGone()) return { ended: 0, survivors: [] }
    if (performance.now() >= until || (await within(asked, wait)) !== undefined) return tree.end(graceMs)
  }
}

function started(options: SuperviseOptions, child: StartedChild): void {
  try {
    options.onStart?.(child)
  } catch {
    // An observer that fails is not the process's fault.
  }
}
