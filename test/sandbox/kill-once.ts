import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Confinement } from '../../src/core/ports.ts'
import { type Supervise, supervise } from '../../src/process/supervise.ts'
import { type Shape, stand } from './tree-shapes.ts'

/** What a kill left, and how long it took in milliseconds. */
export interface Kill {
  readonly ms: number
  /** Pids the supervisor itself could not end. */
  readonly survivors: readonly number[]
  /** Pids found alive afterwards. */
  readonly alive: readonly number[]
}

/** How a kill is done. */
export interface KillOptions {
  /** Kills after so many milliseconds, wherever the shape is by then; when it stands by default. */
  readonly afterMs?: number
  /** Runs it, confined; without, nothing confines it. */
  readonly confined?: Supervise
}

/** Starts a shape, waits until it stands, and kills it hard. */
export async function killOnce(shape: Shape, directory: string, options: KillOptions = {}): Promise<Kill> {
  const { afterMs, confined } = options
  const { cwd, env, shell, alive } = stand(shape, directory)
  const stop = new AbortController()
  const start = { shell, cwd, env, signal: stop.signal, graceMs: 0 }
  const ended = confined === undefined ? supervise(start) : confined({ ...start, confinement: confinementOf(cwd) })
  try {
    if (afterMs === undefined) await until(() => alive().length >= shape.processes, `${shape.name} stands`)
    else await sleep(afterMs)
  } finally {
    stop.abort()
  }
  const began = performance.now()
  const seen = await ended
  const ms = performance.now() - began
  return { ms, survivors: seen.survivors ?? [], alive: alive() }
}

/** It may write where it stands, and reach nobody. Node may lie in the temporary directory, which is another one inside. */
export function confinementOf(cwd: string): Confinement {
  return { writable: [cwd], readable: [dirname(process.execPath)], hidden: [], network: 'none', env: ['*'] }
}

/** Waits until something is so, for up to 20 s. */
export async function until(what: () => boolean, name: string): Promise<void> {
  for (const end = Date.now() + 20_000; !what(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`not within 20 s: ${name}`)
  }
}
