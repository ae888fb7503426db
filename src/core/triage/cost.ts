import { LoopwrightError } from '../errors.ts'
import { priceOf } from '../price.ts'
import type { PriceTable } from '../prices.snapshot.ts'
import { nextCron } from './cron.ts'
import type { Level } from './level.ts'
import type { Cadence, Pattern } from './pattern.ts'
import { withCommas } from './text.ts'

/** Who works on a tick that acts: one agent, a maker and a checker, N makers and one who chooses, or one maker and R rounds of debate. */
export type Orchestration =
  | { readonly kind: 'single' }
  | { readonly kind: 'maker-checker' }
  | { readonly kind: 'parallel'; readonly agents: number }
  | { readonly kind: 'debate'; readonly rounds: number }

/** Shares of ticks that find nothing, report, and act; together 1. */
export interface TickMix {
  readonly noop: number
  readonly report: number
  readonly action: number
}

const mixOf = (noop: number, report: number, action: number): TickMix => ({ noop, report, action })

/** What ticks come to on ordinary days, by level; less where a tick that finds nothing ends at once. */
export const tickMixes: Readonly<Record<Level, { readonly usual: TickMix; readonly earlyExit: TickMix }>> = {
  L0: { usual: mixOf(0.6, 0.4, 0), earlyExit: mixOf(0.9, 0.1, 0) },
  L1: { usual: mixOf(0.6, 0.4, 0), earlyExit: mixOf(0.9, 0.1, 0) },
  L2: { usual: mixOf(0.5, 0.3, 0.2), earlyExit: mixOf(0.85, 0.1, 0.05) },
  L3: { usual: mixOf(0.4, 0.35, 0.25), earlyExit: mixOf(0.4, 0.35, 0.25) },
}

/** A cached token costs this share of a fresh one where no price says otherwise. */
const cacheRead = 0.1
/** Agents read far more than they write. */
const outputShare = 0.15
const dayMs = 86_400_000

export interface CostQuestion {
  readonly pattern: Pattern
  /** The pattern's own week-one level by default. */
  readonly level?: Level
  /** The pattern's own by default. */
  readonly cadence?: Cadence
  /** Maker and checker by default. */
  readonly orchestration?: Orchestration
  /** Counts on the busiest cadence, and on no tick that ends early. */
  readonly conservative?: boolean
  /** Counts on the stable part of prompts being read from a cache. */
  readonly caching?: boolean
  /** For US dollars. */
  readonly model?: string
  readonly prices?: PriceTable
  /** Where a cron expression is read; UTC by default. */
  readonly timeZone?: string
}

/** What a pattern is expected to spend. Tokens are what a budget counts: those from a cache too. */
export interface CostEstimate {
  readonly pattern: string
  readonly level: Level
  readonly cadence: string
  readonly orchestration: string
  readonly ticksPerDay: number
  readonly mix: TickMix
  /** How much more a tick that acts takes than one agent alone would. */
  readonly actionFactor: number
  readonly tokensPerTick: number
  readonly tokensPerDay: number
  /** The same weighed by price, where a cached token counts a tenth. */
  readonly billedTokensPerDay: number
  readonly usdPerDay: number | null
  readonly usdPerMonth: number | null
  readonly dailyCap: number
  /** Part of the cap; above 1 the loop is halted before the day is over. */
  readonly shareOfCap: number | null
  readonly overCap: boolean
  readonly notes: readonly string[]
}

