import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import type { JournalEvent } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { Clock, RunRecord } from '../core/ports.ts'
import { type EventLine, eventLines } from '../core/progress.ts'
import { runResult, statusFacts } from '../core/result.ts'
import { type RunView, reduce } from '../core/view.ts'
import { EventFile } from './event-file.ts'
import { clearWay, readPlain, replaceFile } from './files.ts'
import { metaOf } from './meta.ts'
import { isOurs, makeChain, type Place, placeFolder } from './place.ts'
import { timers } from './timers.ts'

/** `status.json` is written at most this often, in milliseconds. */
const statusEveryMs = 100
const eventsName = 'events.jsonl'

export interface RunFolderOptions {
  readonly run: RunRecord
  /** loopwright's state directory; takes the folder when the project cannot. Absolute. */
  readonly home: string
  /** Hears, once each, why something is not where it should be. The run itself is never disturbed. */
  readonly warn?: (message: string) => void
  readonly clock?: Pick<Clock, 'now' | 'after'>
  /** Writes `events.jsonl` anew; it takes its place at `finish`. */
  readonly fresh?: boolean
}

/**
 * The derived folder of a run, for people and `tail -f`. Everything but `workers/`, `logs/` and `artifacts/` can be made anew
 * from the journal, so a write that fails is a warning and never an error.
 */
export interface RunFolder {
  readonly path: string
  /** True when lines are missing from the file: `recover()`, then hand in the journal from its first event on. */
  readonly behind: boolean
  /** The absolute path of the file in `workers/` that takes the full output of this name; whatever is no file there is removed. Where the folder is ours no more, a path in the state directory. */
  workersPath(name: string): string
  /** The absolute path of the directory for pictures and reports of rounds; where the folder is ours no more, one in the state directory. */
  artifactsPath(): string
  /** Folds the events into the view, writes the lines that are not there yet, and returns the new view. */
  onEvents(events: readonly JournalEvent[], view: RunView): RunView
  /** Writes the status at once and, unless the run is on its way, the result; the same result is not written twice. */
  finish(view: RunView, run: RunRecord, value?: Json): void
  recover(): void
  close(): void
}

/** Opens the folder of a run, made if need be. Throws `bad_input` and `store_readonly` as `placeFolder` does. */
export function openRunFolder(options: RunFolderOptions): RunFolder {
  const place = placeFolder(options)
  const folder = new Folder(options, place)
  if (place.warning !== undefined) folder.warn(place.warning)
  folder.recover()
  return folder
}

