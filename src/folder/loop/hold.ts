import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { type Held, holdFile, readHeld } from '../hold-file.ts'

/** Who holds a loop folder: a process that a reused pid cannot be mistaken for. */
export interface FolderHolder {
  readonly pid: number
  /** The kernel's start time of the process; empty where unknown. */
  readonly started: string
  readonly host: string
  readonly run: string
}

export interface HoldOptions {
  readonly holder: FolderHolder
  /** Whether a process of this machine lives. */
  readonly isAlive: (process: { readonly pid: number; readonly started: string }) => boolean
  /** Hears why the folder cannot be held at all: it takes no files. The run goes on. */
  readonly warn?: (message: string) => void
}

export type FolderHold = Held

const name = '.loopwright.lock'

/**
 * Takes a loop folder for one run: two at once would write over each other. A holder whose process is gone is replaced. Throws `conflict`,
 * naming who holds it. A folder that takes no files is not held: nothing can be written over there.
 */
export function holdLoopFolder(folder: string, options: HoldOptions): FolderHold {
  const { holder } = options
  const path = join(folder, name)
  try {
    return holdFile(path, {
      holder: { ...holder },
      refusal: (text) => {
        const other = holderOf(text)
        return other !== undefined && lives(other, options) ? taken(folder, path, other, holder) : undefined
      },
    })
  } catch (error) {
    if (error instanceof LoopwrightError) throw error
    options.warn?.(`${folder} cannot be held against other runs: ${messageOf(error)}`)
    return { release: () => {} }
  }
}

/** Who holds the folder now, whether it lives or not; undefined when nobody does. */
export function folderHolder(folder: string): FolderHolder | undefined {
  const seen = readHeld(join(folder, name))
  return seen === undefined ? undefined : holderOf(seen)
}

function taken(folder: string, path: string, by: FolderHolder, asks: FolderHolder): LoopwrightError {
  const where = by.host === asks.host ? `process ${by.pid}` : `process ${by.pid} on ${by.host}`
  const elsewhere = by.host === asks.host ? '' : `; if that is gone, delete ${path}`
  return new LoopwrightError('conflict', `${folder} is held by run ${by.run} (${where})`, {
    hint: `wait for it, or stop it: loopwright stop ${by.run}${elsewhere}`,
  })
}

/** What runs on another machine cannot be looked at. */
function lives(other: FolderHolder, { holder, isAlive }: HoldOptions): boolean {
  return other.host !== holder.host || isAlive(other)
}

function holderOf(text: string): FolderHolder | undefined {
  try {
    const { pid, started, host, run } = JSON.parse(text)
    if (!Number.isSafeInteger(pid) || typeof started !== 'string' || typeof host !== 'string') return undefined
    return { pid, started, host, run: typeof run === 'string' ? run : '?' }
  } catch {
    return undefined
  }
}
