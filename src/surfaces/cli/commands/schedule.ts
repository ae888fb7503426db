import { type Schedule, type ScheduleRow, type StartSchedule, scheduleOf } from '../../../compose/schedule.ts'
import { messageOf } from '../../../core/errors.ts'
import { counted } from '../../../core/human.ts'
import { plainText } from '../../../core/plain.ts'
import type { TickResult } from '../../../core/triage/tick.ts'
import type { ScheduleEvent } from '../../../engine/schedule-ports.ts'
import { type Io, note, print, styleOf } from '../io.ts'
import { eventLine, scheduleJson, scheduleTable } from '../schedule-lines.ts'
import { withApp } from '../session.ts'
import { levelOf } from './triage.ts'

export interface StartFlags {
  readonly level?: string
  readonly timeZone?: string
  readonly once?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `loopwright start`: begins ticks as they are due, until it is told to end. */
export async function start(io: Io, patterns: readonly string[], flags: StartFlags): Promise<number> {
  return await withSchedule(io, async (schedule) => await startHere(io, schedule, patterns, flags))
}

async function startHere(io: Io, schedule: Schedule, patterns: readonly string[], flags: StartFlags): Promise<number> {
  const { timeZone, once = false, dryRun = false } = flags
  const level = levelOf(flags.level)
  const stopping = new AbortController()
  const stopListening = io.onInterrupt((times) => {
    if (times > 1) {
      io.exit(130)
      return
    }
    note(io, 'stopping; once more ends it at once. Nothing is lost: loopwright start goes on')
    stopping.abort()
  })
  const unread = () => stopping.abort()
  io.unread.addEventListener('abort', unread, { once: true })
  const show = shown(io, schedule, flags)
  try {
    await schedule.start({
      only: patterns,
      ...(level === undefined ? {} : { level }),
      ...(timeZone === undefined ? {} : { timeZone }),
      once,
      dryRun,
      signal: stopping.signal,
      onEvent: show.hear,
    })
    await show.end()
    return show.code()
  } finally {
    io.unread.removeEventListener('abort', unread)
    stopListening()
  }
}

interface Shown {
  readonly hear: NonNullable<StartSchedule['onEvent']>
  readonly end: () => Promise<void>
  readonly code: () => number
}

/** Shows a schedule at work: a table, then a line per tick; JSON: an object per tick, or one of all with `--once`. */
function shown(io: Io, schedule: Schedule, { once, json, dryRun }: StartFlags): Shown {
  const style = styleOf(io.env, io.stdout)
  const ticks: Readonly<Record<string, unknown>>[] = []
  let [paused, failed, halted] = [0, 0, 0]
  const hear = (event: ScheduleEvent, result?: TickResult) => {
    if (event.type === 'tick_paused') paused++
    if (event.type === 'tick_ended' && event.entry.last?.pulse === 'failed') failed++
    if (event.type === 'tick_ended' && event.entry.last?.pulse === 'halted') halted++
    if (event.type === 'problem') note(io, `loopwright: ${plainText(event.message)}`)
    if (json) {
      const row = tickJson(event, result)
      if (row === undefined) return
      if (once) ticks.push(row)
      else print(io, JSON.stringify(row))
      return
    }
    if (event.type === 'ready' && !once) header(io, event.rows, dryRun === true)
    const line = eventLine(event, result, Date.now(), style)
    if (line === undefined) return
    if (event.type === 'tick_started') note(io, line)
    else print(io, line)
  }
  return {
    hear,
    async end() {
      if (!once) return
      if (json) print(io, JSON.stringify({ ticks }))
      else await later(io, schedule)
    },
    code: () => (paused > 0 ? 130 : !once ? 0 : failed > 0 ? 2 : halted > 0 ? 1 : 0),
  }
}

function header(io: Io, rows: readonly ScheduleRow[], dryRun: boolean): void {
  print(io, scheduleTable(rows, Date.now(), styleOf(io.env, io.stdout)))
  const kept = dryRun ? ', dry runs that change nothing' : ''
  note(io, `${counted(rows.length, 'pattern')}${kept}; Ctrl-C ends it, and the next start goes on`)
}

/** After a `--once`: when the next ticks are due. */
async function later(io: Io, schedule: Schedule): Promise<void> {
  const { rows } = await schedule.status()
  if (rows.length > 0) note(io, scheduleTable(rows, Date.now(), styleOf(io.env, io.stderr)))
}

function tickJson(event: ScheduleEvent, result: TickResult | undefined): Readonly<Record<string, unknown>> | undefined {
  switch (event.type) {
    case 'tick_ended': {
      const { pattern, entry, note: told, error } = event
      const next = entry.next === null ? null : new Date(entry.next).toISOString()
      return {
        event: 'tick',
        pattern: pattern.id,
        run: entry.last?.run ?? null,
        was: entry.last?.pulse ?? null,
        next,
        ...(error === undefined ? {} : { error: messageOf(error) }),
        ...(told.reason === undefined ? {} : { reason: told.reason }),
        ...(result === undefined ? {} : { result }),
      }
    }
    case 'tick_paused':
      return { event: 'paused', pattern: event.pattern.id, run: event.tick.run }
    case 'ready':
    case 'tick_started':
    case 'problem':
      return undefined
  }
}

/** `loopwright schedule`: how each pattern stands. */
export async function showSchedule(io: Io, flags: { readonly json?: boolean }): Promise<number> {
  return await withSchedule(io, async (schedule) => {
    const { rows, holder } = await schedule.status()
    if (flags.json) {
      const scheduler =
        holder === undefined
          ? null
          : { pid: holder.pid, host: holder.host, since: new Date(holder.since).toISOString() }
      print(io, JSON.stringify({ scheduler, patterns: rows.map(scheduleJson) }))
      return 0
    }
    if (rows.length === 0) note(io, 'no pattern is scheduled: loopwright start PATTERN, or write a registry.yaml')
    else print(io, scheduleTable(rows, Date.now(), styleOf(io.env, io.stdout)))
    note(io, holder === undefined ? 'no scheduler runs: loopwright start' : `process ${holder.pid} runs it`)
    return 0
  })
}

/** `loopwright schedule pause`, `resume` and `now`. */
export async function steerSchedule(
  io: Io,
  how: 'pause' | 'resume' | 'now',
  patterns: readonly string[],
): Promise<number> {
  return await withSchedule(io, async (schedule) => {
    await schedule.steer(how, patterns)
    const { holder } = await schedule.status()
    const which = patterns.length === 0 ? 'every pattern' : patterns.join(', ')
    const said = { pause: `${which}: paused`, resume: `${which}: goes on`, now: `${which}: runs now` }[how]
    const kept = how === 'now' ? 'with the next loopwright start' : 'for the next loopwright start'
    note(io, holder === undefined ? `${said}, ${kept}: no scheduler runs` : said)
    return 0
  })
}

async function withSchedule(io: Io, call: (schedule: Schedule) => Promise<number>): Promise<number> {
  const warn = (message: string) => note(io, `loopwright: ${plainText(message)}`)
  return await withApp(io, async (app) => await call(scheduleOf(app, warn)))
}
