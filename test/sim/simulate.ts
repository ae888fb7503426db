import { isLoopwrightError, LoopwrightError } from '../../src/core/errors.ts'
import type { JournalEvent } from '../../src/core/event.ts'
import type { DriverId, Entry, RunRecord, Store } from '../../src/core/ports.ts'
import { defineLoop } from '../../src/engine/define.ts'
import { Runs } from '../../src/engine/runs.ts'
import type { Services } from '../../src/engine/services.ts'
import { memoryBlobs } from '../../src/store/blobs.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { type Immediates, trackImmediates } from './immediates.ts'
import { interpret, type Node, type Scenario, type World } from './program.ts'

/** What happens to the process that drives, at its n-th append. */
export interface Fault {
  readonly at: number
  /** Dies before the append is stored, or after; or hangs there while another takes over, and wakes up later. */
  readonly how: 'before' | 'after' | 'hang'
}

export interface Outcome {
  readonly run: RunRecord
  readonly journals: ReadonlyMap<string, readonly JournalEvent[]>
  readonly runs: readonly RunRecord[]
  /** What the loop of each run saw, per activation, in the last segment. */
  readonly traces: ReadonlyMap<string, readonly Trace[]>
  readonly performed: readonly Performed[]
  readonly appends: number
  readonly problems: readonly string[]
  readonly spend: ReadonlyMap<
    string,
    { readonly used: number; readonly spent: number; readonly cap: number | undefined }
  >
}

export interface Trace {
  readonly segment: number
  readonly old: boolean
  readonly seen: readonly string[]
}

export interface Performed {
  readonly run: string
  readonly key: string
  readonly attempt: number
  readonly process: string
  readonly node: Node
  readonly at: number
}

/** Fake hours after which a simulation that is not over hangs. */
const patienceMs = 6 * 3_600_000
/** Appends, of all processes together, after which a simulation does not end: the largest program needs a tenth of it. */
const endlessAppends = 1_300
const startedAt = Date.UTC(2026, 0, 1)

/** One process: what it does reaches the shared world only while it is alive. */
class Process {
  readonly id: DriverId
  state: 'alive' | 'hung' | 'dead' = 'alive'
  hasHung = false
  #resume: (() => void)[] = []

  constructor(number: number) {
    this.id = { id: `p${number}`, host: 'sim', pid: number, started: String(number) }
  }

