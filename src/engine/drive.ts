import { isLoopwrightError, LoopwrightError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { Blobs, Clock, DriverId, Redact, RunRecord, Store } from '../core/ports.ts'
import { Activation, type ActivationLimits, defaultLimits } from './activation.ts'
import type { Branch } from './branch.ts'
import type { Children } from './children.ts'
import type { Ending } from './ending.ts'

/** The processes that drive runs on this machine; knows who is alive and can end who is not wanted any more. */
export interface Drivers {
  readonly self: DriverId
  isAlive(driver: DriverId): boolean
  /** Ends a driver of this machine and every process it started, and returns when they are gone. */
  end(driver: DriverId): Promise<void>
}

export interface DriveDeps {
  readonly store: Store
  readonly clock: Clock
  readonly blobs: Blobs
  readonly redact: Redact
  readonly children: Children
  readonly drivers: Drivers
  /** The loop function of a run, and the version of its code. */
  readonly bodyOf: (run: RunRecord) => {
    readonly version: string
    readonly body: (root: Branch, spec: Json, activation: Activation) => Promise<unknown>
  }
  readonly limits?: Partial<ActivationLimits>
  /** How long a driver that does not renew may hold a run, in milliseconds. */
  readonly leaseMs?: number
}

/** A run this process holds: to interrupt it, and to hear how its activation ended. */
export interface Held {
  readonly run: RunRecord
  readonly activation: Activation
  readonly ended: Promise<Ending>
}

const defaultLeaseMs = 30_000

/**
 * Takes a run for this process and drives it for one activation. A driver that is dead is replaced; one that is alive and holds
 * its lease is not (`conflict`); one that let its lease expire is ended first, with all it started.
 */
export async function hold(deps: DriveDeps, id: string): Promise<Held> {
  const { store, clock, drivers } = deps
  const leaseMs = deps.leaseMs ?? defaultLeaseMs
  const found = await store.getRun(id)
  if (!found) throw new LoopwrightError('not_found', `no run '${id}'`, { hint: 'loopwright runs lists them' })
  const force = await replaceDriver(deps, found)
  const claim = await store.claim(id, drivers.self, { leaseUntil: clock.now() + leaseMs, force })
  const { version, body } = deps.bodyOf(claim.run)
  const activation: Activation = new Activation({
    ...defaultLimits,
    ...deps.limits,
    store,
    clock,
    blobs: deps.blobs,
    redact: deps.redact,
    children: deps.children,
    run: claim.run,
    epoch: claim.epoch,
    driver: drivers.self.id,
    version,
    body: (root, spec) => body(root, spec, activation),
  })
  const stopRenewing = keepLease(deps, activation, claim.epoch, leaseMs)
  const ended = activation.run().finally(stopRenewing)
  return { run: claim.run, activation, ended }
}

/** True when the run's driver is out of the way and the claim may be forced. */
async function replaceDriver(deps: DriveDeps, run: RunRecord): Promise<boolean> {
  const { driver } = run
  if (!driver || driver.host !== deps.drivers.self.host) return false
  const leased = run.leaseUntil !== undefined && run.leaseUntil > deps.clock.now()
  // What we hold ourselves never comes here: a row that still names us is of an activation that was lost.
  const own = driver.id === deps.drivers.self.id
  if (leased && !own && deps.drivers.isAlive(driver)) {
    throw new LoopwrightError('conflict', `run '${run.id}' is being driven by process ${driver.pid}`, {
      hint: `loopwright watch ${run.id} shows it; loopwright pause ${run.id} takes it from there`,
    })
  }
  if (!own) await deps.drivers.end(driver)
  return true
}

/** Renews the lease in time; ends the activation before a lease that cannot be renewed runs out. */
function keepLease(deps: DriveDeps, activation: Activation, epoch: number, leaseMs: number): () => void {
  const { store, clock } = deps
  const { id } = activation.options.run
  let until = clock.now() + leaseMs
  let callOff = () => {}
  let stopped = false
  const beat = async () => {
    const next = clock.now() + leaseMs
    try {
      await store.renew(id, epoch, next)
      until = next
    } catch (error) {
      if (stopped) return
      if (isLoopwrightError(error, 'fenced') || clock.now() >= until - leaseMs / 3) {
        activation.revoke(error)
        return
      }
    }
    if (!stopped) callOff = clock.after(leaseMs / 3, beat)
  }
  callOff = clock.after(leaseMs / 3, beat)
  return () => {
    stopped = true
    callOff()
  }
}
