import type { Caps } from '../core/budget.ts'
import { isLoopwrightError, LoopwrightError } from '../core/errors.ts'
import type { JournalEvent, Signal } from '../core/event.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { finalStatuses, type NewRun, type RunFilter, type RunRecord } from '../core/ports.ts'
import type { ChildRequest, Children } from './children.ts'
import { LoopContext } from './context.ts'
import type { AnyLoop } from './define.ts'
import { type DriveDeps, type Held, hold } from './drive.ts'
import type { Ending } from './ending.ts'
import { type ForkOptions, forkRun } from './fork.ts'
import type { ServicesOf } from './services.ts'
import { type WatchOptions, watchRun } from './watch.ts'

export interface RunsDeps extends Omit<DriveDeps, 'children' | 'bodyOf'> {
  readonly loops: readonly AnyLoop[]
  readonly servicesOf: ServicesOf
  /** Called after each activation of a run in this process (to write its folder, to end its workspace). */
  readonly onEnding?: (run: RunRecord, ending: Ending) => Promise<void>
}

export interface StartRequest {
  /** The name of a registered loop. */
  readonly loop: string
  /** What the user gave; the loop parses it. */
  readonly spec: unknown
  /** Absolute. */
  readonly project: string
  /** Made from the time and a random part when absent. The same id again is the same run. */
  readonly id?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly caps?: Caps
  /** Further ledger scopes this run counts in, such as `all` or a pattern and day. */
  readonly scopes?: readonly string[]
  readonly meta?: JsonObject
}

export interface DriveOptions {
  /** Also waits for a person's answer instead of returning when the run needs one. */
  readonly throughInput?: boolean
  /** Aborting it interrupts the run: effects end unrecorded, the run is paused and can be resumed. */
  readonly signal?: AbortSignal
}

/**
 * The door all surfaces go through: start runs, drive them, signal them, look at them. It holds no state of a run but what it
 * drives at this moment.
 */
export class Runs {
  readonly #deps: RunsDeps
  readonly #loops: ReadonlyMap<string, AnyLoop>
  readonly #held = new Map<string, Held>()
  readonly #starting = new Map<string, Promise<void>>()
  readonly #background = new Map<string, Promise<unknown>>()
  readonly #cancelling = new Map<string, Promise<unknown>>()
  readonly #driving = new Set<Promise<void>>()
  /** Runs this process holds or is about to. */
  readonly #taken = new Set<string>()
  /** Why a child could not be driven on, by its parent, until the parent hears of it. */
  readonly #stranded = new Map<string, unknown>()
  readonly #onStranded = new Set<() => void>()
  readonly #closing = new AbortController()
  readonly #children: Children

  constructor(deps: RunsDeps) {
    this.#deps = deps
    this.#loops = new Map(deps.loops.map((loop) => [loop.name, loop]))
    this.#children = {
      start: (child) => {
        const starting = this.#startChild(child)
        this.#starting.set(child.id, starting)
        return starting.finally(() => this.#starting.delete(child.id))
      },
      cancel: (child, reason) => this.#cancelChild(child, reason),
    }
  }

  /** Makes a run, queued. Rejects with `bad_input` for a spec the loop refuses and `not_found` for a loop nobody registered. */
  async start(request: StartRequest): Promise<RunRecord> {
    const loop = this.loop(request.loop)
    const spec = loop.parse(request.spec) as Json
    if (await this.#deps.store.killSwitch()) {
      throw new LoopwrightError('killed', 'the kill switch is on: no run may start', {
        hint: 'loopwright kill --off turns it off',
      })
    }
    const id = request.id ?? this.newId()
    const run: NewRun = {
      id,
      loop: loop.name,
      kind: loop.kind,
      version: loop.version,
      spec,
      project: request.project,
      scopes: [`run:${id}`, ...(request.scopes ?? [])],
      ...(request.labels ? { labels: request.labels } : {}),
      ...(request.caps ? { caps: request.caps } : {}),
      ...(request.meta ? { meta: request.meta } : {}),
    }
    return await this.#deps.store.createRun(run)
  }