  /** Goes on at once in a live process, later in a hung one, never in a dead one. */
  async gate(): Promise<void> {
    if (this.state === 'alive') return
    if (this.state === 'dead') return await new Promise<void>(() => {})
    await new Promise<void>((resolve) => this.#resume.push(resolve))
  }

  wake(): void {
    if (this.state !== 'hung') return
    this.state = 'alive'
    for (const go of this.#resume) go()
    this.#resume = []
  }
}

/** Plays a scenario to its end, with at most one fault, and reports everything that can be held against it. */
export async function simulate(scenario: Scenario, fault?: Fault): Promise<Outcome> {
  const immediates = trackImmediates()
  try {
    return await new Simulation(scenario, fault, immediates).play()
  } finally {
    immediates.restore()
  }
}

class Simulation {
  readonly #scenario: Scenario
  readonly #fault: Fault | undefined
  readonly #immediates: Immediates
  readonly #clock: FakeClock
  readonly #store: Store
  readonly #blobs = memoryBlobs()
  readonly #problems: string[] = []
  readonly #performed: Performed[] = []
  readonly #traces = new Map<string, { segment: number; old: boolean; seen: string[] }[]>()
  readonly #asked = new Set<string>()
  readonly #greeted = new Set<string>()
  readonly #inFlight = new Map<string, Set<string>>()
  readonly #settled = new Set<string>()
  #appends = 0
  #processes = 0
  #refills = 0

  constructor(scenario: Scenario, fault: Fault | undefined, immediates: Immediates) {
    this.#scenario = scenario
    this.#fault = fault
    this.#immediates = immediates
    this.#clock = new FakeClock({ start: startedAt, seed: scenario.seed })
    this.#store = memoryStore({ now: () => this.#clock.now() })
  }

  async play(): Promise<Outcome> {
    const { scenario: id } = { scenario: `run${this.#scenario.seed}` }
    let process = new Process(++this.#processes)
    let runs = this.#runsOf(process)
    await this.#settle(
      runs.start({
        loop: 'program',
        spec: { program: this.#scenario.program },
        project: '/',
        id,
        caps: this.#scenario.caps,
      }),
      process,
    )
    this.#schedule(id)
    for (let turn = 0; turn < 60; turn++) {
      const before = process
      const run = await this.#settle(
        runs.drive(id, { throughInput: true }).catch((error: unknown) => error),
        process,
      )
      if (before.state !== 'alive' || run === dead) {
        // A new process finds the run as the old one left it.
        process = new Process(++this.#processes)
        runs = this.#runsOf(process)
        const hung = before
        if (hung.state === 'hung') {
          this.#clock.advance(120_000)
          this.#clock.after(50, () => hung.wake())
        }
        continue
      }
      if (isLoopwrightError(run, 'conflict')) {
        // The one that hung woke up in time and goes on; look again later.
        await this.#settle(new Promise<void>((resolve) => void this.#clock.after(10_000, resolve)), process)
        continue
      }
      if (run instanceof Error) {
        this.#problems.push(`the drive was rejected: ${run.message}`)
        break
      }
      const now = run as RunRecord
      if (now.status === 'stopped' || now.status === 'paused') {
        const more = { iterations: 1_000, tokens: 1_000_000, activeMs: 10_000_000 }
        await this.#settle(runs.reopen(id, now.status === 'stopped' ? more : {}), process)
        continue
      }
      break
    }
    // Whoever still hangs wakes up now, and finds itself fenced; whatever still works on comes to light.
    for (const one of this.#all.values()) one.wake()
    for (const until = this.#clock.now() + 60_000; (this.#clock.next ?? until) < until; this.#clock.step())
      await this.#drain()
    await this.#drain()
    return await this.#report(id)
  }

  // ── one process ────────────────────────────────────────────────────────────

  #runsOf(process: Process): Runs {
    const store = this.#storeOf(process)
    const clock = {
      now: () => this.#clock.now(),
      random: () => this.#clock.random(),
      after: (ms: number, call: () => void) =>
        this.#clock.after(ms, () => {
          if (process.state === 'alive') call()
          else if (process.state === 'hung') void process.gate().then(call)
        }),
    }
    return new Runs({
      store,
      clock,
      blobs: this.#blobs,
      redact: (text) => text,
      drivers: {
        self: process.id,
        isAlive: (driver) => this.#isAlive(driver),
        end: async (driver) => this.#end(driver),
      },
      loops: [this.#loop(process)],
      servicesOf: () => noServices,
      limits: { lingerMs: this.#scenario.lingerMs, watchdogMs: 1_000, graceMs: 60_000, blobChars: 200 },
      leaseMs: 60_000,
    })
  }

  readonly #all = new Map<string, Process>()

  #isAlive(driver: DriverId): boolean {
    return this.#all.get(driver.id)?.state !== 'dead'
  }

  #end(_driver: DriverId): void {
    // The other may be hung and wake up later all the same: only the fence protects the journal.
  }

  #loop(process: Process) {
    return defineLoop<{ program: Node }, unknown>({
      name: 'program',
      version: this.#scenario.evolves && process.id.id !== 'p1' ? '2' : '1',
      run: async (loop, spec) => {
        const run = loop.run.id
        const segment = loop.state === undefined ? 0 : (loop.state as { segment: number }).segment
        const old = this.#scenario.evolves && process.id.id === 'p1'
        const trace = { segment, old, seen: [] as string[] }
        const list = this.#traces.get(run) ?? []
        this.#traces.set(run, [...list, trace])
        const world: World = {
          trace: trace.seen,
          old,
          problem: (text) => {
            if (!process.hasHung) this.#problems.push(text)
          },
          perform: (call, node) => this.#perform(process, run, call, node),
        }
        const value = await interpret(loop, spec.program, world)
        loop.report({ reported: true })
        const last = run.includes('-') ? 1 : this.#scenario.segments
        if (segment + 1 < last) return loop.continueAs({ segment: segment + 1 })
        return value
      },
    })
  }

  /** Takes the time the program says, and holds the engine to its promises. */
  async #perform(
    process: Process,
    run: string,
    call: { readonly key: string; readonly attempt: number; readonly signal: AbortSignal },
    node: Node,
  ): Promise<void> {
    await process.gate()
    const { key, attempt } = call
    this.#performed.push({ run, key, attempt, process: process.id.id, node, at: this.#clock.now() })
    const journal = await this.#store.read(run)
    // One that hung may wake up and act before it hears of its end: the fence protects the journal, not the world.
    if (!process.hasHung && journal.some((event) => event.kind === 'step_settled' && event.key === key)) {
      this.#problems.push(`${node.id} (${key}) was performed again after its result was recorded`)
    }
    const starts = journal.filter((event) => event.kind === 'step_started' && event.key === key)
    const needsStart = node.op === 'spend' || node.op === 'once' || (node.op === 'step' && node.effect)
    if (needsStart && !starts.some((event) => event.kind === 'step_started' && event.attempt === attempt)) {
      this.#problems.push(`${node.id} (${key}) was performed before its start was recorded`)
    }
    if (node.op === 'once' && starts.length > 1) this.#problems.push(`${node.id} (${key}) was started twice`)
    if (journal.some((event) => event.kind === 'cancel_requested') && node.op !== 'finally') {
      const epochNow = (await this.#store.getRun(run))?.epoch
      const cancelled = journal.find((event) => event.kind === 'cancel_requested')
      if (cancelled && cancelled.epoch !== epochNow)
        this.#problems.push(`${node.id} (${key}) was begun after a cancellation`)
    }
    const mark = `${process.id.id} ${key} ${attempt}`
    const flying = this.#inFlight.get(run) ?? new Set()
    this.#inFlight.set(run, flying.add(mark))
    const ms = 'ms' in node ? node.ms : 0
    await new Promise<void>((resolve) => {
      const callOff = this.#clock.after(ms, resolve)
      // What is told to end, ends: after a moment, as processes do.
      call.signal.addEventListener('abort', () => {
        callOff()
        this.#clock.after(1, resolve)
      })
    })
    flying.delete(mark)
    await process.gate()
  }

  #storeOf(process: Process): Store {
    this.#all.set(process.id.id, process)
    const shared = this.#store
    const simulation = this
    return new Proxy(shared, {
      get(target, name) {
        const member = target[name as keyof Store] as unknown
        if (typeof member !== 'function') return member
        if (name === 'subscribe') {
          return (id: string, call: (by?: 'append') => void) =>
            target.subscribe(id, (by) => {
              if (process.state === 'alive') call(by)
              // It looks for what others did as soon as it runs again, as the store's own poll does.
              else if (process.state === 'hung') void process.gate().then(() => call())
            })
        }
        return async (...args: unknown[]) => {
          await process.gate()
          if (name === 'append') return await simulation.#append(process, args as Parameters<Store['append']>)
          return await (member as (...args: unknown[]) => Promise<unknown>).apply(target, args)
        }
      },
    })
  }

