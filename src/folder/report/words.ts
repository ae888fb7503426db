import { formatDuration } from '../../core/duration.ts'
import type { ReportState } from './facts.ts'

/** A moment as people read it, in UTC: `2026-11-21 11:12:09`. */
export function moment(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8.64e15 ? new Date(at).toISOString().slice(0, 19).replace('T', ' ') : '?'
}

/** A stretch of time, from milliseconds. */
export function took(ms: number): string {
  return Number.isFinite(ms) && ms >= 0
    ? formatDuration(ms < 1000 ? Math.round(ms) / 1000 : Math.round(ms / 100) / 10)
    : '?'
}

/** A number with its thousands apart, and no more digits than say something. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return '?'
  if (value !== 0 && (Math.abs(value) >= 1e9 || Math.abs(value) < 1e-4)) return value.toExponential(2)
  return value.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(value) >= 1000 ? 9 : 4 })
}

/** US dollars; less than a cent with the digits that count. */
export function dollars(value: number): string {
  if (value === 0) return '$0'
  return value < 0.01
    ? `$${value.toPrecision(2)}`
    : `$${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}

export function bytesOf(count: number): string {
  if (count < 1024) return `${count} B`
  return count < 1024 ** 2 ? `${Math.round(count / 1024)} KiB` : `${(count / 1024 ** 2).toFixed(1)} MiB`
}

export const stateWords: Readonly<Record<ReportState, string>> = {
  ok: 'passed',
  failed: 'failed',
  running: 'under way',
  skipped: 'skipped',
  rolled_back: 'rolled back',
}

/** What the class of a failure means. */
export const failureWords: Readonly<Record<string, string>> = {
  timeout: 'timed out',
  stalled: 'stalled',
  oom: 'out of memory',
  flood: 'flooded',
  crash: 'crashed',
}
