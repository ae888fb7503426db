/** The value that so many percent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0
}

/** How long kills took that left nobody, in one line. */
export function figures(values: readonly number[]): string {
  const [half, most, all] = [50, 95, 100].map((percent) => percentile(values, percent).toFixed(0))
  return `${values.length} times, 0 survivors, p50 ${half} ms, p95 ${most} ms, max ${all} ms`
}
