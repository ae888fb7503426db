import { randomBytes } from 'node:crypto'
import { linkSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { LoopwrightError } from '../core/errors.ts'
import { readOwn } from './loop/own.ts'

export interface HoldFile {
  /** What the file says: who holds it. */
  readonly holder: Readonly<Record<string, string | number>>
  /** The error for somebody else who holds it; undefined when the holder is gone, or the text says nobody. */
  readonly refusal: (text: string) => LoopwrightError | undefined
}

export interface Held {
  /** Gives it free; once. */
  release(): void
}

/** A takeover that nobody finished is over after so long, in milliseconds. */
const guardMs = 10_000
const tries = 50
/** Between two of them, in milliseconds. */
const pauseMs = 4

/**
 * Makes a lock file that says who holds it. A holder that is gone is replaced. Throws what `refusal` answers, `conflict` when others take it
 * at the same time, and the system's error when the folder takes no files.
 */
export function holdFile(path: string, { holder, refusal }: HoldFile): Held {
  const mark = randomBytes(6).toString('hex')
  const mine = `${JSON.stringify({ ...holder, mark })}\n`
  const draft = `${path}.${process.pid}.${mark}`
  try {
    writeFileSync(draft, mine, { flag: 'wx', mode: 0o600 })
    for (let at = 0; at < tries; at++) {
      if (put(draft, path, mine)) return { release: () => release(path, mine) }
      const seen = readHeld(path)
      const refused = seen === undefined ? undefined : refusal(seen)
      if (refused !== undefined) throw refused
      takeAway(path, seen)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  throw new LoopwrightError('conflict', `${path} could not be taken: others take it at the same time`, {
    hint: 'try again',
  })
}

/** What a lock file says; undefined when there is none. */
export function readHeld(path: string): string | undefined {
  return readOwn(path, 10_000)
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
    if (readHeld(path) !== stale) return
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
