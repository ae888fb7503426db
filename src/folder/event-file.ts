import { closeSync, constants, fstatSync, ftruncateSync, renameSync } from 'node:fs'
import type { EventLine } from '../core/progress.ts'
import { clearWay, openPlain, readAt, writeAll } from './files.ts'

/**
 * `events.jsonl`: lines are appended, each once. Opening it cuts off a line that a crash left half written and goes on after the
 * last whole one. Another writer's lines are noticed before each append.
 */
export class EventFile {
  #path: string
  readonly #isSafe: () => boolean
  #fd: number
  #size = 0
  #lines = 0
  #seq = 0

  /** @param isSafe whether the directory is still ours, asked before the file is opened again */
  constructor(path: string, isSafe: () => boolean) {
    this.#path = path
    this.#isSafe = isSafe
    this.#fd = openEvents(path)
    this.#repair()
  }

  get lines(): number {
    return this.#lines
  }

  /** The seq of the last line; 0 in an empty file. */
  get seq(): number {
    return this.#seq
  }

  /** Appends the lines that are not there yet. False when lines written before are gone: the file must be derived anew. */
  append(lines: readonly EventLine[]): boolean {
    if (!this.#isAsLeft() && !this.#reopen()) return false
    let text = ''
    let count = 0
    let seq = this.#seq
    for (const line of lines) {
      if (line.seq <= seq) continue
      seq = line.seq
      text += `${JSON.stringify(line)}\n`
      count += 1
    }
    if (count === 0) return true
    writeAll(this.#fd, text)
    this.#size += Buffer.byteLength(text)
    this.#lines += count
    this.#seq = seq
    return true
  }

  /** Gives the file its final name, in one go. */
  moveTo(path: string): void {
    if (path === this.#path) return
    clearWay(path)
    renameSync(this.#path, path)
    this.#path = path
  }

  /** True when the file was neither removed, replaced, cut nor written by somebody else. */
  #isAsLeft(): boolean {
    const { nlink, size } = fstatSync(this.#fd)
    return nlink > 0 && size === this.#size
  }

  #reopen(): boolean {
    const { seq } = this
    if (!this.#isSafe()) return false
    this.close()
    this.#fd = openEvents(this.#path)
    this.#repair()
    return this.#seq >= seq
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }

  #repair(): void {
    const { size } = fstatSync(this.#fd)
    const bytes = readAt(this.#fd, 0, size)
    let end = bytes.lastIndexOf(0x0a) + 1
    this.#seq = 0
    while (end > 0) {
      const start = end < 2 ? 0 : bytes.lastIndexOf(0x0a, end - 2) + 1
      const seq = seqOf(bytes.toString('utf8', start, end - 1))
      if (seq !== undefined) {
        this.#seq = seq
        break
      }
      end = start
    }
    if (end < size) ftruncateSync(this.#fd, end)
    this.#size = end
    this.#lines = count(bytes.subarray(0, end))
  }
}

function openEvents(path: string): number {
  return openPlain(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND)
}

function count(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines += 1
  return lines
}

function seqOf(line: string): number | undefined {
  try {
    const { seq } = JSON.parse(line)
    return Number.isSafeInteger(seq) ? seq : undefined
  } catch {
    return undefined
  }
}
