const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
/** No limit is longer: what a text says beyond it is not believed. */
const longest = 62 * day

/**
 * When a limit ends, as far as its text says, in milliseconds since 1970: seconds or milliseconds since 1970, an ISO or HTTP date, a
 * duration (`retry-after: 30`, `in 5m30s`), or what a clock will show (`resets 3pm (Europe/Berlin)`, `try again at Oct 9th, 2025 10:32 PM`).
 *
 * @param zone of a clock whose text names none; the machine's by default
 */
export function resetIn(text: string, now: number, zone: string = machineZone()): number | undefined {
  const read = text.slice(0, 20_000)
  for (const at of candidates(read, now, zone)) {
    if (at !== undefined && isBelievable(at, now)) return Math.round(at)
  }
  return undefined
}

/** Whether a limit may end then: ahead, and not further than limits go. */
export function isBelievable(at: number, now: number): boolean {
  return Number.isFinite(at) && at > now && at <= now + longest
}

function* candidates(text: string, now: number, zone: string): Generator<number | undefined> {
  // "limit reached|1795234897", "resets_at": 1795234897, x-ratelimit-reset: 1795234897000
  for (const [, digits = ''] of text.matchAll(/(?:\||reset[a-z_-]{0,20}["': ]{1,4}(?:at )?)(\d{10}|\d{13})\b/gi)) {
    yield Number(digits) * (digits.length === 10 ? 1000 : 1)
  }
  for (const [found] of text.matchAll(
    /\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?Z| ?UTC| ?[+-]\d\d:?\d\d)/g,
  )) {
    yield Date.parse(
      found
        .replace(' UTC', 'Z')
        .replace(/(\d) ([Z+-])/, '$1$2')
        .replace(' ', 'T'),
    )
  }
  for (const [found] of text.matchAll(
    /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT/g,
  )) {
    yield Date.parse(found)
  }
  yield lasting(text, now)
  yield clock(text, now, zone)
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: minute, h: hour, d: day, w: 7 * day }
const intro =
  /(?:\b(?:in|after|within)\s{1,3}(?:about )?|retry[-_ ]?(?:after|delay|in)(?:[-_](ms))?["']?\s{0,3}[:=]?\s{0,3}["']?|reset(?:s|_at|_after)?(?:_in_seconds|_in|[-_]requests|[-_]tokens)?["']?\s{0,2}[:=]?\s{0,3}(?:in )?["']?)/gi
const amounts =
  /^(?:\d{1,7}(?:\.\d{1,12})? ?(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![a-z])[ ,]{0,3}(?:and )?){1,5}/i

/** The end of the first duration the text names. A bare number is one of seconds, after words that cannot mean a time of day. */
function lasting(text: string, now: number): number | undefined {
  for (const found of text.matchAll(intro)) {
    const rest = text.slice(found.index + found[0].length, found.index + found[0].length + 120)
    const several = amounts.exec(rest)?.[0]
    if (several !== undefined) {
      let total = 0
      for (const [, count, unit = ''] of several.matchAll(/(\d+(?:\.\d+)?) ?(ms|mil|[smhdw])/gi)) {
        total += Number(count) * (units[unit.toLowerCase() === 'mil' ? 'ms' : unit.toLowerCase()] ?? 0)
      }
      if (total > 0) return now + total
    }
    const bare = /retry|after|in_seconds/i.test(found[0])
      ? /^(\d{1,7}(?:\.\d{1,12})?)(?![\d:.]|\s{0,2}(?:[ap]\.?m\b|tries|attempt))/i.exec(rest)
      : null
    if (bare !== null && Number(bare[1]) > 0) return now + Number(bare[1]) * (found[1] === undefined ? 1000 : 1)
  }
  return undefined
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const onClock =
  /(?:reset[a-z]{0,3}|again|until|available|renews)\b[^\n]{0,12}?(?:\b(on|at|is|by)\s{1,2})?(?:(?<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? (?<date>\d{1,2})(?:st|nd|rd|th)?,?(?: (?<year>20\d\d),?)?(?: at)? {1,2}|(?<weekday>Sun|Mon|Tue|Wed|Thu|Fri|Sat)[a-z]{0,6},?(?: at)? {1,2}|tomorrow(?: at)? {1,2})?(?<hour>\d{1,2})(?::(?<minute>\d\d))?(?: ?(?<half>[ap])\.?m\b\.?)?(?: ?\(?(?<zone>UTC|GMT|[A-Z][A-Za-z_]{2,30}\/[A-Za-z_+-]{2,30}(?:\/[A-Za-z_]{2,30})?)\)?)?/gi

/** When a clock shows that next, in the zone that is named or else in `zone`. */
function clock(text: string, now: number, zone: string): number | undefined {
  for (const found of text.matchAll(onClock)) {
    const { month, date, year, weekday, half, minute: minutes, zone: named, hour: hours } = found.groups ?? {}
    const shown = Number(hours)
    // A number alone is no time.
    if ((half === undefined && minutes === undefined) || shown > (half === undefined ? 23 : 12)) continue
    const offset = offsets(named ?? zone)
    const of24 = half === undefined ? shown : (shown % 12) + (half.toLowerCase() === 'p' ? 12 : 0)
    const today = new Date(now + offset(now))
    const on = (days: number, inYear = today.getUTCFullYear(), inMonth = today.getUTCMonth()) => {
      const wall = Date.UTC(inYear, inMonth, days, of24, Number(minutes ?? 0))
      // The offset at that time, not now's: summer time may begin in between.
      return wall - offset(wall - offset(wall))
    }
    const here = today.getUTCDate()
    if (month !== undefined) {
      const inMonth = months.indexOf(month.toLowerCase())
      const at = on(Number(date), year === undefined ? undefined : Number(year), inMonth)
      return at > now || year !== undefined ? at : on(Number(date), today.getUTCFullYear() + 1, inMonth)
    }
    if (weekday !== undefined) {
      const ahead = (weekdays.indexOf(weekday.toLowerCase()) - today.getUTCDay() + 7) % 7
      return on(here + ahead) > now ? on(here + ahead) : on(here + ahead + 7)
    }
    if (/tomorrow/i.test(found[0])) return on(here + 1)
    return on(here) > now ? on(here) : on(here + 1)
  }
  return undefined
}

/** How far a zone's clocks are ahead of UTC at a time, in milliseconds. A zone that is none counts as the machine's. */
function offsets(zone: string): (at: number) => number {
  const format = formatOf(zone) ?? formatOf(machineZone())
  return (at) => {
    const parts = new Map(format?.formatToParts(at).map((part) => [part.type, Number(part.value)]))
    const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0
    const wall = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour') % 24,
      part('minute'),
      part('second'),
    )
    return wall - Math.floor(at / 1000) * 1000
  }
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    return undefined
  }
}

function machineZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}
