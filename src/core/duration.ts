import { LoopwrightError } from './errors.ts'

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
const part = /(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)/y
const longest = 365 * 86_400

/**
 * Reads a duration and returns seconds: a number (or its digits) is seconds, a text has units, as in `90s`, `30m`, `1h30m`,
 * `1.5h`, `250ms`. Throws `bad_input` for anything else, for less than 1 ms, and for more than a year.
 */
export function parseDuration(value: string | number): number {
  const seconds = typeof value === 'number' ? value : read(value.trim())
  if (seconds === undefined || !Number.isFinite(seconds)) throw bad(value, 'is not a duration')
  if (seconds < 0.001) throw bad(value, 'is not a positive duration')
  if (seconds > longest) throw bad(value, 'is longer than a year')
  return Math.round(seconds * 1000) / 1000
}

/** Seconds as short text: `45s`, `1m30s`, `2h`, `250ms`. Durations of a minute and more are rounded to seconds. */
export function formatDuration(seconds: number): string {
  if (!(seconds > 0)) return '0s'
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))}ms`
  if (seconds < 60) return `${Math.round(seconds * 10) / 10}s`
  const whole = Math.round(seconds)
  const h = Math.floor(whole / 3600)
  const m = Math.floor((whole % 3600) / 60)
  const s = whole % 60
  return `${h > 0 ? `${h}h` : ''}${m > 0 ? `${m}m` : ''}${s > 0 ? `${s}s` : ''}`
}

function read(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  let total = 0
  let at = 0
  const seen = new Set<string>()
  while (at < text.length) {
    part.lastIndex = at
    const match = part.exec(text)
    const unit = match?.[2]
    if (match === null || unit === undefined || seen.has(unit)) return undefined
    seen.add(unit)
    total += Number(match[1]) * (units[unit] ?? 0)
    at = part.lastIndex
    while (text.charAt(at) === ' ') at++
  }
  return at === 0 ? undefined : total
}

function bad(value: string | number, what: string): LoopwrightError {
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value.slice(0, 40))
  return new LoopwrightError('bad_input', `${shown} ${what}`, {
    hint: 'write 90s, 30m, 2h, 1h30m, or a number of seconds',
  })
}
