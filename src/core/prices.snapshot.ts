/** What a model costs, in US dollars per million tokens. A cache price that is absent is the input price. */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
}

/** Prices by model name, or by the beginning of one. */
export type PriceTable = Readonly<Record<string, Price>>

// The vendors' price lists as read on 2026-11-21; configuration overrides them.
const price = (input: number, output: number, cacheRead?: number, cacheWrite?: number): Price => ({
  input,
  output,
  ...(cacheRead === undefined ? {} : { cacheRead }),
  ...(cacheWrite === undefined ? {} : { cacheWrite }),
})

/**
 * List prices of well-known models: the standard tier and short prompts. Long-context surcharges, batch and fast tiers,
 * regional premiums and one-hour cache writes are not in here; an agent that reports its own cost is believed instead.
 */
export const priceSnapshot: PriceTable = {
  // Anthropic (platform.claude.com, pricing); cache writes are the five-minute ones.
  'claude-fable-5-1': price(10, 50, 0.25, 12.5),
  'claude-mythos-5-1': price(10, 50, 0.25, 12.5),
  'claude-fable-5': price(10, 50, 1, 12.5),
  'claude-mythos-5': price(10, 50, 1, 12.5),
  'claude-opus-5-5': price(4, 20, 0.2, 5),
  'claude-opus-5': price(5, 25, 0.5, 6.25),
  'claude-opus-4-8': price(5, 25, 0.5, 6.25),
  'claude-opus-4-7': price(5, 25, 0.5, 6.25),
  'claude-opus-4-6': price(5, 25, 0.5, 6.25),
  'claude-opus-4-5': price(5, 25, 0.5, 6.25),
  'claude-opus-4-1': price(15, 75, 1.5, 18.75),
  'claude-opus-4': price(15, 75, 1.5, 18.75),
  'claude-sonnet-5-5': price(2, 10, 0.1, 2.5),
  'claude-sonnet-5': price(2, 10, 0.2, 2.5),
  'claude-sonnet-4-6': price(3, 15, 0.3, 3.75),
  'claude-sonnet-4-5': price(3, 15, 0.3, 3.75),
  'claude-sonnet-4': price(3, 15, 0.3, 3.75),
  'claude-3-7-sonnet': price(3, 15, 0.3, 3.75),
  // Prompts up to 100,000 tokens; longer ones cost five times as much.
  'claude-haiku-5-5': price(0.1, 0.5, 0.01, 0.125),
  'claude-haiku-4-5': price(1, 5, 0.1, 1.25),
  'claude-3-5-haiku': price(0.8, 4, 0.08, 1),
  // OpenAI (developers.openai.com, pricing); prompts up to 272,000 tokens.
  'gpt-6.1-sol': price(2, 10, 0.1, 2.5),
  'gpt-6.1-terra': price(1, 5, 0.05, 1.25),
  'gpt-6-astra': price(10, 50, 1, 12.5),
  'gpt-6-sol': price(2, 10, 0.2, 2.5),
  'gpt-6-luna': price(0.1, 0.5, 0.01, 0.125),
  'gpt-5.6-sol': price(5, 30, 0.5, 6.25),
  'gpt-5.6-terra': price(2, 12, 0.2, 2.5),
  'gpt-5.6-luna': price(0.2, 1.2, 0.02, 0.25),
  'gpt-5.5': price(5, 30, 0.5),
  'gpt-5.4': price(2.5, 15, 0.25),
  'gpt-5.4-mini': price(0.75, 4.5, 0.075),
  'gpt-5.4-nano': price(0.2, 1.25, 0.02),
  'gpt-5.3-codex': price(1.75, 14, 0.175),
  'gpt-5.2': price(1.75, 14, 0.175),
  'gpt-5.1': price(1.25, 10, 0.125),
  'gpt-5': price(1.25, 10, 0.125),
  'gpt-5-pro': price(15, 120),
  'gpt-5-mini': price(0.25, 2, 0.025),
  'gpt-5-nano': price(0.05, 0.4, 0.005),
  'gpt-4.1': price(2, 8, 0.5),
  'gpt-4.1-mini': price(0.4, 1.6, 0.1),
  'gpt-4.1-nano': price(0.1, 0.4, 0.025),
  'gpt-4o': price(2.5, 10, 1.25),
  'gpt-4o-mini': price(0.15, 0.6, 0.075),
  o3: price(2, 8, 0.5),
  'o3-mini': price(1.1, 4.4, 0.55),
  'o4-mini': price(1.1, 4.4, 0.275),
  // Google (ai.google.dev, pricing); prompts up to 200,000 tokens. 3.6 to 3.8 Flash: the price until the end of 2026.
  'gemini-3.8-flash': price(0.75, 3.75, 0.075),
  'gemini-3.7-flash': price(0.75, 3.75, 0.075),
  'gemini-3.6-flash': price(0.75, 3.75, 0.075),
  'gemini-3.5-flash': price(1.5, 9, 0.15),
  'gemini-3.1-pro': price(2, 12, 0.2),
  'gemini-3.1-flash-lite': price(0.25, 1.5, 0.025),
  'gemini-3-pro': price(2, 12, 0.2),
  'gemini-3-flash': price(0.5, 3, 0.05),
  'gemini-2.5-pro': price(1.25, 10, 0.125),
  'gemini-2.5-flash': price(0.3, 2.5, 0.03),
  'gemini-2.5-flash-lite': price(0.1, 0.4, 0.01),
  // xAI (docs.x.ai); prompts up to 200,000 tokens.
  'grok-4.7': price(2, 6, 0.5),
  'grok-4.6': price(2, 6, 0.5),
  'grok-4.5': price(2, 6, 0.5),
  'grok-4.3': price(1.25, 2.5),
  'grok-4.20': price(1.25, 2.5),
  'grok-4-1-fast': price(0.2, 0.5, 0.05),
  'grok-4': price(3, 15, 0.75),
  'grok-build-0.1': price(1, 2),
  // Moonshot
  'kimi-k3': price(3, 15, 0.3),
  'kimi-k2.7-code': price(0.95, 4, 0.19),
}
