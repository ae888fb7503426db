import { LoopwrightError } from '../errors.ts'
import type { Cadence } from './pattern.ts'

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const longestMs = 366 * units.d
const range = /^(\d{1,9})([mhd])(?:-(\d{1,9})([mhd]))?$/
const cronField = /^[\w*?/,#+-]{1,100}$/
const hint =
  'write a time or a range of times such as 1d, 5m-15m or 1d-2h (m, h or d), or a cron expression such as "0 8 * * 1-5"'

/**
 * Reads how often a loop wakes: `1d`, `5m-15m`, `1d-2h` (between 2 hours and a day, in either order), or the five or six fields of a
 * cron expression, whose values are not looked at here. Throws `bad_input`.
 */
export function parseCadence(text: string): Cadence {
  const plain = text.trim()
  const match = range.exec(plain)
  if (match !== null) {
    const first = timeOf(match[1], match[2])
    const second = match[3] === undefined ? first : timeOf(match[3], match[4])
    const [minMs, maxMs] = first < second ? [first, second] : [second, first]
    if (minMs === 0) throw bad(plain, 'it may not be 0')
    if (maxMs > longestMs) throw bad(plain, 'it may be at most 366d')
    return { kind: 'range', text: plain, minMs, maxMs }
  }
  const fields = plain.split(/\s+/)
  if ((fields.length === 5 || fields.length === 6) && fields.every((field) => cronField.test(field)))
    return { kind: 'cron', text: fields.join(' ') }
  throw bad(plain, 'it is neither a time, nor a range of times, nor a cron expression')
}

function timeOf(count: string | undefined, unit: string | undefined): number {
  return Number(count) * (unit === 'm' || unit === 'h' || unit === 'd' ? units[unit] : Number.NaN)
}

function bad(text: string, why: string): LoopwrightError {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return new LoopwrightError('bad_input', `the cadence ${JSON.stringify(short)} cannot be used: ${why}`, { hint })
}
