import { messageOf } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import type { Clock, Redact } from '../core/ports.ts'
import type { Notice, Notifier } from '../core/triage/ports.ts'
import { DeliveryFailure } from './failure.ts'

/** Somebody who is told, and of what. */
export interface Channel {
  readonly notifier: Notifier
  /** Kinds of notices; a test is told to all. */
  readonly on: readonly Notice['kind'][]
}

/** What became of a notice at one notifier. */
export interface Told {
  readonly notifier: string
  readonly ok: boolean
  readonly tries: number
  /** Why it did not arrive; without addresses and secrets. */
  readonly error?: string
}

export interface DeliveryLimits {
  /** Milliseconds for one try. */
  readonly timeoutMs: number
  readonly tries: number
  /** Notices that wait at one notifier; the oldest goes when there are more. */
  readonly queue: number
  /** Milliseconds before the second try, twice as many before each further one; a random half of it is left out. */
  readonly waitMs: number
  /** A wait longer than this is not waited for: the notice is given up. */
  readonly longestWaitMs: number
}

const defaults: DeliveryLimits = { timeoutMs: 10_000, tries: 4, queue: 100, waitMs: 1_000, longestWaitMs: 60_000 }

interface Waiting {
  readonly notice: Notice
  readonly told: (told: Told) => void
}

interface Line {
  readonly channel: Channel
  readonly waiting: Waiting[]
  busy: boolean
}

/**
 * Tells all who want to know of a notice, each in its own time: a notifier that hangs or fails keeps neither the others nor the caller.
 * Every text goes through `redact` first.
 */
export class Deliveries {
  readonly #lines: readonly Line[]
  readonly #clock: Clock
  readonly #redact: Redact
  readonly #warn: (message: string) => void
  readonly #limits: DeliveryLimits
  readonly #closed = new AbortController()
  readonly #onIdle = new Set<() => void>()

  constructor(options: {
    readonly channels: readonly Channel[]
    readonly clock: Clock
    readonly redact: Redact
    /** Hears of notices that did not arrive. */
    readonly warn?: (message: string) => void
    readonly limits?: Partial<DeliveryLimits>
  }) {
    this.#lines = options.channels.map((channel) => ({ channel, waiting: [], busy: false }))
    this.#clock = options.clock
    this.#redact = options.redact
    this.#warn = options.warn ?? (() => {})
    this.#limits = { ...defaults, ...options.limits }
  }

  /** Tells of a notice, some time soon. Returns at once and never throws. */
  tell(notice: Notice): void {
    for (const telling of this.#telling(notice)) {
      void telling.then(({ notifier, ok, error }) => {
        if (!ok) this.#warn(`${notifier} was not told of ${JSON.stringify(this.#clean(notice.title, 80))}: ${error}`)
      })
    }
  }

  /** Tells of a notice and waits for what becomes of it; the order is that of the channels. Never rejects. */
  async tellNow(notice: Notice): Promise<Told[]> {
    return await Promise.all(this.#telling(notice))
  }

  /** Resolves when nothing waits any more, or so many milliseconds have passed; answers whether all was told. */
  async settle(withinMs: number): Promise<boolean> {
    if (this.#idle) return true
    return await new Promise((resolve) => {
      const done = (all: boolean) => {
        callOff()
        this.#onIdle.delete(idle)
        resolve(all)
      }
      const idle = () => done(true)
      const callOff = this.#clock.after(withinMs, () => done(false))
      this.#onIdle.add(idle)
    })
  }

  /** Gives up what waits, and what is under way. */
  close(): void {
    this.#closed.abort()
  }

  get #idle(): boolean {
    return this.#lines.every((line) => !line.busy)
  }

  #telling(notice: Notice): Promise<Told>[] {
    const clean = redactNotice(notice, this.#redact)
    const lines = this.#lines.filter(({ channel }) => notice.kind === 'test' || channel.on.includes(notice.kind))
    return lines.map(
      (line) =>
        new Promise<Told>((told) => {
          line.waiting.push({ notice: clean, told })
          if (line.waiting.length > this.#limits.queue) {
            const error = 'too many notices wait: the oldest was left out'
            line.waiting.shift()?.told({ notifier: line.channel.notifier.name, ok: false, tries: 0, error })
          }
          void this.#work(line)
        }),
    )
  }

  async #work(line: Line): Promise<void> {
    if (line.busy) return
    line.busy = true
    for (let next = line.waiting.shift(); next !== undefined; next = line.waiting.shift()) {
      next.told(await this.#deliver(line.channel.notifier, next.notice))
    }
    line.busy = false
    if (this.#idle) for (const tell of [...this.#onIdle]) tell()
  }

  async #deliver(notifier: Notifier, notice: Notice): Promise<Told> {
    const { name } = notifier
    const { tries, longestWaitMs } = this.#limits
    for (let n = 1; ; n++) {
      if (this.#closed.signal.aborted) return { notifier: name, ok: false, tries: n - 1, error: 'given up' }
      const failure = await this.#try(notifier, notice)
      if (failure === undefined) return { notifier: name, ok: true, tries: n }
      const wait = this.#waitBefore(n, failure.afterMs)
      if (!failure.again || n >= tries || wait > longestWaitMs) {
        return { notifier: name, ok: false, tries: n, error: this.#clean(failure.message, 300) }
      }
      await this.#pause(wait)
    }
  }

  /** One try; undefined when it arrived. A notifier that does not mind its signal is not waited for either. */
  async #try(notifier: Notifier, notice: Notice): Promise<DeliveryFailure | undefined> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#closed.signal])
    const late = new Promise<DeliveryFailure>((resolve) => {
      signal.addEventListener('abort', () => resolve(new DeliveryFailure('no answer in time', { again: true })))
    })
    const callOff = this.#clock.after(this.#limits.timeoutMs, () => over.abort())
    const sent = (async () => {
      try {
        await notifier.notify(notice, { signal })
        return undefined
      } catch (error) {
        return error instanceof DeliveryFailure ? error : new DeliveryFailure(messageOf(error), { again: false })
      }
    })()
    const failure = await Promise.race([sent, late])
    callOff()
    return failure
  }

  #waitBefore(tried: number, asked: number | undefined): number {
    const { waitMs, longestWaitMs } = this.#limits
    const usual = Math.min(longestWaitMs, waitMs * 2 ** (tried - 1)) * (0.5 + this.#clock.random() / 2)
    return Math.max(usual, asked ?? 0)
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closed
    return new Promise((resolve) => {
      const callOff = this.#clock.after(ms, resolve)
      const end = () => {
        callOff()
        resolve()
      }
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    })
  }

  #clean(text: string, max: number): string {
    return oneLine(this.#redact(text), max)
  }
}

function redactNotice(notice: Notice, redact: Redact): Notice {
  const { kind, title, text, pattern, run, url, commands } = notice
  return {
    kind,
    title: redact(title),
    text: redact(text),
    ...(pattern === undefined ? {} : { pattern: redact(pattern) }),
    ...(run === undefined ? {} : { run: redact(run) }),
    ...(url === undefined ? {} : { url: redact(url) }),
    ...(commands === undefined ? {} : { commands: commands.map(redact) }),
  }
}
