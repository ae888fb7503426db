import { createHash } from 'node:crypto'
import type { Amounts, Caps } from '../core/budget.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { StepKey, WaitReason } from '../core/event.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { RunStatus } from '../core/ports.ts'
import type { Activation } from './activation.ts'
import type { ChildOptions } from './children.ts'
import type { Effect } from './effect.ts'
import type { Operation } from './operation.ts'
import { cancelledError, refusalReason, revokedError } from './reasons.ts'

/** What a step is told while it runs. */
export interface StepCall {
  readonly key: StepKey
  /** 1 the first time; higher when a driver died or was interrupted with this step in flight. */
  readonly attempt: number
  /** Aborted when the step shall end: on a stop its result still counts, after a cancellation it does not. */
  readonly signal: AbortSignal
  /** What was reserved for this call in the end; it may be less than was asked for, when little was left. */
  readonly reserved: Amounts
  /** Tells what the call has used so far, so that a cap can end it while it runs. */
  readonly onUsage: (amounts: Amounts) => void
}

export interface StepOptions<T> {
  /** What the step depends on; its hash is recorded, and other input on resume is `loop_diverged`. */
  readonly input?: unknown
  /** Names the sort of effect; the step then writes a start record. */
  readonly effect?: string
  /** At most once: a crash in flight gives the error `step_unknown` instead of a second try. */
  readonly once?: boolean
  /** Reserved before, settled after. */
  readonly reserve?: Amounts
  /** What was used in truth, from the step's value. */
  readonly usage?: (value: T) => Amounts
  /** What people shall see of a value that is too large for the journal; never read by replay. */
  readonly digest?: (value: T) => JsonObject
  /** May run after a cancellation, within the run's grace. For `finally` blocks. */
  readonly final?: boolean
  /** For people: shown with the step, never read by replay. */
  readonly detail?: JsonObject
}

/** How a child run ended. */
export interface ChildResult {
  readonly run: string
  readonly status: RunStatus
  readonly reason?: string
  readonly value?: Json
}

/** What a loop returns to go on in a new journal segment; see `Branch.continueAs`. */
export class Continuation {
  readonly state: Json
  constructor(state: Json) {
    this.state = state
  }
}

/**
 * One line of control in a run: everything a loop does to the world goes through a branch, one thing at a time.
 * The root branch is the loop's own; `parallel` and `race` give each of their functions a branch of its own.
 */
export class Branch {
  readonly #activation: Activation
  readonly #path: string
  readonly #parent: Branch | undefined
  #ordinal = 0
  #emitted = 0
  #current: string | undefined
  #closed = false
  #cancelled: { readonly reason: string; readonly graceUntil: number } | undefined

  constructor(activation: Activation, place: { readonly path: string; readonly parent: Branch | undefined }) {
    this.#activation = activation
    this.#path = place.path
    this.#parent = place.parent
  }

  /** The state the loop went on with (`continueAs`), or undefined in a run's first segment. */
  get state(): Json | undefined {
    return this.#activation.segment.state
  }

  /** The tightest caps of all budgets the run counts in; for reservations, not for decisions of the loop. */
  get caps(): Caps {
    return this.#activation.budget.tightest
  }

  /** True once a stop was asked for or a cap refused something; the same at this point on every replay. */
  get stopping(): boolean {
    return this.#activation.budget.stop !== undefined
  }

