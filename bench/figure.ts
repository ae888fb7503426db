/** What a figure must reach: its value, or its ratio to the floor, at most this. */
export type Target = { readonly value: number } | { readonly ratio: number }

/** One measured number, beside what the same work costs at least (floor) or costs somebody else (rival) in the same run. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What the value is compared with, in the same unit. */
  readonly floor?: number
  /** What the floor is, in a few words. */
  readonly against?: string
  readonly target?: Target
  readonly note?: string
}

/** What is printed and written as JSON; `null` where there is no floor or no target. */
export interface Row {
  readonly value: number
  readonly unit: string
  readonly floor: number | null
  readonly ratio: number | null
  readonly target: string | null
  readonly met: boolean | null
  readonly against?: string
  readonly note?: string
}

export interface BenchmarkOptions {
  /** Fewer rounds: for a look, not for a comparison. */
  readonly quick: boolean
}

export interface Benchmark {
  /** For `--only`. */
  readonly name: string
  readonly about: string
  /** Measures in a process of its own, so that no benchmark inherits another's heap. */
  run(options: BenchmarkOptions): Promise<Figure[]>
}

export function rowOf(figure: Figure): Row {
  const { value, unit, floor, target } = figure
  const ratio = floor === undefined ? null : value / floor
  const judged = target === undefined ? null : 'ratio' in target ? ratio : value
  const most = target === undefined ? null : 'ratio' in target ? target.ratio : target.value
  return {
    value: rounded(value),
    unit,
    floor: floor === undefined ? null : rounded(floor),
    ratio: ratio === null ? null : rounded(ratio),
    target: target === undefined ? null : 'ratio' in target ? `ratio <= ${target.ratio}` : `<= ${target.value} ${unit}`,
    met: judged === null || most === null ? null : judged <= most,
    ...(figure.against === undefined ? {} : { against: figure.against }),
    ...(figure.note === undefined ? {} : { note: figure.note }),
  }
}

/** Four figures are more than any of these measurements is worth. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
