import type { Writable } from 'node:stream'
import type { AnyMessage, Stream } from '@agentclientprotocol/sdk'
import { type Fields, fields } from '../command/reader.ts'

/** A line longer than this is skipped: a message may carry a whole file, but not a disk. */
const longestLine = 32 * 1024 * 1024
/** An agent that asks this often without reading an answer is not going to. */
const mostUnread = 10_000

export interface WireEvents {
  /** A `session/update`, in its place among the messages. */
  readonly onUpdate: (params: Fields) => void
  /** Called with why nothing sensible can come of this connection any more. */
  readonly onBroken: (why: string) => void
}

/**
 * The messages of a process that speaks JSON-RPC line by line, as the SDK takes them. What is no message (warnings, banners, help) is passed
 * over; it stands in the output file. Updates are handed out at once: the SDK would answer a malformed one on our stderr, and give no order
 * between them and the answers.
 */
export class Wire implements Stream {
  readonly readable: ReadableStream<AnyMessage>
  readonly writable: WritableStream<AnyMessage>
  /** Whether anything came that was a message. */
  spoke = false
  readonly #events: WireEvents
  readonly #attached = Promise.withResolvers<Writable | undefined>()
  /** The ids of our requests that have no answer yet. */
  readonly #asked = new Set<unknown>()
  #unread = 0
  #controller: ReadableStreamDefaultController<AnyMessage> | undefined
  #pending: string[] = []
  #length = 0
  #skipping = false

  constructor(events: WireEvents) {
    this.#events = events
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => {
        this.#controller = undefined
      },
    })
    this.writable = new WritableStream({ write: (message) => this.#send(message) })
  }

  /** Gives the process's stdin, once it runs. */
  attach(stdin: Writable): void {
    this.#attached.resolve(stdin)
  }

  /** Takes what the process printed. */
  push(text: string): void {
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end))
      this.#flush()
      from = end + 1
    }
    this.#keep(text.slice(from))
  }

  /** The agent shall read no more. */
  async hangUp(): Promise<void> {
    ;(await this.#attached.promise)?.end()
  }

  /** The process has ended, or never began. */
  close(): void {
    this.#flush()
    this.#attached.resolve(undefined)
    const controller = this.#controller
    this.#controller = undefined
    controller?.close()
  }

  #keep(part: string): void {
    if (part === '' || this.#skipping) return
    this.#length += part.length
    if (this.#length > longestLine) {
      this.#skipping = true
      this.#pending = []
    } else {
      this.#pending.push(part)
    }
  }

  #flush(): void {
    const line = this.#skipping ? '' : this.#pending.join('').trim()
    this.#pending = []
    this.#length = 0
    this.#skipping = false
    if (!line.startsWith('{')) return
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      return
    }
    this.#take(fields(value))
  }

  #take(message: Fields): void {
    const { method, id } = message
    if (typeof method === 'string') {
      this.spoke = true
      if (id !== undefined) this.#request(message)
      // No other notification tells us anything.
      else if (method === 'session/update') this.#events.onUpdate(fields(message.params))
    } else if (this.#asked.delete(id)) {
      this.spoke = true
      this.#pass(message)
    }
  }

  #request(message: Fields): void {
    this.#unread += 1
    if (this.#unread === mostUnread) this.#events.onBroken(`asked ${mostUnread} things and read no answer`)
    if (this.#unread < mostUnread) this.#pass(message)
  }

  // The SDK checks the shape itself. Some agents leave the version out.
  #pass(message: Fields): void {
    this.#controller?.enqueue({ ...message, jsonrpc: '2.0' } as AnyMessage)
  }

  async #send(message: AnyMessage): Promise<void> {
    const stdin = await this.#attached.promise
    const asks = 'method' in message
    if (asks && 'id' in message) this.#asked.add(message.id)
    if (stdin === undefined || !stdin.writable) return
    // An agent that has gone fails the write; that it has gone is told by its end.
    await new Promise<void>((resolve) => stdin.write(`${JSON.stringify(message)}\n`, () => resolve()))
    if (!asks) this.#unread -= 1
  }
}
