import type { Readable } from 'node:stream'
import type { OutputFile } from './output-file.ts'
import type { Tail } from './tail.ts'

/** Called with decoded text as it comes. What it returns is awaited before more is read; what it throws is ignored. */
export type OnText = (text: string) => void | Promise<void>

/** Where the bytes of one stream go. */
export interface Intake {
  readonly tail: Tail
  readonly file: OutputFile | undefined
  readonly onText: OnText | undefined
  /** Counts bytes as they come, and answers how many of them are still allowed: with fewer than came the stream is closed. */
  readonly count: (bytes: number) => number
  /** Told +1 and -1 around waiting for the file or the observer. */
  readonly busy: (change: 1 | -1) => void
  /** Resolving it ends waiting for `onText`, so that a stuck observer cannot hold up the end of a process that was stopped. */
  readonly hurry: Promise<unknown>
}

/** Reads a stream to its end, as fast as the file and the observer take it: the pipe fills and the process waits, our memory does not grow. */
export async function consume(stream: Readable, intake: Intake): Promise<void> {
  const { onText } = intake
  const patience = new Patience(intake.hurry)
  const pass = async (text: string) => {
    if (text === '') return
    try {
      const done = onText?.(text)
      if (done instanceof Promise) await patience.wait(done)
    } catch {
      // An observer that fails is not the process's fault.
    }
  }
  // Text is made only for an observer: strings of gigabytes are work for nothing.
  const decoder = onText === undefined ? undefined : new TextDecoder()
  try {
    for await (const chunk of stream) {
      const came = chunk as Buffer
      const allowed = intake.count(came.length)
      const bytes = allowed < came.length ? came.subarray(0, allowed) : came
      intake.busy(1)
      await intake.file?.write(bytes)
      intake.tail.add(bytes)
      if (decoder !== undefined) await pass(decoder.decode(bytes, { stream: true }))
      intake.busy(-1)
      free(came)
      if (allowed < came.length) break
    }
  } catch {
    // Destroyed by us, because something out of reach held the pipe open.
  }
  if (decoder !== undefined) await pass(decoder.decode())
}

// Gives a chunk's memory back now and not when the collector gets to it: it sees small objects only, and lets them pile up to 100 MB and more.
function free(chunk: Buffer): void {
  const { buffer } = chunk
  const alone = chunk.byteOffset === 0 && chunk.byteLength === buffer.byteLength
  if (alone && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Waits for promises until hurried. One reaction on the long-lived promise, not one per chunk: those would add up. */
class Patience {
  #hurried = false
  #release: () => void = () => undefined

  constructor(hurry: Promise<unknown>) {
    hurry.then(() => {
      this.#hurried = true
      this.#release()
    })
  }

  wait(done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve
      done.then(
        () => resolve(),
        () => resolve(),
      )
      if (this.#hurried) resolve()
    })
  }
}
