import { lstatSync, readdirSync, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { JournalEvent } from '../../core/event.ts'
import type { Json } from '../../core/json.ts'
import { objectOf, textOf } from '../../core/peek.ts'
import type { Clock, RunRecord } from '../../core/ports.ts'
import { type RunView, reduce } from '../../core/view.ts'
import { clearWay } from '../files.ts'
import type { RunFolder } from '../folder.ts'
import { timers } from '../timers.ts'
import type { Heartbeat } from './heartbeat.ts'
import { readKnowledge } from './knowledge.ts'
import { ownDirectory, probeOwn, readOwn, replaceOwn, sweepDrafts } from './own.ts'
import { type CommandNews, Pulse } from './pulse.ts'
import { roundName, writeRound } from './rounds.ts'
import { LinesFile, timelineLine } from './timeline.ts'

/** The heartbeat is written at least this often while the run is driven, in milliseconds. */
const beatMs = 1_000
/** News of the journal within this time are one heartbeat, in milliseconds. */
const gatherMs = 20
const heartbeatName = 'heartbeat.json'

export interface LoopFolderOptions {
  readonly run: RunRecord
  /** Absolute; it exists. */
  readonly folder: string
  /** The process that drives the run: this one. */
  readonly driver: Heartbeat['driver']
  /** Hears, once each, why something cannot be written. The run itself is never disturbed. */
  readonly warn?: (message: string) => void
  readonly clock?: Pick<Clock, 'now' | 'after'>
}

/**
 * The folder of a loop while a run of it goes on: `heartbeat.json` is how it stands, `progress.md` what happened, `logs/` what was
 * printed, `artifacts/` what each round came to, `knowledge/lessons.md` what was learnt. All of it is derived from the journal, which
 * alone is the truth.
 */
export interface LoopFolder {
  readonly path: string
  /** Hears of the commands of the stages. Never throws. */
  onCommand(news: CommandNews): void
  /** Hears of each event of the journal, with the view that has it folded in; what it heard before changes nothing. Never throws. */
  onEvent(view: RunView, event: JournalEvent): void
  /** Where the full output of this name goes; undefined where `logs/` cannot be written. */
  logPath(name: string): string | undefined
  /** What earlier runs learnt and people wrote down in `knowledge/`; bounded. */
  knowledge(): string
  /** The run was let go: this is how it stands. */
  finish(view: RunView, run: RunRecord): void
  /** Leaves the folder; where the run was not let go before, it is shown as interrupted. */
  close(): void
}

/** Throws `not_found` for what is no directory. */
export function requireLoopFolder(folder: string): void {
  if (isDirectory(folder)) return
  throw new LoopwrightError('not_found', `${folder}: there is no such loop folder`, {
    hint: 'make one: loopwright init --kind repair FOLDER',
  })
}

/** Opens the folder of a loop for a run. Rounds that another run left there are moved to `artifacts/<that run>/`. Throws `not_found`. */
export function openLoopFolder(options: LoopFolderOptions): LoopFolder {
  requireLoopFolder(options.folder)
  return new Folder(options)
}

class Folder implements LoopFolder {
  readonly path: string
  readonly #run: RunRecord
  readonly #warnTo: ((message: string) => void) | undefined
  readonly #warned = new Set<string>()
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #pulse: Pulse
  #timeline: LinesFile | undefined
  #lessons: LinesFile | undefined
  #seq = 0
  #callOff: (() => void) | undefined
  #nextAt = Number.POSITIVE_INFINITY
  #released = false
  #closed = false

  constructor(options: LoopFolderOptions) {
    this.path = options.folder
    this.#run = options.run
    this.#warnTo = options.warn
    this.#clock = options.clock ?? timers
    this.#pulse = new Pulse(options.run, options.driver)
    for (const at of [this.path, join(this.path, 'artifacts')]) sweepDrafts(at, Date.now())
    this.#try('artifacts', () => moveEarlier(ownDirectory(this.path, 'artifacts'), options.run.id))
    this.#beat()
  }

  onCommand(news: CommandNews): void {
    if (this.#closed) return
    this.#pulse.onCommand(news, this.#clock.now())
    this.#beat()
  }

  onEvent(view: RunView, event: JournalEvent): void {
    if (this.#closed || event.seq <= this.#seq) return
    this.#seq = event.seq
    this.#released = false
    this.#pulse.onEvent(view, event)
    this.#write(view, event)
    this.#schedule(gatherMs)
  }

  logPath(name: string): string | undefined {
    let path: string | undefined
    this.#try('logs', () => {
      const file = `${name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_')}.log`
      const at = join(ownDirectory(this.path, 'logs', this.#run.id), file)
      clearWay(at)
      probeOwn(at)
      path = at
    })
    if (path !== undefined) this.#pulse.opened(path)
    return path
  }

  knowledge(): string {
    return readKnowledge(this.path)
  }

  finish(view: RunView, run: RunRecord): void {
    if (this.#closed) return
    this.#pulse.released(view, run)
    this.#released = true
    this.#beat()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#callOff?.()
    if (!this.#released) this.#save(true)
  }

  /** What an event leaves in the folder for good. */
  #write(view: RunView, event: JournalEvent): void {
    const line = timelineLine(view, event)
    if (line !== undefined)
      this.#try('progress.md', () => {
        this.#timeline ??= new LinesFile(this.path, 'progress.md', this.#run)
        this.#timeline.append(event.seq, line)
      })
    if (event.kind !== 'emitted') return
    const data = objectOf(event.data)
    const lesson = event.name === 'lesson' ? textOf(data.text) : undefined
    if (lesson !== undefined)
      this.#try('knowledge/lessons.md', () => {
        this.#lessons ??= new LinesFile(ownDirectory(this.path, 'knowledge'), 'lessons.md', this.#run)
        this.#lessons.append(event.seq, `- ${lesson.replace(/\s+/g, ' ')}`)
      })
    if (event.name === 'round_finished')
      this.#try('artifacts', () =>
        writeRound(ownDirectory(this.path, 'artifacts'), view, event.ts, objectOf(data.item)),
      )
  }

  /** Writes the heartbeat now, and again in a second while somebody works on the run. */
  #beat(): void {
    this.#callOff?.()
    this.#callOff = undefined
    this.#nextAt = Number.POSITIVE_INFINITY
    const { quietLog } = this.#pulse
    // A command that tells nothing of its progress, and an agent, are heard by what they print.
    if (quietLog !== null) this.#pulse.printed(sizeOf(quietLog), this.#clock.now())
    this.#save(false)
    if (this.#pulse.active && !this.#released) this.#schedule(beatMs)
  }

  #schedule(ms: number): void {
    const at = this.#clock.now() + ms
    if (this.#closed || at >= this.#nextAt) return
    this.#callOff?.()
    this.#nextAt = at
    this.#callOff = this.#clock.after(ms, () => this.#beat())
  }

  #save(gone: boolean): void {
    const beat = this.#pulse.heartbeat(this.#clock.now(), gone)
    this.#try(heartbeatName, () => replaceOwn(this.path, heartbeatName, `${JSON.stringify(beat, null, 2)}\n`))
  }

  #try(what: string, action: () => void): void {
    try {
      action()
    } catch (error) {
      // Once for each file: what is wrong with it is tried again and again.
      if (this.#warned.has(what)) return
      this.#warned.add(what)
      this.#warnTo?.(`${what} of the loop folder cannot be written: ${messageOf(error)}`)
    }
  }
}

