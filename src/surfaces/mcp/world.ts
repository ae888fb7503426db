import { resolve } from 'node:path'
import type { App } from '../../app.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { plainText } from '../../core/plain.ts'

/** What the MCP server has of the world. */
export interface McpWorld {
  /** Where the server was started; absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** Hears what people should know. Never standard output: that carries the protocol. */
  readonly warn: (message: string) => void
  /** Aborted when the server ends. */
  readonly closing: AbortSignal
  /** Signs what a client hands back to us with an answer; the same after a restart. */
  readonly signingKey: () => Promise<Uint8Array>
  /** Calls in flight. */
  readonly busy: Set<Promise<unknown>>
}

export interface Place {
  /** The directory a call is about; absent: where the server was started. */
  readonly cwd?: string | undefined
  /** The agent that calls, as it says itself. */
  readonly caller?: string | undefined
}

/**
 * Opens the app for one call and closes it after. Nothing is kept between calls, so that a server which ends and starts again knows
 * as much as before, and settings and trust are read as they are now.
 */
export async function withApp<T>(world: McpWorld, place: Place, call: (app: App) => Promise<T>): Promise<T> {
  const { openApp } = await import('../../compose.ts')
  const app = await openApp({
    cwd: resolve(world.cwd, place.cwd ?? '.'),
    env: place.caller === undefined ? world.env : { ...world.env, LOOPWRIGHT_CALLER: place.caller },
    warn: (message) => world.warn(plainText(message)),
  })
  try {
    return await call(app)
  } finally {
    await app.close()
  }
}

/** An agent somebody names: a script of it from the directory the call is about; undefined for the one that is found. */
export function agentIn(world: McpWorld, cwd: string | undefined, named: string | undefined): string | undefined {
  const script = /^scripted:(.+)$/s.exec(named ?? '')?.[1]
  if (script !== undefined) return `scripted:${resolve(world.cwd, cwd ?? '.', script)}`
  return named?.trim().toLowerCase() === 'auto' ? undefined : named
}

/** The directory that work is begun in. Throws `bad_input` where nobody can have meant the one the server was started in. */
export function workDirectory(world: McpWorld, cwd: string | undefined): string {
  if (cwd === undefined && (world.cwd === '/' || world.cwd === world.env.HOME)) {
    throw new LoopwrightError('bad_input', `cwd is missing, and the server was started in ${world.cwd}`, {
      hint: 'give cwd: the absolute path of the project',
    })
  }
  return resolve(world.cwd, cwd ?? '.')
}