/** Estimates what a pattern spends a day. Throws `bad_input` for a cadence or orchestration that makes no sense. */
export function estimateCost(question: CostQuestion): CostEstimate {
  const { pattern, conservative = false, caching = false, model } = question
  const { cost } = pattern
  const level = question.level ?? pattern.weekOneMode
  const cadence = question.cadence ?? pattern.cadence
  const orchestration = question.orchestration ?? { kind: 'maker-checker' }
  const early = cost.earlyExitRequired && !conservative
  const mix = tickMixes[level][early ? 'earlyExit' : 'usual']
  const factor = actionFactor(orchestration)
  const ticks = ticksPerDay(cadence, { conservative, timeZone: question.timeZone ?? 'UTC' })
  const perTick = mix.noop * cost.tokensNoop + mix.report * cost.tokensReport + mix.action * cost.tokensAction * factor
  const perDay = Math.round(perTick * ticks)
  const cached = caching ? cost.stableFraction : 0
  const usd = model === undefined ? undefined : dollars(perDay, cached, model, question.prices)
  const cap = cost.suggestedDailyCap
  const share = cap > 0 ? perDay / cap : null
  return {
    ...{ pattern: pattern.id, level, cadence: cadence.text, orchestration: orchestrationText(orchestration) },
    ...{ ticksPerDay: round(ticks, 2), mix, actionFactor: factor },
    ...{ tokensPerTick: Math.round(perTick), tokensPerDay: perDay },
    billedTokensPerDay: Math.round(perDay * (1 - cached + cached * cacheRead)),
    ...{
      usdPerDay: usd === undefined ? null : round(usd, 4),
      usdPerMonth: usd === undefined ? null : round(usd * 30, 2),
    },
    ...{ dailyCap: cap, shareOfCap: share === null ? null : round(share, 3), overCap: share !== null && share > 1 },
    notes: [
      ...(share !== null && share > 1
        ? [`passes the daily cap of ${withCommas(cap)} tokens: from 80 % of it on it only reports, and there it halts`]
        : []),
      ...(share !== null && share <= 1 && share > 0.8
        ? ['passes 80 % of the daily cap: it will only report then']
        : []),
      ...(model === undefined ? ['no model is named, so there are no dollars: --model NAME'] : []),
      ...(model !== undefined && usd === undefined ? [`there is no price for ${model}: prices: in config.yaml`] : []),
      ...(mix.action === 0 && orchestration.kind !== 'single' && question.orchestration !== undefined
        ? [`${level} does not act, so the orchestration changes nothing`]
        : []),
    ],
  }
}

/**
 * Ticks a day: of a range by the mean of its two ends, or by the busier one; of a cron expression by counting four weeks.
 */
export function ticksPerDay(
  cadence: Cadence,
  options: { readonly conservative?: boolean; readonly timeZone?: string } = {},
): number {
  if (cadence.kind === 'range') {
    const ms = options.conservative ? cadence.minMs : (cadence.minMs + cadence.maxMs) / 2
    if (!(ms > 0)) throw new LoopwrightError('bad_input', `${cadence.text} is no cadence: it needs a time above zero`)
    return dayMs / ms
  }
  // Any Monday does; summer time changes no mean worth speaking of.
  const start = Date.UTC(2026, 0, 5) - 1
  const end = start + 28 * dayMs
  let at = start
  let count = 0
  while (count < 5_000) {
    const next = nextCron(cadence.text, at, options.timeZone ?? 'UTC')
    if (next === undefined || next > end) return count / 28
    at = next
    count++
  }
  return count / ((at - start) / dayMs)
}

/** `single`, `maker-checker`, `parallel:3`, `debate:2`. Throws `bad_input` for anything else. */
export function parseOrchestration(text: string): Orchestration {
  const [, kind, count] = /^(single|maker-checker|parallel|debate)(?::([1-9]\d?))?$/.exec(text.trim()) ?? []
  if ((kind === 'single' || kind === 'maker-checker') && count === undefined) return { kind }
  if (kind === 'parallel' && count !== undefined) return { kind, agents: Number(count) }
  if (kind === 'debate' && count !== undefined) return { kind, rounds: Number(count) }
  throw new LoopwrightError('bad_input', `${JSON.stringify(text.slice(0, 40))} is no orchestration`, {
    hint: 'single, maker-checker, parallel:N or debate:R, N and R from 1 to 99',
  })
}

function actionFactor(orchestration: Orchestration): number {
  switch (orchestration.kind) {
    case 'single':
      return 1
    case 'maker-checker':
      return 2
    case 'parallel':
      return orchestration.agents + 1
    case 'debate':
      return 1 + orchestration.rounds
  }
}

function orchestrationText(orchestration: Orchestration): string {
  if (orchestration.kind === 'parallel') return `parallel:${orchestration.agents}`
  return orchestration.kind === 'debate' ? `debate:${orchestration.rounds}` : orchestration.kind
}

function dollars(tokens: number, cached: number, model: string, prices?: PriceTable): number | undefined {
  const output = tokens * outputShare
  const input = tokens - output
  const of = (inputTokens: number, cacheReadTokens: number, outputTokens: number) =>
    priceOf({ model, inputTokens, cacheReadTokens, outputTokens }, prices)
  const fresh = of(input, 0, output)
  if (!fresh.known) return undefined
  return of(input * (1 - cached), input * cached, output).microUsd / 1e6
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
