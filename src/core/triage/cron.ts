import { Cron } from 'croner'
import { LoopwrightError, messageOf } from '../errors.ts'

/**
 * The first time after `after` (milliseconds since 1970) at which a cron expression is due in a time zone; undefined when it never is
 * again. Where clocks are set forward, what falls into the hour that is left out is due once, at that hour's end; where they are set
 * back, what falls into the hour that comes twice is due once, the first time. An expression for every hour goes by real time instead:
 * it is due in both. Throws `bad_input` for an expression or a zone that does not exist.
 */
export function nextCron(text: string, after: number, timeZone: string): number | undefined {
  if (everyHour(text)) return cronOf(text, timeZone).nextRun(new Date(after))?.getTime()
  // The expression is counted on the clock on the wall, where no hour is left out, and every wall time is then looked for in the zone.
  const onWall = cronOf(text, 'UTC')
  for (let at = onWall.nextRun(new Date(wallOf(after, timeZone))); at !== null; at = onWall.nextRun(at)) {
    const instant = instantOf(at.getTime(), timeZone)
    if (instant > after) return instant
  }
  return undefined
}

/** Throws `bad_input` for a time zone that this machine does not know. */
export function checkTimeZone(timeZone: string): void {
  formatOf(timeZone)
}

function everyHour(text: string): boolean {
  const fields = text.trim().split(/\s+/)
  return ['*', '*/1'].includes(fields.at(-4) ?? '')
}

function cronOf(text: string, timeZone: string): Cron {
  if (timeZone !== 'UTC') formatOf(timeZone)
  try {
    return new Cron(text, { timezone: timeZone, paused: true })
  } catch (error) {
    const why = messageOf(error).replace(/^CronPattern: /, '')
    throw new LoopwrightError('bad_input', `${JSON.stringify(text.slice(0, 80))} is no cron expression: ${why}`, {
      hint: 'five fields: minute hour day month weekday, as in "0 9 * * 1-5"',
    })
  }
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  try {
    const made = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, made)
    return made
  } catch {
    throw new LoopwrightError('bad_input', `there is no time zone ${JSON.stringify(timeZone.slice(0, 60))}`, {
      hint: 'name one as Europe/Berlin, America/New_York or UTC',
    })
  }
}

/** What a clock on the wall shows at an instant, as if it showed UTC; whole seconds. */
function wallOf(instant: number, timeZone: string): number {
  const shown: Record<string, number> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(instant)) shown[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

const dayMs = 86_400_000

/** When the clock on the wall shows this the first time; when it never does, the instant at which it jumps over it. */
function instantOf(wall: number, timeZone: string): number {
  // No two changes of a zone's clock lie within two days, so one of these offsets holds.
  const guesses = [wall - dayMs, wall + dayMs].map((near) => wall - (wallOf(near, timeZone) - near))
  const fitting = guesses.filter((guess) => wallOf(guess, timeZone) === wall)
  if (fitting.length > 0) return Math.min(...fitting)
  let before = Math.min(...guesses)
  let after = Math.max(...guesses)
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000
    if (wallOf(middle, timeZone) > wall) after = middle
    else before = middle
  }
  return after
}