  /** A new run id: `YYYYMMDD-HHMMSS-xxxxxx`, UTC. */
  newId(): string {
    const { clock } = this.#deps
    const time = new Date(clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
    const tail = Math.floor(clock.random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0')
    return `${time}-${tail}`
  }

  /** The registered loop of this name. */
  loop(name: string): AnyLoop {
    const loop = this.#loops.get(name)
    if (loop) return loop
    throw new LoopwrightError('not_found', `no loop named '${name}' is registered`, {
      hint: `known loops: ${[...this.#loops.keys()].join(', ')}`,
    })
  }

  /**
   * Drives a run in this process until it is over, or stopped by a guard, or paused, or waits for a person. Timers, rate limits,
   * messages and children are waited for. Answers the run as it is then.
   */
  drive(id: string, options: DriveOptions = {}): Promise<RunRecord> {
    const driving = this.#drive(id, options)
    const settled = driving.then(
      () => {},
      () => {},
    )
    this.#driving.add(settled)
    void settled.then(() => this.#driving.delete(settled))
    return driving
  }

  async #drive(id: string, options: DriveOptions): Promise<RunRecord> {
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])]
    const signal = AbortSignal.any(signals)
    let waited = false
    for (;;) {
      await this.#cancelling.get(id)
      const run = await this.get(id)
      if (signal.aborted) return run
      if (finalStatuses.includes(run.status)) {
        // Its driver may have died between the end of the run and what is done after it; doing that twice is the same as once.
        if (!waited) await this.#deps.onEnding?.(run, { type: 'finished', value: run.result })
        return run
      }
      // Paused, stopped or ended elsewhere while it waited here.
      if (waited && !['queued', 'running', 'waiting'].includes(run.status)) return run
      const ending = await this.#activate(run, signal).catch((error: unknown) => {
        if (waited && isLoopwrightError(error, 'conflict')) return undefined
        throw error
      })
      if (!ending) {
        // While it waited, another process took it up (to cancel it, say): what comes of that is told here too.
        await this.#pause(250, signal)
        continue
      }
      if (ending.type === 'lost') throw ending.error
      const now = await this.get(id)
      if (ending.type !== 'suspended') return now
      if (ending.reason === 'input' && !options.throughInput && (await this.#deps.store.inbox(id)).length === 0)
        return now
      waited = true
      await this.#wake(id, ending.wakeAt, signal)
      if (this.#stranded.has(id)) {
        const error = this.#stranded.get(id)
        this.#stranded.delete(id)
        throw error
      }
      if (signal.aborted) {
        await this.pauseHere(id, 'interrupted')
        return await this.get(id)
      }
    }
  }

  /** Drives every run that is due, and those that become due, until the signal is aborted. */
  async serve(signal: AbortSignal, options: { readonly filter?: (run: RunRecord) => boolean } = {}): Promise<void> {
    while (!signal.aborted) {
      for (const run of await this.#deps.store.due(this.#deps.clock.now())) {
        if (!options.filter || options.filter(run)) this.#inBackground(run.id)
      }
      await this.#pause(500, signal)
    }
  }

  /** The run. Rejects with `not_found`. */
  async get(id: string): Promise<RunRecord> {
    const run = await this.#deps.store.getRun(id)
    if (!run) throw new LoopwrightError('not_found', `no run '${id}'`, { hint: 'loopwright runs lists them' })
    return run
  }

  /** Runs, newest first. */
  list(filter?: RunFilter): Promise<RunRecord[]> {
    return this.#deps.store.listRuns(filter)
  }

  /** True when the row says running, but the driver is dead: the run was interrupted and can be resumed. */
  interrupted(run: RunRecord): boolean {
    if (run.status !== 'running' || !run.driver) return false
    if (run.driver.host !== this.#deps.drivers.self.host) return (run.leaseUntil ?? 0) < this.#deps.clock.now()
    return !this.#deps.drivers.isAlive(run.driver)
  }

  events(id: string, range?: { readonly from?: number; readonly to?: number }): Promise<JournalEvent[]> {
    return this.#deps.store.read(id, range)
  }

  /**
   * Events as they come, from `from` on, until the run is over, failed, stopped, paused or interrupted, or the signal is aborted;
   * through waiting. `untilFinal` goes on until nothing can continue the run.
   */
  watch(id: string, options: WatchOptions = {}): AsyncGenerator<JournalEvent> {
    const { store, clock } = this.#deps
    return watchRun({ store, clock, get: () => this.get(id), interrupted: (run) => this.interrupted(run) }, id, options)
  }

  /** Puts a signal in the run's inbox; false when its id was there before. */
  signal(id: string, signal: Signal): Promise<boolean> {
    return this.#deps.store.post(id, signal)
  }

  /** Answers an ask of a run. The first answer counts; false for one that came later. */
  answer(id: string, ask: string, answer: Json): Promise<boolean> {
    return this.signal(id, { id: `answer:${ask}`, kind: 'answer', target: ask, payload: answer })
  }

  /** Sends a named message to a run. */
  async send(id: string, name: string, payload: Json, messageId = this.newId()): Promise<void> {
    await this.signal(id, { id: `message:${messageId}`, kind: 'message', target: name, payload })
  }

  /** Asks a run to stop: effects that draw on the budget are ended, their results count, no further iteration begins. */
  async stop(id: string, reason = 'stopped'): Promise<void> {
    await this.#ask(id, 'stop', reason)
  }

  /** Asks a run's driver to pause: what is in flight is finished first. */
  async pause(id: string, reason = 'paused'): Promise<void> {
    await this.#ask(id, 'pause', reason)
  }

  /**
   * Cancels a run: its steps in flight are ended, `final` steps may run within the grace. One that nobody drives is driven here to
   * its end; `close` waits for that.
   */
  async cancel(id: string, reason = 'cancelled'): Promise<void> {
    await this.signal(id, { id: 'cancel', kind: 'cancel', payload: reason })
    const run = await this.get(id)
    if (finalStatuses.includes(run.status)) return
    if (run.status !== 'running' || this.interrupted(run)) this.#inBackground(id)
    const driving = this.#background.get(id)
    if (!driving) return
    this.#cancelling.set(id, driving)
    void driving.then(() => this.#cancelling.delete(id))
  }

  /** Opens a run that was stopped, paused, interrupted or failed for another drive, with larger caps if given. */
  async reopen(id: string, caps: Caps = {}): Promise<RunRecord> {
    const run = await this.get(id)
    if (finalStatuses.includes(run.status)) {
      throw new LoopwrightError('conflict', `run '${id}' is ${run.status}: nothing is left to resume`, {
        hint: `loopwright fork ${id} --at N starts a new run from its iteration N`,
      })
    }
    // A pause or a stop that nobody was there to hear is overruled by this.
    const unheard = (await this.#deps.store.inbox(id)).some(({ kind }) => kind === 'pause' || kind === 'stop')
    if (run.status === 'stopped' || unheard || Object.keys(caps).length > 0) {
      await this.signal(id, { id: `reopen:${run.lastSeq}:${this.newId()}`, kind: 'reopen', payload: { ...caps } })
    }
    return run
  }

  /** Ends a run now, wherever it is driven: its driver and all it started are killed, and the run is over. */
  async kill(id: string, reason = 'killed'): Promise<void> {
    const { store, drivers, clock } = this.#deps
    const held = this.#held.get(id)
    if (held) {
      held.activation.revoke(new LoopwrightError('killed', reason))
      await held.ended
    }
    const run = await this.get(id)
    if (finalStatuses.includes(run.status)) return
    if (run.driver && run.driver.id !== drivers.self.id && run.driver.host === drivers.self.host) {
      await drivers.end(run.driver)
    }
    const claim = await store.claim(id, drivers.self, { leaseUntil: clock.now() + 10_000, force: true })
    await store.append(id, claim.epoch, [{ event: { kind: 'run_killed', reason } }], {
      status: 'killed',
      reason,
      wakeAt: null,
      release: true,
    })
    for (const child of await this.list({ parent: id })) await this.kill(child.id, reason)
    await this.#deps.onEnding?.(await this.get(id), { type: 'cancelled', reason })
  }

  /** A new run that begins where iteration `at` of another began; see `forkRun`. */
  async fork(id: string, at: number, options: ForkOptions = {}): Promise<RunRecord> {
    const forked = this.newId()
    await forkRun(this.#deps, { run: await this.get(id), at, id: forked }, options)
    return await this.get(forked)
  }

  /** Pauses whatever this process drives and waits for it. Called when the process is told to end. */
  async close(reason = 'interrupted'): Promise<void> {
    await Promise.allSettled([...this.#cancelling.values()])
    this.#closing.abort(reason)
    for (const held of [...this.#held.values()]) held.activation.interrupt(reason)
    await Promise.allSettled([...this.#held.values()].map((held) => held.ended))
    await Promise.allSettled([...this.#background.values(), ...this.#driving])
  }

  // ── driving ────────────────────────────────────────────────────────────────

  async #activate(run: RunRecord, signal: AbortSignal): Promise<Ending> {
    if (this.#taken.has(run.id)) {
      throw new LoopwrightError('conflict', `run '${run.id}' is being driven by this process already`)
    }
    this.loop(run.loop) // before the run is claimed: nobody would give it up again
    this.#taken.add(run.id)
    try {
      return await this.#hold(run, signal)
    } finally {
      this.#taken.delete(run.id)
    }
  }

  async #hold(run: RunRecord, signal: AbortSignal): Promise<Ending> {
    const held = await hold({ ...this.#deps, children: this.#children, bodyOf: (r) => this.#bodyOf(r) }, run.id)
    this.#held.set(run.id, held)
    const interrupt = () => held.activation.interrupt('interrupted')
    signal.addEventListener('abort', interrupt, { once: true })
    if (signal.aborted) interrupt()
    try {
      const ending = await held.ended
      const now = await this.get(run.id)
      if (ending.type !== 'lost') {
        await this.#deps.onEnding?.(now, ending)
        await this.#tellParent(now)
      }
      return ending
    } finally {
      signal.removeEventListener('abort', interrupt)
      this.#held.delete(run.id)
    }
  }

  #bodyOf(run: RunRecord): ReturnType<DriveDeps['bodyOf']> {
    const loop = this.loop(run.loop)
    const services = this.#deps.servicesOf(run)
    const facts = { id: run.id, project: run.project, labels: run.labels }
    return {
      version: loop.version,
      body: async (branch, spec, activation) =>
        await loop.run(
          new LoopContext({
            branch,
            services,
            run: facts,
            iteration: {
              get number() {
                return activation.iteration
              },
              set number(_: number) {},
            },
          }),
          loop.parse(spec),
        ),
    }
  }

  #inBackground(id: string, parent?: string): void {
    if (this.#taken.has(id) || this.#background.has(id) || this.#closing.signal.aborted) return
    const driving = this.drive(id, { throughInput: true })
      .catch((error: unknown) => {
        // Whoever drives it now will end it. Anything else would leave a parent waiting for what nobody does.
        if (isLoopwrightError(error, 'conflict') || isLoopwrightError(error, 'fenced')) return
        if (parent === undefined || isLoopwrightError(error, 'killed')) return
        this.#stranded.set(parent, error)
        for (const tell of this.#onStranded) tell()
      })
      .finally(() => this.#background.delete(id))
    this.#background.set(id, driving)
  }

  async #startChild(child: ChildRequest): Promise<void> {
    const loop = this.loop(child.loop)
    const { parent } = child
    const run = await this.#deps.store.createRun({
      id: child.id,
      loop: loop.name,
      kind: loop.kind,
      version: loop.version,
      spec: loop.parse(child.spec) as Json,
      project: child.project ?? parent.project,
      parent: { run: parent.id, key: child.key },
      labels: parent.labels,
      // A child counts in its parent's budget too, so that no tree of runs passes the cap at its root.
      scopes: [`run:${child.id}`, ...parent.scopes],
      ...(child.caps ? { caps: child.caps } : {}),
      ...(parent.meta ? { meta: parent.meta } : {}),
    })
    if (isOver(run)) await this.#tellParent(run)
    else this.#inBackground(run.id, parent.id)
  }

  async #cancelChild(id: string, reason: string): Promise<void> {
    await this.#starting.get(id)?.catch(() => {})
    // One that was never made needs no cancelling, and is not made any more: its parent does not wait for it.
    if (await this.#deps.store.getRun(id)) await this.cancel(id, reason)
  }

  /** Reports a child's end to its parent; the id makes telling it twice the same as once. */
  async #tellParent(run: RunRecord): Promise<void> {
    if (!run.parent || !isOver(run)) return
    await this.#deps.store.post(run.parent.run, {
      id: `child:${run.id}`,
      kind: 'child_finished',
      target: run.id,
      payload: {
        run: run.id,
        status: run.status,
        ...(run.reason === undefined ? {} : { reason: run.reason }),
        ...(run.result === undefined ? {} : { value: run.result }),
      },
    })
  }

  async #wake(id: string, wakeAt: number | undefined, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps
    let wake = () => {}
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const look = () => {
      if (this.#stranded.has(id)) wake()
      // Somebody else may have consumed the signal and done what it asks.
      Promise.all([store.inbox(id), store.getRun(id)]).then(([signals, run]) => {
        if (signals.length > 0 || run?.status !== 'waiting') wake()
      }, wake)
    }
    const unsubscribe = store.subscribe(id, look)
    this.#onStranded.add(look)
    const callOff = wakeAt === undefined ? () => {} : clock.after(Math.max(0, wakeAt - clock.now()), wake)
    signal.addEventListener('abort', wake, { once: true })
    if (signal.aborted) wake()
    look()
    await woken
    unsubscribe()
    this.#onStranded.delete(look)
    callOff()
    signal.removeEventListener('abort', wake)
  }

  /** Marks a run that waits (and is not held) as paused, so that nobody else wakes it. */
  async pauseHere(id: string, reason: string): Promise<void> {
    const { store, drivers, clock } = this.#deps
    const claim = await store.claim(id, drivers.self, { leaseUntil: clock.now() + 10_000 })
    await store.append(id, claim.epoch, [{ event: { kind: 'run_paused', reason } }], {
      status: 'paused',
      reason,
      release: true,
    })
  }

  async #ask(id: string, kind: 'stop' | 'pause', reason: string): Promise<void> {
    const run = await this.get(id)
    await this.signal(id, { id: `${kind}:${run.epoch}`, kind, payload: reason })
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#deps.clock.after(ms, resolve)
      signal.addEventListener(
        'abort',
        () => {
          callOff()
          resolve()
        },
        { once: true },
      )
    })
  }
}

/** True for a run that will not go on by itself. A parent takes that as its child's end. */
function isOver(run: RunRecord): boolean {
  return finalStatuses.includes(run.status) || run.status === 'failed' || run.status === 'stopped'
}
