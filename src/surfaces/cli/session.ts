import { resolve } from 'node:path'
import type { App } from '../../app.ts'
import { plainText } from '../../core/plain.ts'
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

/** How progress is shown for these flags. */
export function showOf(flags: { readonly progress?: boolean; readonly quiet?: boolean }): Show {
  if (flags.progress) return 'progress'
  return flags.quiet ? 'quiet' : 'auto'
}