  /** Performs `fn` once and records what it returns or throws; on resume the record is returned instead. */
  step<T>(name: string, fn: (call: StepCall) => T | Promise<T>, options: StepOptions<T> = {}): Promise<T> {
    const hash = options.input === undefined ? undefined : hashOf(options.input)
    const effect: Effect = {
      effect: options.effect,
      once: options.once ?? false,
      reserve: options.reserve,
      detail: options.detail,
      perform: async (call) => await fn({ key, ...call }),
      usage: options.usage && ((value) => options.usage?.(value as T) ?? {}),
      digest: options.digest && ((value) => options.digest?.(value as T) ?? {}),
    }
    const final = options.final ?? false
    const key = this.#enter(name, final)
    return this.#request<T>({ key, name, hash, final }, (operation) =>
      this.#activation.effects.begin(operation, effect, this.#activation.segment.recorded(key)?.attempts ?? 0),
    )
  }

  /** Waits `ms` milliseconds; the time is kept across restarts. */
  sleep(ms: number, options: { readonly name?: string; readonly reason?: WaitReason } = {}): Promise<void> {
    return this.#wait(() => this.#activation.options.clock.now() + Math.max(0, ms), options)
  }

  /** Waits until `time`, in milliseconds since 1970. */
  sleepUntil(time: number, options: { readonly name?: string; readonly reason?: WaitReason } = {}): Promise<void> {
    return this.#wait(() => time, options)
  }

  #wait(due: () => number, options: { readonly name?: string; readonly reason?: WaitReason }): Promise<void> {
    const name = options.name ?? 'sleep'
    const key = this.#enter(name)
    const activation = this.#activation
    return this.#request<void>({ key, name }, (operation) => {
      const recorded = activation.segment.recorded(key)?.dueAt
      const wakeAt = recorded ?? due()
      if (recorded === undefined) {
        const reason = options.reason === undefined ? {} : { reason: options.reason }
        activation.appender.append({ kind: 'timer_set', key, name, dueAt: wakeAt, ...reason })
      }
      activation.segment.park(operation, { reason: options.reason ?? 'timer', wakeAt })
    })
  }

  /** Asks a person and waits for the answer, however long it takes. The answer goes to the ask's id: its step key. */
  ask<T = Json>(name: string, request: Json): Promise<T> {
    const key = this.#enter(name)
    const activation = this.#activation
    return this.#request<T>(
      { key, name, accepts: (signal) => signal.kind === 'answer' && signal.target === key },
      (operation) => {
        if (!activation.segment.recorded(key)) {
          activation.appender.append({
            kind: 'ask_opened',
            key,
            name,
            ask: key,
            request: activation.values.clean(request),
          })
        }
        activation.segment.park(operation, { reason: 'input' })
      },
    )
  }

  /** The next message of this name sent to the run; waits for one if need be. */
  receive<T = Json>(name: string): Promise<T> {
    const label = `message ${name}`
    const key = this.#enter(label)
    const accepts = (signal: { kind: string; target?: string }) => signal.kind === 'message' && signal.target === name
    const early = this.#activation.segment.takeSignal(accepts)
    if (early) {
      this.#current = undefined
      return Promise.resolve(early.payload as T)
    }
    return this.#request<T>({ key, name: label, accepts }, (operation) =>
      this.#activation.segment.park(operation, { reason: 'message' }),
    )
  }

  /** Runs another loop as a child and waits for its end. Its id follows from this run and this step. */
  run(loop: string, spec: Json, options: ChildOptions = {}): Promise<ChildResult> {
    const name = options.name ?? `run ${loop}`
    const key = this.#enter(name)
    const hash = hashOf([loop, spec])
    const activation = this.#activation
    const parent = activation.options.run
    const child = `${parent.id}-${hashOf([parent.id, key]).slice(0, 8)}`
    return this.#request<ChildResult>(
      { key, name, hash, child, accepts: (signal) => signal.kind === 'child_finished' && signal.target === child },
      (operation) => {
        const start = () => {
          if (!activation.segment.waitsFor(operation)) return
          const { caps, project } = options
          activation.options.children.start({ id: child, parent, key, loop, spec, caps, project }).then(
            () => activation.segment.park(operation, { reason: 'child' }),
            (error: unknown) => activation.segment.refuse(operation, error),
          )
        }
        if (activation.segment.recorded(key)) start()
        else activation.appender.append({ kind: 'child_started', key, name, hash, child, loop }, { done: start })
      },
    )
  }

  /**
   * Begins the next iteration and returns its number, from 1. When the budget allows no more, or a stop was asked for, it does
   * not return: the run stops here with its state, and goes on from here when it is resumed with a larger budget.
   */
  iteration(): Promise<number> {
    const name = 'iteration'
    const key = this.#enter(name)
    const activation = this.#activation
    return this.#request<number>({ key, name }, (operation) => {
      const { guard } = activation.budget
      if (guard) {
        activation.segment.park(operation, { reason: 'guard', guard })
        return
      }
      const claim = { step: key, attempt: 1, amounts: { iterations: 1 } }
      activation.appender.append(
        { kind: 'iteration_started', key, name, iteration: activation.segment.iteration + 1 },
        {
          reserve: claim,
          settle: claim,
          done: (result) => {
            if (result.ok) return
            const { refusal } = result
            activation.segment.park(operation, { reason: 'guard', guard: { reason: refusalReason(refusal), refusal } })
          },
        },
      )
    })
  }

  /** Milliseconds since 1970, recorded. */
  now(): Promise<number> {
    return this.step('now', () => this.#activation.options.clock.now())
  }

  /** Milliseconds since the run was started, or last set off again by a resume, an answer or a message; recorded. */
  elapsed(): Promise<number> {
    return this.step('elapsed', () => this.#activation.elapsed)
  }

  /** A number in [0, 1), recorded. */
  random(): Promise<number> {
    return this.step('random', () => this.#activation.options.clock.random())
  }

  /**
   * Calls `fn` for every item, each in a branch of its own, at most `concurrency` at a time, and returns the results in the
   * items' order. The first error cancels the other branches and is thrown when they have ended.
   */
  async parallel<I, O>(
    items: readonly I[],
    fn: (branch: Branch, item: I, index: number) => Promise<O>,
    options: { readonly concurrency?: number } = {},
  ): Promise<O[]> {
    const branches = this.#fork('parallel', items.length)
    const results: O[] = []
    let failure: { readonly error: unknown } | undefined
    let next = 0
    const worker = async () => {
      for (let index = next++; index < items.length && !failure; index = next++) {
        const branch = branches[index] as Branch
        try {
          results[index] = await fn(branch, items[index] as I, index)
        } catch (error) {
          failure ??= { error }
          for (const other of branches) if (other !== branch) other.cancel('another branch failed')
        } finally {
          branch.close()
        }
      }
    }
    const width = Math.max(1, Math.min(options.concurrency ?? items.length, items.length))
    await Promise.all(Array.from({ length: width }, worker))
    this.#current = undefined
    if (failure) throw failure.error
    return results
  }

  /** Calls every function in a branch of its own; the first to end decides, the others are cancelled and waited for. */
  async race<O>(fns: readonly ((branch: Branch) => Promise<O>)[]): Promise<O> {
    const branches = this.#fork('race', fns.length)
    let winner: { readonly value: O } | { readonly error: unknown } | undefined
    const settle = (outcome: { value: O } | { error: unknown }, index: number) => {
      if (winner) return
      winner = outcome
      branches.forEach((branch, i) => {
        if (i !== index) branch.cancel('another branch won the race')
      })
    }
    await Promise.all(
      fns.map(async (fn, index) => {
        const branch = branches[index] as Branch
        try {
          settle({ value: await fn(branch) }, index)
        } catch (error) {
          settle({ error }, index)
        } finally {
          branch.close()
        }
      }),
    )
    this.#current = undefined
    if (winner && 'error' in winner) throw winner.error
    return (winner as unknown as { value: O }).value
  }

  /** Adds a line to the journal for people to see. Costs no commit of its own, and is written once. */
  emit(name: string, data: object = {}): void {
    this.#refuseIfClosed(name)
    this.#activation.segment.emit(`${this.#place}:e${this.#emitted++}`, name, data)
  }

  /** Keeps what the run has achieved so far: it is the run's result if a guard stops it. */
  report(value: unknown): void {
    this.#activation.release.report(value)
  }

  /**
   * Whether code that was added after runs had begun may run at this place. Raise the loop's `version` when you add such a call:
   * a run that an older version drove past this place goes on as it began, every other run takes the new code. The answer at
   * one place of one run is always the same.
   */
  changed(id: string): boolean {
    this.#refuseIfClosed(`changed ${id}`)
    return this.#activation.segment.changed(`${this.#place}:${this.#ordinal}`, id)
  }

  /** Return this from a loop to start it anew with `state` in a fresh journal segment, so that replay stays short. */
  continueAs(state: Json): Continuation {
    return new Continuation(state)
  }

  /** Cancels this branch: its operations reject, later ones too, its effects are ended. */
  cancel(reason: string): void {
    if (this.#cancelled || this.#closed) return
    const { clock, graceMs } = this.#activation.options
    this.#cancelled = { reason, graceUntil: clock.now() + graceMs }
    this.#activation.segment.drop((path) => path === this.#path || path.startsWith(`${this.#path}/`), reason)
  }

  /** Ends the branch; calls after that are a programmer's error. */
  close(): void {
    this.#closed = true
  }

  get #place(): string {
    return `${this.#activation.segment.number}/${this.#path}`
  }

  /** Takes the next ordinal for an operation of this branch, which must have none under way. */
  #enter(name: string, final = false): StepKey {
    this.#refuseIfClosed(name)
    if (this.#current !== undefined) {
      throw new LoopwrightError(
        'overlapping_steps',
        `'${name}' was asked for while '${this.#current}' is under way in the same branch`,
        { hint: 'await one before the next, or use loop.parallel() and the branch it hands you' },
      )
    }
    const cancelled = this.#cancellation()
    if (cancelled && !final) throw cancelledError(cancelled.reason)
    this.#current = name
    return `${this.#place}:${this.#ordinal++}`
  }

  #refuseIfClosed(name: string): void {
    if (this.#activation.release.isReleased) throw revokedError()
    if (this.#closed) {
      throw new LoopwrightError('overlapping_steps', `'${name}' was asked for in a branch that has ended`, {
        hint: 'use the branch that parallel() or race() hands you, and only inside its function',
      })
    }
  }

  #cancellation(): { readonly reason: string; readonly graceUntil: number } | undefined {
    if (this.#cancelled) return this.#cancelled
    return this.#parent ? this.#parent.#cancellation() : this.#activation.cancellation
  }

  #fork(name: string, count: number): Branch[] {
    const key = this.#enter(name)
    const ordinal = key.slice(key.lastIndexOf(':') + 1)
    const prefix = this.#path === '' ? '' : `${this.#path}/`
    return Array.from(
      { length: count },
      (_, i) => new Branch(this.#activation, { path: `${prefix}${ordinal}.${i}`, parent: this }),
    )
  }

  #request<T>(
    identity: Pick<Operation, 'key' | 'name'> & {
      hash?: string | undefined
      final?: boolean
      accepts?: NonNullable<Operation['accepts']>
      child?: string
    },
    begin: (operation: Operation) => void,
  ): Promise<T> {
    const done = () => {
      this.#current = undefined
    }
    const promise = new Promise<T>((resolve, reject) => {
      const operation: Operation = {
        hash: undefined,
        final: false,
        ...identity,
        path: this.#path,
        graceUntil: identity.final ? this.#cancellation()?.graceUntil : undefined,
        begin: () => begin(operation),
        resolve: (value) => {
          done()
          resolve(value as T)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      }
      try {
        this.#activation.segment.request(operation)
      } catch (error) {
        operation.reject(error)
      }
    })
    // A loop may leave a promise behind when it is cancelled; that is no crash of the process.
    promise.catch(() => {})
    return promise
  }
}

/** A short hash of a step's input. */
export function hashOf(input: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(input) ?? 'undefined')
    .digest('hex')
    .slice(0, 16)
}
