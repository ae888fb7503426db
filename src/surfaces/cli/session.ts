import { resolve } from 'node:path'
import type { App } from '../../app.ts'
import { plainText } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import { matchRun } from '../../core/run-ref.ts'
import type { Show } from './follow.ts'
import { type Io, note } from './io.ts'

/** The directory a command is about. */
export function directoryOf(io: Io, cwd: string | undefined): string {
  return resolve(io.cwd, cwd ?? '.')
}

/** Opens the app for a command and closes it after, whatever happens. */
export async function withApp<T>(
  io: Io,
  call: (app: App) => Promise<T>,
  options: { readonly cwd?: string | undefined; readonly quiet?: boolean } = {},
): Promise<T> {
  const { openApp } = await import('../../compose.ts')
  const app = await openApp({
    cwd: directoryOf(io, options.cwd),
    env: io.env,
    ...(options.quiet ? {} : { warn: (message: string) => note(io, `loopwright: ${plainText(message)}`) }),
  })
  try {
    return await call(app)
  } finally {
    await app.close()
  }
}

/** The run a person means: an id, a beginning or an end of one, or `last`. */
export async function findRun(app: App, reference: string): Promise<RunRecord> {
  const exact = /^[\w.-]+$/.test(reference) ? await app.store.getRun(reference) : undefined
  if (exact) return exact
  const runs = await app.runs.list()
  // The attempts of a run are its own affair: `last` is what the person started.
  const ids = (reference.toLowerCase() === 'last' ? runs.filter((run) => !run.parent) : runs).map((run) => run.id)
  return await app.runs.get(matchRun(reference, ids))
}

/** How progress is shown for these flags. */
export function showOf(flags: { readonly progress?: boolean; readonly quiet?: boolean }): Show {
  if (flags.progress) return 'progress'
  return flags.quiet ? 'quiet' : 'auto'
}
