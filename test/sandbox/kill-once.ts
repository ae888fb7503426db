import { setTimeout as sleep } from 'node:timers/promises'
import { supervise } from '../../src/process/supervise.ts'
import { type Shape, stand } from './tree-shapes.ts'

/** What a kill left, and how long it took in milliseconds. */
export interface Kill {
  readonly ms: number
  /** Pids the supervisor itself could not end. */
  readonly survivors: readonly number[]
  /** Pids found alive afterwards. */
  readonly alive: readonly number[]
}

/** Starts a shape, waits until it stands, or only so many milliseconds, and kills it hard. */
export async function killOnce(shape: Shape, directory: string, afterMs?: number): Promise<Kill> {
  const { cwd, env, shell, alive } = stand(shape, directory)
  const stop = new AbortController()
  const ended = supervise({ shell, cwd, env, signal: stop.signal, graceMs: 0 })
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

/** Waits until something is so, for up to 20 s. */
export async function until(what: () => boolean, name: string): Promise<void> {
  for (const end = Date.now() + 20_000; !what(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`not within 20 s: ${name}`)
  }
}