  async #append(process: Process, args: Parameters<Store['append']>): ReturnType<Store['append']> {
    const [run, , entries, patch] = args
    const number = ++this.#appends
    if (number === endlessAppends) this.#problems.push(`${run}: ${number} appends and no end`)
    if (number >= endlessAppends) process.state = 'dead'
    const faulty = this.#fault?.at === number
    if (faulty && this.#fault?.how === 'before') process.state = 'dead'
    if (faulty && this.#fault?.how === 'hang') {
      process.state = 'hung'
      process.hasHung = true
    }
    await process.gate()
    this.#inspect(process, run, entries, patch?.status)
    const result = await this.#store.append(...args)
    for (const one of result) {
      if (!one.ok || one.event.kind !== 'step_settled') continue
      const mark = `${run} ${one.event.key}`
      if (this.#settled.has(mark)) this.#problems.push(`${one.event.name} (${one.event.key}) was settled twice`)
      this.#settled.add(mark)
    }
    if (faulty && this.#fault?.how === 'after') process.state = 'dead'
    await process.gate()
    return result
  }

  #inspect(process: Process, run: string, entries: readonly Entry[], status: string | undefined): void {
    if (status !== 'waiting' && status !== 'stopped') return
    const own = [...(this.#inFlight.get(run) ?? [])].filter((mark) => mark.startsWith(`${process.id.id} `))
    if (own.length > 0) this.#problems.push(`suspended with effects in flight: ${own.join(', ')}`)
    if (entries.length === 0) this.#problems.push('suspended without saying so')
  }

  // ── the world outside ──────────────────────────────────────────────────────

  #schedule(id: string): void {
    const { cancelAt, stopAt, pauseAt } = this.#scenario
    const post = (kind: 'cancel' | 'stop' | 'pause', at: number | undefined) => {
      if (at === undefined) return
      this.#clock.after(at, () => void this.#store.post(id, { id: `${kind}1`, kind, payload: kind }))
    }
    post('cancel', cancelAt)
    post('stop', stopAt)
    post('pause', pauseAt)
  }

  /** Answers what was asked and greets new runs with their messages. */
  async #tick(): Promise<void> {
    for (const run of await this.#store.listRuns()) {
      if (!this.#greeted.has(run.id)) {
        this.#greeted.add(run.id)
        this.#scenario.messages.forEach(({ name, at }, i) => {
          const message = { id: `m${i}`, kind: 'message', target: name, payload: `${name}${i}` } as const
          this.#clock.after(at, () => void this.#store.post(run.id, message))
        })
      }
      for (const event of await this.#store.read(run.id)) {
        if (event.kind !== 'ask_opened' || this.#asked.has(`${run.id} ${event.ask}`)) continue
        this.#asked.add(`${run.id} ${event.ask}`)
        const { answerAfter } = event.request as { answerAfter: number }
        const answer = {
          id: `answer ${event.ask}`,
          kind: 'answer',
          target: event.ask,
          payload: `answer to ${event.name}`,
        } as const
        this.#clock.after(answerAfter, () => {
          void this.#store.post(run.id, answer)
          void this.#store.post(run.id, { ...answer, id: `${answer.id} again`, payload: 'a second answer' })
        })
      }
    }
  }

  /** A program may take more messages than were sent; then the world sends more. */
  async #refill(): Promise<void> {
    this.#refills++
    for (const run of await this.#store.listRuns({ status: ['waiting', 'running'] })) {
      for (const name of ['a', 'b']) {
        const message = { id: `r${name}${this.#refills}`, kind: 'message', target: name, payload: 'refill' } as const
        await this.#store.post(run.id, message)
      }
    }
  }

  /** Runs the world until the promise settles, the process is gone, or nothing happens any more. */
  async #settle<T>(promise: Promise<T>, process: Process): Promise<T | typeof dead> {
    let value: { readonly got: T } | undefined
    promise.then(
      (got) => {
        value = { got }
      },
      (error: unknown) => {
        this.#problems.push(`unexpected rejection: ${error instanceof Error ? error.stack : String(error)}`)
        value = { got: error as T }
      },
    )
    const deadline = this.#clock.now() + patienceMs
    let quietSince = this.#appends
    let quietFrom = this.#clock.now()
    for (;;) {
      await this.#drain()
      if (value) return value.got
      if (process.state !== 'alive') return dead
      await this.#tick()
      if (this.#appends !== quietSince) {
        quietSince = this.#appends
        quietFrom = this.#clock.now()
      } else if (this.#clock.now() - quietFrom > 600_000 && this.#refills < 20) {
        quietFrom = this.#clock.now()
        await this.#refill()
      }
      if (this.#clock.next === undefined && this.#refills < 20) {
        await this.#refill()
        continue
      }
      if (!this.#clock.step() || this.#clock.now() > deadline) {
        this.#problems.push(`deadlock: nothing happens any more, and the run is not over: ${await this.#describe()}`)
        throw new Deadlock(this.#problems)
      }
    }
  }

  async #describe(): Promise<string> {
    const parts: string[] = []
    for (const run of await this.#store.listRuns()) {
      const last = (await this.#store.read(run.id)).at(-1)
      const inbox = (await this.#store.inbox(run.id)).map((signal) => signal.id)
      const driver = run.driver ? `${run.driver.id} (${this.#all.get(run.driver.id)?.state})` : 'nobody'
      parts.push(`${run.id} ${run.status} by ${driver}, last ${last?.seq} ${last?.kind}, inbox [${inbox.join(' ')}]`)
    }
    return parts.join('; ')
  }

  /** Lets everything that is ready happen, without moving the clock. */
  async #drain(): Promise<void> {
    do await this.#immediates.tick()
    while (this.#immediates.pending > 0)
  }

  async #report(id: string): Promise<Outcome> {
    const runs = await this.#store.listRuns()
    const journals = new Map<string, JournalEvent[]>()
    const spend = new Map<string, { used: number; spent: number; cap: number | undefined }>()
    for (const run of runs) {
      journals.set(run.id, await this.#store.read(run.id))
      const scope = run.scopes[0] ?? ''
      const { used, spent } = await this.#store.spend(scope)
      spend.set(run.id, { used: used.tokens ?? 0, spent: spent.tokens ?? 0, cap: run.caps?.tokens })
    }
    const run = runs.find((one) => one.id === id)
    if (!run) throw new LoopwrightError('not_found', id)
    return {
      run,
      runs,
      journals,
      traces: this.#traces,
      performed: this.#performed,
      appends: this.#appends,
      problems: this.#problems,
      spend,
    }
  }
}

const dead = Symbol('the process is dead')

export class Deadlock extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super('deadlock')
    this.problems = problems
  }
}

const unavailable = () => {
  throw new Error('a simulated program has no such service')
}
const noServices: Services = {
  role: unavailable,
  workspace: unavailable,
  runCheck: unavailable,
  runCommand: unavailable,
  amounts: () => ({}),
  outputPath: () => undefined,
  hooks: {},
}
