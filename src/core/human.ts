import { formatDuration } from './duration.ts'
import type { RunView } from './view-types.ts'

/** A count for people: `950`, `34k`, `1.2M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(count)
  if (count < 10_000) return `${(Math.floor(count / 100) / 10).toFixed(1).replace(/\.0$/, '')}k`
  if (count < 1_000_000) return `${Math.floor(count / 1_000)}k`
  return `${(Math.floor(count / 100_000) / 10).toFixed(1).replace(/\.0$/, '')}M`
}

/** Millionths of a US dollar for people: `$0.42`, `$12`, `<$0.01`. */
export function formatMoney(microUsd: number): string {
  if (microUsd === 0) return '$0'
  if (microUsd < 10_000) return '<$0.01'
  const dollars = microUsd / 1_000_000
  return `$${dollars >= 100 ? Math.round(dollars) : dollars.toFixed(2)}`
}

/** How long ago, in its largest unit: `12s ago`, `3m ago`, `2d ago`. */
export function formatAgo(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h ago`
  return `${Math.floor(seconds / 86_400)}d ago`
}

/** Milliseconds as a clock: `0:07`, `12:30`, `1:02:03`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(seconds / 3600)
  const m = Math.floor((seconds % 3600) / 60)
  return h > 0 ? `${h}:${two(m)}:${two(seconds % 60)}` : `${m}:${two(seconds % 60)}`
}

/** What a run has used, against its caps where it has some: `3/20 calls · 34k/100k tokens · $0.42/$5`. */
export function spendText(view: RunView): string {
  const { spend, caps } = view
  const calls = `${spend.agentCalls}${caps.agentCalls === undefined ? '' : `/${caps.agentCalls}`}`
  const parts = [`${calls} agent call${calls === '1' ? '' : 's'}`]
  if (spend.tokens > 0 || caps.tokens !== undefined) {
    parts.push(`${formatCount(spend.tokens)}${caps.tokens === undefined ? '' : `/${formatCount(caps.tokens)}`} tokens`)
  }
  if (spend.microUsd > 0 || caps.microUsd !== undefined) {
    parts.push(`${formatMoney(spend.microUsd)}${caps.microUsd === undefined ? '' : `/${formatMoney(caps.microUsd)}`}`)
  }
  return parts.join(' · ')
}

/**
 * At most how many milliseconds are left, from how long the finished iterations took and how many the budget still allows;
 * undefined before the first is finished or without a cap on iterations.
 */
export function etaMs(view: RunView, now: number): number | undefined {
  const took = view.history.flatMap((one) => (one.finishedAt === undefined ? [] : [one.finishedAt - one.startedAt]))
  const cap = view.caps.iterations
  if (took.length === 0 || cap === undefined) return undefined
  const mean = took.reduce((sum, ms) => sum + ms, 0) / took.length
  const current = view.history.at(-1)
  const underWay = current !== undefined && current.finishedAt === undefined
  const whole = Math.max(0, cap - view.iteration) * mean
  return whole + (underWay ? Math.max(0, mean - (now - current.startedAt)) : 0)
}

/** What one turn of a loop is called, by its kind: an iteration, or the word of that kind. */
export function turnWord(kind: string): 'iteration' | 'round' | 'tick' {
  if (kind === 'triage') return 'tick'
  return kind === 'repair' ? 'round' : 'iteration'
}

/** Caps for people, in one line: `4 iterations · 30m · $5`; `no limits` when there are none. */
export function capsText(caps: RunView['caps'], kind = 'goal'): string {
  const parts: string[] = []
  const count = (n: number | undefined, one: string) => {
    if (n !== undefined) parts.push(`${formatCount(n)} ${one}${n === 1 ? '' : 's'}`)
  }
  count(caps.iterations, turnWord(kind))
  if (caps.activeMs !== undefined) parts.push(formatDuration(caps.activeMs / 1000))
  count(caps.agentCalls, 'agent call')
  count(caps.agents, 'agent')
  count(caps.tokens, 'token')
  if (caps.microUsd !== undefined) parts.push(formatMoney(caps.microUsd))
  return parts.length === 0 ? 'no limits' : parts.join(' · ')
}

/** `1 file`, `3 files`. */
export function counted(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`
}
