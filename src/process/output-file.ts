import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../core/errors.ts'

/** Appends what processes print to a file, up to a cap in bytes. A write that fails ends the writing, never the process. */
export class OutputFile {
  readonly #file: FileHandle | undefined
  readonly #cap: number
  #written = 0
  #cut = false
  #error: string | undefined

  private constructor(file: FileHandle | undefined, cap: number, error?: string) {
    this.#file = file
    this.#cap = cap
    this.#error = error
  }

  /** Opens the file for appending and makes its directory. A file that cannot be opened shows in `error`. */
  static async open(path: string, cap: number): Promise<OutputFile> {
    try {
      await mkdir(dirname(path), { recursive: true })
      return new OutputFile(await open(path, 'a'), cap)
    } catch (error) {
      return new OutputFile(undefined, cap, messageOf(error))
    }
  }

  /** Why writing stopped: no space left, no such directory … */
  get error(): string | undefined {
    return this.#error
  }

  async write(bytes: Uint8Array): Promise<void> {
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
