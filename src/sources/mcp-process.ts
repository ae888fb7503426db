import type { Writable } from 'node:stream'
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client'
import type { Confinement } from '../core/ports.ts'
import type { Supervise } from '../process/supervise.ts'

export interface McpProcess {
  readonly argv: readonly string[]
  readonly cwd: string
  /** The whole environment of the server; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly confinement?: Confinement
}

/** A message longer than this is passed over: a list of issues is no disk. */
const longestLine = 8 * 1024 * 1024
/** How long a server may take to end by itself, in milliseconds. */
const graceMs = 1000

/** Messages of a server that is a process of ours: under the supervisor's eye, and ended with all it started. */
export class McpProcessTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  /** Why the process ended, once it has. */
  ended: string | undefined
  readonly #server: McpProcess
  readonly #supervise: Supervise
  readonly #parse: (line: string) => JSONRPCMessage
  readonly #stop = new AbortController()
  readonly #stdin = Promise.withResolvers<Writable | undefined>()
  #done: Promise<void> | undefined
  #pending = ''
  #skipping = false

  constructor(server: McpProcess, supervise: Supervise, parse: (line: string) => JSONRPCMessage) {
    this.#server = server
    this.#supervise = supervise
    this.#parse = parse
  }

  async start(): Promise<void> {
    this.#done = this.#run()
    await this.#stdin.promise
    if (this.ended !== undefined) throw new Error(this.ended)
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = await this.#stdin.promise
    if (this.ended !== undefined || stdin === undefined || !stdin.writable)
      throw new Error(this.ended ?? 'the server is gone')
    await new Promise<void>((resolve) => stdin.write(`${JSON.stringify(message)}\n`, () => resolve()))
  }

  /** Ends the server; resolves when nothing of it is left. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    try {
      const seen = await this.#supervise({
        argv: this.#server.argv,
        cwd: this.#server.cwd,
        env: this.#server.env,
        ...(this.#server.confinement === undefined ? {} : { confinement: this.#server.confinement }),
        interactive: true,
        signal: this.#stop.signal,
        graceMs,
        floodBytes: 64 * 1024 * 1024,
        tailChars: 500,
        onStart: ({ stdin }) => this.#stdin.resolve(stdin),
        onStdout: (text) => this.#take(text),
      })
      const last = seen.stderr.trim().split('\n').at(-1) ?? ''
      const how =
        seen.spawnError ?? (seen.flooded ? 'it printed without end' : `it ended with ${seen.exitCode ?? seen.signal}`)
      this.ended = last === '' || seen.spawnError !== undefined ? how : `${how}: ${last}`
    } catch (error) {
      this.ended = error instanceof Error ? error.message : String(error)
    }
    this.#stdin.resolve(undefined)
    this.onclose?.()
  }

  #take(text: string): void {
    const lines = `${this.#pending}${text}`.split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#skipping) this.#skipping = false
      else this.#pass(line)
    }
    if (this.#pending.length > longestLine) {
      this.#pending = ''
      this.#skipping = true
    }
  }

  /** What is no message (a banner, a warning) is passed over. */
  #pass(line: string): void {
    if (!line.trimStart().startsWith('{')) return
    let message: JSONRPCMessage
    try {
      message = this.#parse(line)
    } catch {
      return
    }
    this.onmessage?.(message)
  }
}
