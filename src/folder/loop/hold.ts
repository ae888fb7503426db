import { randomBytes } from 'node:crypto'
import { linkSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { readOwn } from './own.ts'

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

export interface FolderHold {
  /** Gives the folder free; once. */
  release(): void
}

const name = '.loopwright.lock'
/** A takeover that nobody finished is over after so long, in milliseconds. */
const guardMs = 10_000
const tries = 50
/** Between two of them, in milliseconds. */
const pauseMs = 4

/**
 * Takes a loop folder for one run: two at once would write over each other. A holder whose process is gone is replaced. Throws `conflict`,
 * naming who holds it. A folder that takes no files is not held: nothing can be written over there.
 */
export function holdLoopFolder(folder: string, options: HoldOptions): FolderHold {
  const { holder } = options
  const path = join(folder, name)
  const mark = randomBytes(6).toString('hex')
  const mine = `${JSON.stringify({ ...holder, mark })}\n`
  const draft = `${path}.${process.pid}.${mark}`
  try {
    writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    rmSync(draft, { force: true })
    options.warn?.(`${folder} cannot be held against other runs: ${messageOf(error)}`)
    return { release: () => {} }
  }
  try {
    for (let at = 0; at < tries; at++) {
      if (put(draft, path, mine)) return { release: () => release(path, mine) }
      const seen = readOwn(path, 10_000)
      const other = seen === undefined ? undefined : holderOf(seen)
      if (other !== undefined && lives(other, options)) throw taken(folder, path, other, holder)
      takeAway(path, seen)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  throw new LoopwrightError('conflict', `${folder} could not be taken: others take it at the same time`, {
    hint: 'try again',
  })
}

/** Who holds the folder now, whether it lives or not; undefined when nobody does. */
export function folderHolder(folder: string): FolderHolder | undefined {
  const seen = readOwn(join(folder, name), 10_000)
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

/** A link appears with its content: nobody ever reads half a lock. Where a file system has no links, the file is made at once. */
function put(draft: string, path: string, text: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
  }
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Removes a lock whose holder is gone; a second lock makes sure that a fresh one put there meanwhile is not removed with it. */
function takeAway(path: string, stale: string | undefined): void {
  const guard = `${path}.taking`
  try {
    writeFileSync(guard, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const since = lstatSync(guard, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && Date.now() - since > guardMs) rmSync(guard, { force: true, recursive: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    return
  }
  try {
    if (readOwn(path, 10_000) !== stale) return
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there?.isDirectory()) throw new LoopwrightError('workspace', `${path} is in the way`, { hint: 'move it away' })
    rmSync(path, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

function release(path: string, mine: string): void {
  try {
    if (readFileSync(path, 'utf8') === mine) rmSync(path, { force: true })
  } catch {
    // Gone already, or the folder is.
  }
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
