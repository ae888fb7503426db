import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../core/errors.ts'
import type { Redact } from '../core/ports.ts'

/** A line longer than this is redacted in pieces, in characters. */
const longLine = 64 * 1024

/** Appends what processes print to a file, up to a cap in bytes; with `redact`, line by line without secrets. A write that fails ends the writing, never the process. */
export class OutputFile {
  readonly #file: FileHandle | undefined
  readonly #cap: number
  #written = 0
  #cut = false
  #error: string | undefined
  readonly #redact: Redact | undefined
  /** The line that is not complete yet; a character a byte, so that what is no text comes through as it was. */
  #line = ''

  private constructor(options: {
    readonly file: FileHandle | undefined
    readonly cap: number
    readonly redact: Redact | undefined
    readonly error?: string
  }) {
    this.#file = options.file
    this.#cap = options.cap
    this.#redact = options.redact
    this.#error = options.error
  }

  /** Opens the file for appending and makes its directory. A file that cannot be opened shows in `error`. */
  static async open(path: string, cap: number, redact?: Redact): Promise<OutputFile> {
    try {
      await mkdir(dirname(path), { recursive: true })
      return new OutputFile({ file: await open(path, 'a'), cap, redact })
    } catch (error) {
      return new OutputFile({ file: undefined, cap, redact, error: messageOf(error) })
    }
  }

  /** Why writing stopped: no space left, no such directory … */
  get error(): string | undefined {
    return this.#error
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#redact) return await this.#put(bytes)
    this.#line += Buffer.from(bytes).toString('latin1')
    const end = this.#line.length > longLine ? this.#line.length : this.#line.lastIndexOf('\n') + 1
    const complete = this.#line.slice(0, end)
    this.#line = this.#line.slice(end)
    if (complete !== '') await this.#put(Buffer.from(this.#redact(complete), 'latin1'))
  }

  async #put(bytes: Uint8Array): Promise<void> {
    if (this.#cut) return
    const room = this.#cap - this.#written
    const part = bytes.length > room ? bytes.subarray(0, room) : bytes
    this.#written += part.length
    if (part.length < bytes.length) this.#cut = true
    await this.#append(part)
    if (part.length < bytes.length) {
      await this.#append(Buffer.from(`\n[output cut after ${this.#cap} bytes; the rest is counted, not kept]\n`))
    }
  }

  async close(): Promise<void> {
    if (this.#redact && this.#line !== '') await this.#put(Buffer.from(this.#redact(this.#line), 'latin1'))
    try {
      await this.#file?.close()
    } catch (error) {
      this.#error ??= messageOf(error)
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; this.#error === undefined && this.#file !== undefined && at < bytes.length; ) {
        at += (await this.#file.write(bytes, at)).bytesWritten
      }
    } catch (error) {
      this.#error ??= messageOf(error)
    }
  }
}
