import { createHash } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import { pulses } from '../core/triage/schedule.ts'
import { noControl, type ScheduleControl, type ScheduleState, steer } from '../core/triage/schedule-state.ts'
import { type Held, holdFile, readHeld } from '../folder/hold-file.ts'
import { isAlive, processIdentity } from '../process/identity.ts'
import { fileError, isErrno, readText, writeAtomic } from '../workspace/files.ts'
import { withLock } from '../workspace/lock.ts'

/** Milliseconds since 1970, as a date can hold them. */
const time = z.number().int().min(0).max(8.64e15)
const underWay = z.object({ run: z.string().min(1), number: z.number().int(), due: time, began: time })
const pulse = z.enum(pulses)
const stateFile = z.object({
  version: z.literal(1),
  patterns: z.array(
    z.object({
      id: z.string().min(1),
      cadence: z.string(),
      timeZone: z.string(),
      next: time.nullable(),
      intervalMs: z.number().min(0),
      ticks: z.number().int().min(0),
      underWay: underWay.optional(),
      last: underWay.extend({ ended: time, pulse }).optional(),
      streak: z.object({ pulse, count: z.number().int() }).optional(),
      seen: z.array(z.string()),
      served: z.number(),
    }),
  ),
})
const controlFile = z.object({
  version: z.literal(1),
  paused: z.boolean(),
  patterns: z.array(z.object({ id: z.string().min(1), paused: z.boolean().optional(), now: z.number() })),
})
const holderFile = z.object({ pid: z.number().int(), started: z.string(), host: z.string(), since: time })

/** Who runs the schedule of a project. */
export type ScheduleHolder = z.infer<typeof holderFile>

/**
 * What is kept of a project's schedule in the state directory: the state, which only its scheduler writes; what people ask of it, which any
 * process writes; and the lock that lets one scheduler be at a time.
 */
export class ScheduleFiles {
  readonly #project: string
  readonly #base: string
  readonly #warn: (message: string) => void
  #told: string | undefined

  constructor(options: { readonly home: string; readonly project: string; readonly warn: (message: string) => void }) {
    this.#project = options.project
    this.#warn = options.warn
    const hash = createHash('sha256').update(options.project).digest('hex').slice(0, 32)
    this.#base = join(options.home, 'schedules', hash)
  }

  /** Takes the schedule for this process until it is released. Throws `conflict`, naming who runs it. */
  async hold(now: number): Promise<Held> {
    const path = `${this.#base}.lock`
    const own = { ...processIdentity(), host: hostname(), since: now }
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      return holdFile(path, {
        holder: own,
        refusal: (text) => {
          const other = holderOf(text)
          return other === undefined || !lives(other) ? undefined : this.#taken(other, path)
        },
      })
    } catch (error) {
      throw fileError(error, path)
    }
  }

  /** Who runs the schedule now. */
  holder(): ScheduleHolder | undefined {
    const text = readHeld(`${this.#base}.lock`)
    const holder = text === undefined ? undefined : holderOf(text)
    return holder !== undefined && lives(holder) ? holder : undefined
  }

  /** The state as it was kept. One that cannot be read is set aside, when `mend` says so, and every pattern starts anew. */
  async load(mend: boolean): Promise<ScheduleState> {
    const path = `${this.#base}.json`
    const read = parsed(await readText(path), stateFile, path)
    if (read === undefined) return { patterns: [] }
    if (!('why' in read)) return { patterns: read.value.patterns }
    if (!mend) return { patterns: [], lost: true }
    await this.#setAside(path)
    this.#warn(
      `the schedule cannot be read (${read.why}) and was set aside as ${path}.broken. Every pattern starts anew; none is due at once`,
    )
    return { patterns: [], lost: true }
  }

  async save({ patterns }: ScheduleState): Promise<void> {
    await writeAtomic(
      `${this.#base}.json`,
      `${JSON.stringify({ version: 1, project: this.#project, patterns })}\n`,
      0o600,
    )
  }

  /** What people ask. While that cannot be read everything is paused: a pause may have been among it. Never rejects. */
  async control(): Promise<ScheduleControl> {
    const path = `${this.#base}.control.json`
    let why: string
    try {
      const read = parsed(await readText(path), controlFile, path)
      if (read === undefined) return noControl
      if (!('why' in read)) {
        this.#told = undefined
        return read.value
      }
      why = read.why
    } catch (error) {
      why = messageOf(error)
    }
    const message = `${path} cannot be read (${why}), so every pattern is paused; loopwright schedule resume goes on`
    if (this.#told !== message) this.#warn(message)
    this.#told = message
    return { paused: true, patterns: [] }
  }

  /** Asks the scheduler that runs, or the next that will. No ids: all patterns. */
  async steer(
    how: 'pause' | 'resume' | 'now',
    ids: readonly string[],
    known: readonly string[],
    stamp: number,
  ): Promise<ScheduleControl> {
    const path = `${this.#base}.control.json`
    return await withLock(
      `${this.#base}.control.lock`,
      async () => {
        const read = parsed(await readText(path), controlFile, path)
        const broken = read !== undefined && 'why' in read
        if (broken) await this.#setAside(path)
        const before = read === undefined ? noControl : broken ? { paused: true, patterns: [] } : read.value
        const { paused, patterns } = steer(before, how, ids, known, stamp)
        await writeAtomic(path, `${JSON.stringify({ version: 1, paused, patterns })}\n`, 0o600)
        return { paused, patterns }
      },
      10_000,
    )
  }

  #taken(by: ScheduleHolder, path: string): LoopwrightError {
    const since = new Date(by.since).toISOString().slice(0, 19)
    const elsewhere = by.host !== hostname()
    const who = `process ${by.pid}${elsewhere ? ` on ${by.host}` : ''}`
    return new LoopwrightError('conflict', `${who} runs the schedule of ${this.#project} since ${since}Z`, {
      hint: `loopwright schedule shows it, and pause, resume and now steer it${elsewhere ? `; if that process is gone, delete ${path}` : ''}`,
    })
  }

  async #setAside(path: string): Promise<void> {
    await rename(path, `${path}.broken`).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw fileError(error, path)
    })
  }
}

function parsed<T>(
  text: string | undefined,
  schema: z.ZodType<T>,
  path: string,
): { value: T } | { why: string } | undefined {
  if (text === undefined) return undefined
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { why: oneLine(messageOf(error), 100) }
  }
  const version = z.object({ version: z.number() }).safeParse(json)
  if (version.success && version.data.version > 1) {
    throw new LoopwrightError('store_newer', `${path} was written by a newer loopwright`, {
      hint: 'take that version, or move the file away',
    })
  }
  const read = schema.safeParse(json)
  if (read.success) return { value: read.data }
  const [issue] = read.error.issues
  return { why: oneLine(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, 100) }
}

function holderOf(text: string): ScheduleHolder | undefined {
  try {
    return holderFile.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** What runs on another machine cannot be looked at. */
function lives(holder: ScheduleHolder): boolean {
  return holder.host !== hostname() || isAlive(holder)
}
