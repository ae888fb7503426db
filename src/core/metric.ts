import { parseNumber } from './read-metric.ts'

/** How a metric compares with what is wanted of it. */
export const directions = ['greater_equal', 'less_equal', 'greater', 'less', 'equal'] as const
export type Direction = (typeof directions)[number]

/** The same as people write them. */
export const directionSigns: Readonly<Record<string, Direction>> = {
  '>=': 'greater_equal',
  '<=': 'less_equal',
  '>': 'greater',
  '<': 'less',
  '=': 'equal',
  '==': 'equal',
}

/** A noise band: an amount, or a share of what is compared with, as `5%`. */
export type Tolerance = number | string

/** The width of a noise band around a value. */
export function bandOf(around: number, tolerance: Tolerance = 0): number {
  if (typeof tolerance === 'number') return Math.abs(tolerance)
  const share = parseNumber(tolerance).value ?? 0
  return tolerance.trim().endsWith('%') ? Math.abs((around * share) / 100) : Math.abs(share)
}

/** Whether a value is what is wanted, the noise band counted in its favour. */
export function meets(value: number, wanted: number, direction: Direction, tolerance: Tolerance = 0): boolean {
  const band = bandOf(wanted, tolerance)
  switch (direction) {
    case 'greater_equal':
      return value >= wanted - band
    case 'less_equal':
      return value <= wanted + band
    case 'greater':
      return value > wanted - band
    case 'less':
      return value < wanted + band
    case 'equal':
      return Math.abs(value - wanted) <= band
  }
}

/** What is better and by how much: `wanted` is only looked at where nearer to it is better (`equal`). */
export interface Aim {
  readonly direction: Direction
  readonly wanted?: number | undefined
  readonly tolerance?: Tolerance | undefined
}

/** Whether a value is better than another by more than the noise. */
export function improves(value: number, than: number, aim: Aim): boolean {
  return gain(value, than, aim) > bandOf(than, aim.tolerance)
}

/** Whether a value is worse than another by more than the noise. */
export function worsens(value: number, than: number, aim: Aim): boolean {
  return gain(value, than, aim) < -bandOf(than, aim.tolerance)
}

/** The best of some samples; undefined for none. */
export function bestOf(values: readonly number[], aim: Aim): number | undefined {
  return values.reduce<number | undefined>(
    (best, value) => (best === undefined || gain(value, best, aim) > 0 ? value : best),
    undefined,
  )
}

function gain(value: number, than: number, { direction, wanted = 0 }: Aim): number {
  switch (direction) {
    case 'greater_equal':
    case 'greater':
      return value - than
    case 'less_equal':
    case 'less':
      return than - value
    case 'equal':
      return Math.abs(than - wanted) - Math.abs(value - wanted)
  }
}

/** A wish as people write it: `>= 0.9`. */
export function describeAim(direction: Direction, wanted: number): string {
  const sign = Object.entries(directionSigns).find(([, name]) => name === direction)?.[0] ?? direction
  return `${sign} ${formatMetric(wanted)}`
}

/** A metric for people: at most six digits that say something. */
export function formatMetric(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(6)))
}

const bars = '▁▂▃▄▅▆▇█'

/** A trajectory as one line for a terminal, a character a round; a round without a value is a dot. Only the last `width` are shown. */
export function sparkline(values: readonly (number | null)[], width = 60): string {
  const shown = values.slice(-Math.max(1, width))
  const { low, high } = rangeOf(shown)
  const top = bars.length - 1
  return shown
    .map((value) => {
      if (value === null || !Number.isFinite(value)) return '·'
      return bars[high === low ? Math.floor(top / 2) : Math.round(share(value, low, high) * top)] ?? '·'
    })
    .join('')
}

/** Where a value lies between two, from 0 to 1; halved first, so that the distance of two huge numbers is finite. */
function share(value: number, low: number, high: number): number {
  return (value / 2 - low / 2) / (high / 2 - low / 2)
}

function rangeOf(values: readonly (number | null)[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}
