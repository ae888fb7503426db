import { z } from 'zod'
import type { BrowserPlay } from '../../core/browser.ts'
import type { ServerOrder } from './server.ts'

/** What the player is told, as JSON on its stdin. */
export interface PlayOrder {
  readonly play: BrowserPlay
  readonly executable: string
  /** The server of the play, as it is to be started. */
  readonly server?: ServerOrder
  /** Whether Chromium confines its pages itself; not as root, and not inside of another confinement. */
  readonly sandbox: boolean
  /** An empty directory for pictures, relative names in reports are below it. */
  readonly pictures: string
  readonly timeoutMs: number
}

const finding = z.object({
  kind: z.enum([
    'console_error',
    'page_error',
    'failed_request',
    'failed_step',
    'timeout',
    'crash',
    'dialog',
    'popup',
    'download',
    'navigation',
    'server',
  ]),
  text: z.string(),
  step: z.number(),
  selector: z.string().exactOptional(),
  url: z.string().exactOptional(),
  fatal: z.boolean(),
  times: z.number().exactOptional(),
})

const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started'), browser: z.string() }),
  z.object({ kind: z.literal('broken'), message: z.string() }),
  z.object({ kind: z.literal('step'), step: z.number(), words: z.string() }),
  z.object({ kind: z.literal('passed'), step: z.number(), ms: z.number() }),
  /** `at` is the finding's place: a later one with the same place takes its place. */
  z.object({ kind: z.literal('finding'), at: z.number(), finding }),
  z.object({ kind: z.literal('picture'), file: z.string(), name: z.string(), step: z.number() }),
  /** A line that the play's server printed. */
  z.object({ kind: z.literal('server'), text: z.string() }),
  /** Something for the log alone. */
  z.object({ kind: z.literal('note'), text: z.string() }),
  z.object({ kind: z.literal('end') }),
])

/** What the player says as it goes, a line of JSON each, so that what was seen is not lost with it. */
export type PlayReport = z.infer<typeof report>

/** A line of the player's stdout; undefined when it is none of its reports. */
export function readReport(line: string): PlayReport | undefined {
  try {
    return report.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