class Folder implements RunFolder {
  readonly #options: RunFolderOptions
  readonly #place: Place
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #warned = new Set<string>()
  #events: EventFile | undefined
  #view: RunView | undefined
  #callOff: (() => void) | undefined
  #statusAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: RunFolderOptions, place: Place) {
    this.#options = options
    this.#place = place
    this.#clock = options.clock ?? timers
  }

  get path(): string {
    return this.#place.path
  }

  get behind(): boolean {
    return this.#events === undefined && !this.#closed
  }

  workersPath(name: string): string {
    const file = join('workers', `${fileName(name)}.out`)
    const path = join(this.path, file)
    const ready = this.#try('workers/', () => {
      this.#makeOwn('workers')
      clearWay(path)
    })
    return ready ? path : join(this.#options.home, 'runs', this.#options.run.id, file)
  }

  artifactsPath(): string {
    const ready = this.#try('artifacts/', () => this.#makeOwn('artifacts'))
    return ready ? join(this.path, 'artifacts') : join(this.#options.home, 'runs', this.#options.run.id, 'artifacts')
  }

  onEvents(events: readonly JournalEvent[], before: RunView): RunView {
    let view = before
    const lines: EventLine[] = []
    for (const event of events) {
      if (event.seq <= view.seq) continue
      view = reduce(view, event)
      lines.push(...eventLines(view, event))
    }
    if (this.#closed || view === before) return view
    this.#append(lines)
    this.#view = view
    this.#scheduleStatus()
    return view
  }

  finish(view: RunView, run: RunRecord, value?: Json): void {
    if (this.#closed) return
    this.#callOff?.()
    this.#callOff = undefined
    this.#view = undefined
    this.#try(eventsName, () => this.#events?.moveTo(join(this.path, eventsName)))
    const row = value === undefined ? run : { ...run, result: value }
    const seen = value === undefined ? view : { ...view, resultRef: undefined }
    this.#write('status.json', statusFacts(seen, row, this.#facts()))
    if (hasResult(seen, row)) this.#write('result.json', runResult(seen, row), { once: true })
  }

  /** Opens what is missing, or gone since. */
  recover(): void {
    if (this.#closed || this.#events) return
    this.#try('the run folder', () => {
      for (const name of ['workers', 'logs', 'artifacts']) this.#makeOwn(name)
      const path = join(this.path, this.#options.fresh ? `.${eventsName}.${process.pid}.tmp` : eventsName)
      clearWay(path, { evenFile: this.#options.fresh === true })
      this.#events = new EventFile(path, () => isOurs(this.#place.chain))
    })
    this.#write('meta.json', metaOf(this.#options.run), { once: true })
  }

  close(): void {
    if (this.#view) this.#writeStatus()
    this.#callOff?.()
    this.#closed = true
    this.#events?.close()
    this.#events = undefined
  }

  warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#options.warn?.(message)
  }

  /** A directory in our own; a link in its place is removed, what it points to is not touched. */
  #makeOwn(name: string): void {
    const path = join(this.path, name)
    // Most of the time it is there: to look costs less than to make each directory again and be refused.
    if (isOurs([...this.#place.chain, path])) return
    makeChain(this.#place.chain)
    if (isOurs([path])) return
    clearWay(path, { evenFile: true })
    mkdirSync(path)
  }

  #append(lines: readonly EventLine[]): void {
    const events = this.#events
    if (!events) return
    let whole = false
    this.#try(eventsName, () => {
      whole = events.append(lines)
    })
    if (whole) return
    this.#try(eventsName, () => events.close())
    this.#events = undefined
  }

  #scheduleStatus(): void {
    if (this.#callOff) return
    const wait = this.#statusAt + statusEveryMs - this.#clock.now()
    if (wait <= 0) this.#writeStatus()
    else this.#callOff = this.#clock.after(wait, () => this.#writeStatus())
  }

  #writeStatus(): void {
    this.#callOff = undefined
    const view = this.#view
    if (!view || this.#closed) return
    this.#statusAt = this.#clock.now()
    this.#view = undefined
    this.#write('status.json', statusFacts(view, undefined, this.#facts()))
  }

  #facts(): { path: string; events: number; seq: number } {
    return { path: this.path, events: this.#events?.lines ?? 0, seq: this.#events?.seq ?? 0 }
  }

  #write(name: string, value: object, options: { readonly once?: boolean } = {}): void {
    this.#try(name, () => {
      if (!isOurs(this.#place.chain)) makeChain(this.#place.chain)
      const text = `${JSON.stringify(value, null, 2)}\n`
      if (options.once && readPlain(join(this.path, name)) === text) return
      replaceFile(this.path, name, text)
    })
  }

  #try(what: string, action: () => void): boolean {
    try {
      action()
      return true
    } catch (error) {
      this.warn(`${what} cannot be written: ${messageOf(error)}`)
      return false
    }
  }
}

/** A run that is over, stopped, or waits for an answer has a result; one that is on its way has none yet. */
function hasResult(view: RunView, run: RunRecord): boolean {
  if (run.status === 'waiting') return view.asks.length > 0
  return run.status !== 'queued' && run.status !== 'running'
}

/** A name as a file of its own: what is unusual in it is replaced, and then a hash keeps two such names apart. */
function fileName(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 100)
  if (plain === name && name !== '') return name
  return `${plain}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}
