import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { oneLine } from '../../core/plain.ts'
import { engineVariable, guardVariable } from '../../process/guardian.ts'
import { explainSpawnError } from '../../process/spawn-error.ts'
import { within } from '../../process/within.ts'

/** The server of a play, as the player starts it. */
export interface ServerOrder {
  /** Started without a shell. This or `shell`. */
  readonly argv?: readonly string[]
  readonly shell?: string
  readonly cwd: string
  /** Over the player's own environment. */
  readonly env: Readonly<Record<string, string>>
  /** What the play opens: where somebody else answers before the server is started, nobody would know who is played. */
  readonly addresses: readonly string[]
}

/** A server that runs. */
export interface Server {
  /** Why it ended, in a line, although nobody asked it to; pending for ever otherwise. */
  readonly ended: Promise<string>
  /** Ends it and all of its group: asks, and kills what is left two seconds later. */
  end(): Promise<void>
}

const graceMs = 2000
const connectMs = 1000
/** How long the last words of a server that has ended may take to come. */
const lastWordsMs = 500
const lineChars = 500
/** Lines that are told at once; of what comes after only the last are. */
const toldLines = 500
const lastLines = 50

/**
 * Starts the server of a play and tells what it prints, line by line. What goes wrong, a start that fails too, is its end. `own` is the player's
 * environment: what supervises and confines it has put there what comes of it needs as well.
 */
export async function startServer(
  order: ServerOrder,
  own: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Server> {
  const taken = await takenOf(order.addresses)
  if (taken !== undefined) {
    return over(`the server was not started: ${taken} is taken already; end what listens there, or use another port`)
  }
  const [command = '', ...args] = order.shell === undefined ? (order.argv ?? []) : ['/bin/sh', '-c', order.shell]
  const failed = (error: unknown) =>
    over(
      `the server cannot be started: ${explainSpawnError(error, { command, cwd: order.cwd, path: order.env.PATH }).message}`,
    )
  let child: ChildProcess
  try {
    child = spawn(command, args, {
      cwd: order.cwd,
      env: { ...own, ...order.env, ...markersOf(own) },
      // A group of its own, so that it can be ended as a whole.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    return failed(error)
  }
  const { pid, stdout, stderr } = child
  if (pid === undefined) return failed(await new Promise((resolve) => child.on('error', resolve)))
  child.on('error', () => undefined)
  const lines = new Lines(say)
  const exited = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(code === null ? `by ${signal}` : `with exit ${code}`))
  })
  const closed = Promise.all([stdout, stderr].map((stream) => lines.read(stream)))
  let asked = false
  const ended = Promise.withResolvers<string>()
  exited.then(async (how) => {
    if (asked) return
    await within(closed, lastWordsMs)
    const said = lines.reason
    ended.resolve(`the server ended ${how}${said === '' ? '' : `: ${said}`}`)
  })
  return {
    ended: ended.promise,
    async end() {
      asked = true
      await endGroup(pid)
      await within(closed, lastWordsMs)
      lines.close()
    },
  }
}

function over(why: string): Server {
  return { ended: Promise.resolve(why), end: async () => undefined }
}

/** What says whose the process is, which no environment of a command may change. */
function markersOf(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries([engineVariable, guardVariable].map((name) => [name, own[name]]))
}

async function endGroup(pid: number): Promise<void> {
  const until = performance.now() + graceMs
  for (let there = signal(pid, 'SIGTERM'); there; there = signal(pid, 0)) {
    if (performance.now() >= until) {
      signal(pid, 'SIGKILL')
      return
    }
    await sleep(20)
  }
}

/** Whether there was anybody to get it. */
function signal(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, name)
  } catch {
    return false
  }
}

/** The first of the addresses of this machine that somebody answers at already, as `host:port`. */
async function takenOf(addresses: readonly string[]): Promise<string | undefined> {
  const places = new Map<string, { readonly host: string; readonly port: number }>()
  for (const address of addresses) {
    if (!URL.canParse(address)) continue
    const { protocol, hostname, port } = new URL(address)
    if (!/^https?:$/.test(protocol) || !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) continue
    const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
    places.set(`${hostname}:${number}`, { host: hostname.replace(/^\[|\]$/g, ''), port: number })
  }
  for (const [name, place] of places) if (await answers(place)) return name
  return undefined
}

async function answers(place: { readonly host: string; readonly port: number }): Promise<boolean> {
  const socket = connect({ ...place, autoSelectFamily: true })
  const reached = new Promise<boolean>((resolve) => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
  })
  try {
    return (await within(reached, connectMs)) ?? false
  } finally {
    socket.destroy()
  }
}

/** Tells what a server prints: bounded, however much that is. */
class Lines {
  readonly #say: (line: string) => void
  #told = 0
  #left = 0
  /** The last lines, told or not. */
  #last: string[] = []

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  /** What of its last lines says best why a server ended. */
  get reason(): string {
    const written = this.#last.filter((line) => line.trim() !== '')
    const error = written.findLast((line) => /^\s*(?:[\w.]*(?:Error|Exception)\b|error\b|fatal\b)/i.test(line))
    return oneLine((error ?? written.at(-1) ?? '').trim(), 300)
  }

  async read(stream: Readable | null): Promise<void> {
    let rest = ''
    try {
      for await (const piece of stream?.setEncoding('utf8') ?? []) {
        const lines = (rest + String(piece)).split('\n')
        // A line that does not end is told in pieces.
        rest = lines.pop() ?? ''
        for (const line of lines) this.#take(line)
        if (rest.length > lineChars) {
          this.#take(rest)
          rest = ''
        }
      }
    } catch {
      // It is gone, and what it had not said with it.
    }
    if (rest !== '') this.#take(rest)
  }

  /** Tells the last of what was left out. */
  close(): void {
    const rest = this.#left > 0 ? this.#last.slice(-this.#left) : []
    if (this.#left > rest.length) this.#say(`(${this.#left - rest.length} lines are left out)`)
    for (const line of rest) this.#say(line)
    this.#left = 0
  }

  #take(text: string): void {
    const line = oneLine(text.slice(0, lineChars * 4), lineChars)
    this.#last.push(line)
    if (this.#last.length > lastLines * 2) this.#last = this.#last.slice(-lastLines)
    if (this.#told < toldLines) {
      this.#told++
      this.#say(line)
    } else this.#left++
  }
}