/**
 * A run's folder whose full outputs go to the loop folder, and which tells the loop folder of every event. `finish` and `close` are for
 * both.
 */
export function withLoopFolder(inner: RunFolder, loop: LoopFolder): RunFolder {
  return {
    path: inner.path,
    get behind() {
      return inner.behind
    },
    workersPath: (name) => loop.logPath(name) ?? inner.workersPath(name),
    artifactsPath: () => inner.artifactsPath(),
    onEvents(events, before) {
      let view = before
      for (const event of events) {
        if (event.seq <= view.seq) continue
        view = reduce(view, event)
        loop.onEvent(view, event)
      }
      return inner.onEvents(events, before)
    },
    finish(view: RunView, run: RunRecord, value?: Json) {
      inner.finish(view, run, value)
      loop.finish(view, value === undefined ? run : { ...run, result: value })
    },
    recover: () => inner.recover(),
    close() {
      inner.close()
      loop.close()
    },
  }
}

/** Rounds of an earlier run make room, or a reader would take them for rounds of this one. */
function moveEarlier(artifacts: string, run: string): void {
  for (const name of readdirSync(artifacts)) {
    const number = /^round-(\d{1,9})\.json$/.exec(name)?.[1]
    if (number === undefined) continue
    const by = runOf(readOwn(join(artifacts, name), 10_000_000))
    if (by === run) continue
    const known = by !== undefined && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(by) ? by : 'earlier'
    const to = ownDirectory(artifacts, known)
    for (const one of [name, basename(roundName(Number(number)))]) {
      if (lstatSync(join(artifacts, one), { throwIfNoEntry: false }) === undefined) continue
      clearWay(join(to, one), { evenFile: true })
      renameSync(join(artifacts, one), join(to, one))
    }
  }
}

function runOf(text: string | undefined): string | undefined {
  try {
    return textOf(objectOf(JSON.parse(text ?? '')).run_id)
  } catch {
    return undefined
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
}
