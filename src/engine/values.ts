import type { BlobRef } from '../core/event.ts'
import type { Json } from '../core/json.ts'
import type { Blobs, Redact } from '../core/ports.ts'

/** A value as an event holds it: itself, or a reference to the file it is in. */
export interface Stored {
  readonly value?: Json
  readonly ref?: BlobRef
}

/** Brings the values of a run into the form they are recorded in, and back: redacted JSON, in a file of its own when it is large. */
export class Values {
  readonly #options: {
    readonly run: string
    readonly blobs: Blobs
    readonly redact: Redact
    /** Values whose JSON is longer than this go to a file, in characters. */
    readonly blobChars: number
  }

  constructor(options: {
    readonly run: string
    readonly blobs: Blobs
    readonly redact: Redact
    readonly blobChars: number
  }) {
    this.#options = options
  }

  /** What a value becomes by being stored: redacted, serialised and parsed again. */
  clean<T>(value: T): T {
    return value === undefined ? value : JSON.parse(this.#textOf(value))
  }

  /** Stores a value; resolves when it is durable as far as it goes to a file. */
  async store(value: unknown): Promise<Stored> {
    if (value === undefined) return {}
    const text = this.#textOf(value)
    const { run, blobs, blobChars } = this.#options
    return text.length <= blobChars ? { value: JSON.parse(text) } : { ref: await blobs.put(run, text) }
  }

  /** The value again. */
  async read(stored: Stored): Promise<Json | undefined> {
    const { run, blobs } = this.#options
    return stored.ref ? JSON.parse(await blobs.get(run, stored.ref)) : stored.value
  }

  #textOf(value: unknown): string {
    return this.#options.redact(JSON.stringify(value) ?? 'null')
  }
}
