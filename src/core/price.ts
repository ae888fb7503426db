import type { Usage } from './ports.ts'
import { type Price, type PriceTable, priceSnapshot } from './prices.snapshot.ts'

/** What a call cost. `known` is false when nobody could say: the amount is 0 then and means nothing. */
export interface Cost {
  /** Millionths of a US dollar, whole. */
  readonly microUsd: number
  readonly known: boolean
}

/**
 * What this usage cost. A cost the agent reports itself wins; else the longest name in the tables that the model's name
 * begins with decides (`overrides` beat the shipped snapshot under the same name). `gpt-5` does not stand for `gpt-5.9`, nor
 * `claude-opus-4` for `claude-opus-4-9`: a version nobody listed is unknown.
 *
 * @param overrides prices in US dollars per million tokens
 */
export function priceOf(usage: Usage, overrides: PriceTable = {}): Cost {
  if (usage.costUsd !== undefined && Number.isFinite(usage.costUsd) && usage.costUsd >= 0) {
    return { microUsd: Math.round(usage.costUsd * 1_000_000), known: true }
  }
  const price = usage.model === undefined ? undefined : findPrice(usage.model, overrides)
  if (price === undefined) return { microUsd: 0, known: false }
  // Dollars per million tokens are millionths of a dollar per token.
  const microUsd =
    count(usage.inputTokens) * price.input +
    count(usage.outputTokens) * price.output +
    count(usage.cacheReadTokens) * (price.cacheRead ?? price.input) +
    count(usage.cacheWriteTokens) * (price.cacheWrite ?? price.input)
  return { microUsd: Math.round(microUsd), known: true }
}

/**
 * What a call counts against a budget: every token that was processed (input, output, cache reads and writes) and its cost;
 * 0 when the price is not known.
 */
export function usageAmounts(usage: Usage, overrides?: PriceTable): { tokens: number; microUsd: number } {
  const tokens =
    count(usage.inputTokens) + count(usage.outputTokens) + count(usage.cacheReadTokens) + count(usage.cacheWriteTokens)
  return { tokens, microUsd: priceOf(usage, overrides).microUsd }
}

function findPrice(model: string, overrides: PriceTable): Price | undefined {
  const names = spellings(model)
  let best: { length: number; price: Price } | undefined
  // Overrides last, so that they win a tie.
  for (const table of [priceSnapshot, overrides]) {
    for (const [name, price] of Object.entries(table)) {
      if (best !== undefined && name.length < best.length) continue
      if (names.some((each) => begins(each, name.toLowerCase()))) best = { length: name.length, price }
    }
  }
  return best?.price
}

/** `us.anthropic.claude-opus-4.5-v1:0`, `models/gemini-2.5-pro`, `openrouter/openai/gpt-5` … as the vendors name them. */
function spellings(model: string): string[] {
  const full = model.trim().toLowerCase()
  const bare = full.slice(full.lastIndexOf('/') + 1).replace(/^(?:[a-z]{2,6}\.)?(?:anthropic|openai|google|xai)\./, '')
  return [full, bare, bare.replace(/(?<=^claude.{0,40}\d)\.(?=\d)/, '-')]
}

function begins(model: string, name: string): boolean {
  if (!model.startsWith(name)) return false
  const rest = model.slice(name.length)
  // A date or a variant may follow, another version number may not.
  return (
    rest === '' || name.endsWith('-') || name.endsWith('/') || (/^[-@:[( ]/.test(rest) && !/^-\d{1,2}(?!\d)/.test(rest))
  )
}

function count(tokens: number | undefined): number {
  return tokens !== undefined && Number.isFinite(tokens) && tokens > 0 ? tokens : 0
}
