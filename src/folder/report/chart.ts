import type { ReportMetric, ReportPoint } from './facts.ts'
import { type Html, html } from './html.ts'
import { amount } from './words.ts'

const width = 640
const height = 250
const left = 76
const right = 24
const top = 20
const bottom = 42
const mostPoints = 400
const mostLabels = 12

const signs = { greater_equal: '≥', less_equal: '≤', greater: '>', less: '<', equal: '=' } as const

/** How a metric went, as a picture: rounds that were kept on a line, those rolled back beside it, and what is wanted. */
export function chart(metric: ReportMetric, roundWord: string): Html | undefined {
  const points = metric.points
    .filter(({ round, value }) => Number.isFinite(round) && Number.isFinite(value))
    .slice(-mostPoints)
  if (points.length === 0) return undefined
  const target = metric.target !== undefined && Number.isFinite(metric.target) ? metric.target : undefined
  const ticks = ticksOf([...points.map(({ value }) => value), ...(target === undefined ? [] : [target])])
  const low = ticks[0] ?? 0
  const high = ticks.at(-1) ?? 1
  const first = points[0]?.round ?? 0
  const last = points.at(-1)?.round ?? 0
  const x = (round: number) =>
    fixed(
      first === last
        ? (left + width - right) / 2
        : left + 14 + ((round - first) / (last - first)) * (width - left - right - 28),
    )
  const y = (value: number) =>
    fixed(top + (1 - (Math.max(low, Math.min(high, value)) - low) / (high - low)) * (height - top - bottom))
  const kept = points.filter((point) => point.kept)
  const every = Math.ceil(points.length / mostLabels)
  const sign = signs[metric.direction ?? 'greater_equal']
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(metric, points)}">
${ticks.map((tick) => html`<line class="grid" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/><text class="tick" x="${left - 10}" y="${y(tick) + 4}" text-anchor="end">${short(tick)}</text>`)}
${points.filter((_, at) => at % every === 0 || at === points.length - 1).map(({ round }) => html`<text class="tick" x="${x(round)}" y="${height - bottom + 22}" text-anchor="middle">${round}</text>`)}
<text class="axis" x="${(left + width - right) / 2}" y="${height - 3}" text-anchor="middle">${roundWord}</text>
${target !== undefined && html`<line class="target" x1="${left}" x2="${width - right}" y1="${y(target)}" y2="${y(target)}"/><text class="target-label" x="${left + 6}" y="${y(target) - 7 < top ? y(target) + 18 : y(target) - 7}">wanted ${sign} ${amount(target)}</text>`}
${kept.length > 1 && html`<polyline class="line" points="${kept.map(({ round, value }) => `${x(round)},${y(value)}`).join(' ')}"/>`}
${points.map((point) => dot(point, x(point.round), y(point.value), points.length))}
</svg>`
}

// Narrow screens have room for few characters beside the lines.
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 4 })

function short(value: number): string {
  const size = Math.abs(value)
  return size >= 10_000 && size < 1e13 ? compact.format(value) : amount(value)
}

function dot({ round, value, kept }: ReportPoint, x: number, y: number, of: number): Html {
  const size = of > 60 ? 2.5 : 5
  const title = html`<title>${round}: ${amount(value)}${kept ? '' : ', rolled back'}</title>`
  if (kept) return html`<circle class="dot" cx="${x}" cy="${y}" r="${size}">${title}</circle>`
  const s = size * 0.9
  return html`<path class="cross" d="M${x - s} ${y - s}L${x + s} ${y + s}M${x - s} ${y + s}L${x + s} ${y - s}">${title}</path>`
}

function describe({ name, target }: ReportMetric, points: readonly ReportPoint[]): string {
  const from = points[0]
  const to = points.findLast((point) => point.kept) ?? points.at(-1)
  const wanted = target === undefined ? '' : `, wanted ${amount(target)}`
  return `${name.slice(0, 100)} from ${amount(from?.value ?? 0)} to ${amount(to?.value ?? 0)} in ${points.length} measurements${wanted}`
}

/** Round numbers that enclose all values: three to seven of them. */
export function ticksOf(values: readonly number[]): number[] {
  // Beyond these the steps between them could not be told apart.
  const bounded = values.map((value) => Math.max(-1e300, Math.min(1e300, value)))
  const low = bounded.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const high = bounded.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  const least = Math.max(Math.abs(low), Math.abs(high)) * 1e-9
  const span = high - low > least ? high - low : Math.abs(high) > 0 ? Math.abs(high) : 1
  const rough = span / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? rough
  const start = Math.floor(low / step + 1e-9)
  const end = Math.max(start + 2, Math.ceil(high / step - 1e-9))
  return Array.from({ length: Math.min(12, end - start + 1) }, (_, at) => Number(((start + at) * step).toPrecision(12)))
}

function fixed(value: number): number {
  return Math.round(value * 10) / 10
}
