import type { ScheduleRow } from '../../compose/schedule.ts'
import { formatDuration } from '../../core/duration.ts'
import { messageOf } from '../../core/errors.ts'
import { counted, formatAgo } from '../../core/human.ts'
import { displayWidth, oneLine, pad } from '../../core/plain.ts'
import type { TickResult } from '../../core/triage/tick.ts'
import type { ScheduleEvent } from '../../engine/schedule-ports.ts'
import type { Style } from './io.ts'

/** The patterns of a schedule as a table, and each as JSON. Times in milliseconds since 1970. */
export function scheduleTable(rows: readonly ScheduleRow[], now: number, style: Style): string {
  const cells = rows.map(({ pattern, paused, entry }) => [
    oneLine(pattern.id, 40),
    oneLine(pattern.cadence.text, 30),
    entry?.underWay ? 'now' : entry?.last ? `${formatAgo(now - entry.last.began)}, ${entry.last.pulse}` : '–',
    paused ? 'paused' : nextText({ entry, now }),
    entry?.streak ? `${entry.streak.count} ${entry.streak.pulse}` : '–',
  ])
  const titles = ['pattern', 'cadence', 'last', 'next', 'streak']
  const widths = titles.map((title, i) => Math.max(title.length, ...cells.map((row) => displayWidth(row[i] ?? ''))))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => pad(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [style.dim(line(titles)), ...cells.map(line)].join('\n')
}

export function scheduleJson({ pattern, paused, entry }: ScheduleRow): Readonly<Record<string, unknown>> {
  const time = (ms: number | null | undefined) => (ms === null || ms === undefined ? null : new Date(ms).toISOString())
  const last = entry?.last
  return {
    pattern: pattern.id,
    cadence: pattern.cadence.text,
    time_zone: pattern.cadence.kind === 'cron' ? (entry?.timeZone ?? null) : null,
    interval_seconds: entry && entry.intervalMs > 0 ? Math.round(entry.intervalMs / 1000) : null,
    paused,
    next: time(entry?.next),
    under_way: entry?.underWay ? { run: entry.underWay.run, began: time(entry.underWay.began) } : null,
    last: last
      ? { run: last.run, due: time(last.due), began: time(last.began), ended: time(last.ended), was: last.pulse }
      : null,
    streak: entry?.streak ? { was: entry.streak.pulse, count: entry.streak.count } : null,
    ticks: entry?.ticks ?? 0,
  }
}

/** What happened, for people; undefined: nothing they need to know. */
export function eventLine(
  event: ScheduleEvent,
  result: TickResult | undefined,
  now: number,
  style: Style,
): string | undefined {
  switch (event.type) {
    case 'ready':
      return undefined
    case 'tick_started': {
      const how = event.resumed ? 'goes on' : 'begins'
      return style.dim(
        `${clockOf(now)}  ${oneLine(event.pattern.id, 40)} tick ${event.tick.number} ${how}: run ${event.tick.run}`,
      )
    }
    case 'tick_paused':
      return `${clockOf(now)}  ${oneLine(event.pattern.id, 40)} tick ${event.tick.number} is paused; loopwright start goes on with it`
    case 'tick_ended': {
      const { pattern, entry, note, error } = event
      const what =
        error !== undefined
          ? `${style.red('failed')}: ${oneLine(messageOf(error), 200)}`
          : result === undefined
            ? [entry.last?.pulse ?? '', ...(note.reason === undefined ? [] : [oneLine(note.reason, 200)])].join(': ')
            : resultText(result, style)
      return `${clockOf(now)}  ${oneLine(pattern.id, 40)} tick ${entry.ticks}: ${what} · next ${nextText({ entry, now })}`
    }
    case 'problem':
      return undefined
  }
}

function resultText(result: TickResult, style: Style): string {
  const paint = ['failed', 'halted'].includes(result.outcome) ? style.red : style.bold
  const items = result.items.filter(({ rank }) => rank !== 'noise').length
  const parts = [
    paint(result.outcome.replaceAll('_', ' ')),
    ...(items === 0 ? [] : [counted(items, 'item')]),
    ...(result.tokens > 0 ? [`${result.tokens.toLocaleString('en-US')} tokens`] : []),
  ]
  return `${parts.join(', ')}: ${oneLine(result.reason, 160)}`
}

function nextText({ entry, now }: { readonly entry: ScheduleRow['entry']; readonly now: number }): string {
  if (entry === undefined) return 'when it starts'
  if (entry.next === null) return 'never'
  const ms = entry.next - now
  if (ms <= 0) return 'now'
  // Seconds of a wait of hours say nothing.
  const seconds = Math.ceil(ms / 1000)
  const about =
    seconds < 600 ? seconds : seconds < 86_400 ? Math.round(seconds / 60) * 60 : Math.round(seconds / 3600) * 3600
  return `in ${formatDuration(about)}`
}

function clockOf(now: number): string {
  return new Date(now).toTimeString().slice(0, 8)
}
