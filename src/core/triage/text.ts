import { oneLine } from '../plain.ts'
import type { TickResult } from './tick.ts'

const shownItems = 10

/** A whole number with commas: `5,000`. */
export function withCommas(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** What ticks of one pattern came to, for people: a headline, a block per tick, and the day's tokens. */
export function ticksText(results: readonly TickResult[]): string {
  const last = results.at(-1)
  if (last === undefined) return 'no tick was run'
  const how = last.dryRun ? ' (dry-run)' : ''
  const agent = last.agent === 'scripted' ? 'the scripted agent' : last.agent
  return [
    `Ran ${results.length} tick(s) of ${oneLine(last.name)} [${last.level}] via ${oneLine(agent)}${how}:`,
    ...results.flatMap((result) => ['', ...tickLines(result)]),
    '',
    budgetLine(last),
  ].join('\n')
}

/** One tick, a line each. */
export function tickLines(result: TickResult): string[] {
  const { tick, decision, verdict, tokens, outcome } = result
  const word = verdict === undefined ? '' : ` (${verdict})`
  const lines = [`  tick ${tick}: ${decision}${word} — ${tokens} tokens`]
  const add = (text: string) => lines.push(`    ${oneLine(text, 300)}`)
  if (result.lowered !== undefined) add(`level ${result.level}: ${result.lowered}`)
  add(`triage decision: ${decision}${result.reason === '' || decision === 'act' ? '' : `, ${result.reason}`}`)
  if (decision !== 'act')
    for (const item of result.items.slice(0, shownItems)) add(`${item.rank}: ${item.id} — ${item.title}`)
  if (decision !== 'act' && result.items.length > shownItems) add(`and ${result.items.length - shownItems} more`)
  for (const { source, why } of result.skipped) add(`not looked at: ${source} (${why})`)
  if (result.item !== undefined) add(`item: ${result.item.id} — ${result.item.title} (try ${result.item.attempt})`)
  if (result.change !== undefined) add(`proposed change touching ${filesText(result.change.files)}`)
  for (const check of result.checks) add(`check ${check.name}: ${check.ok ? 'passed' : `failed, ${check.error ?? ''}`}`)
  if (verdict !== undefined) add(`verifier verdict: ${verdict}${verdict === 'accept' ? '' : `, ${result.reason}`}`)
  if (decision === 'act') add(endOf(result))
  else if (outcome === 'halted') add(`halted: ${result.reason}`)
  return lines
}

/** What was used of the day's tokens. */
export function budgetLine({ spent, cap }: Pick<TickResult, 'spent' | 'cap'>): string {
  return cap === null
    ? `Budget: ${withCommas(spent)} tokens spent today, no cap.`
    : `Budget: ${withCommas(spent)} / ${withCommas(cap)} tokens spent today.`
}

function endOf(result: TickResult): string {
  const { outcome, reason, gate, branch, url, run } = result
  const where = url ?? branch
  const why = gate?.reason ?? reason
  switch (outcome) {
    case 'would_commit':
      return `would commit: ${why}`
    case 'would_escalate':
      return `would escalate to a human: ${why}`
    case 'committed':
    case 'proposed':
    case 'merged':
      return `${outcome}: ${reason}${where === undefined ? '' : ` (${where})`}`
    case 'escalated':
      return `escalated to a human: ${why}; loopwright approve ${run}, or deny`
    case 'rejected':
      return 'discarded: the verifier did not accept it'
    case 'denied':
      return `denied by the gate: ${why}`
    default:
      return `${outcome}: ${reason}`
  }
}

function filesText(files: readonly string[]): string {
  if (files.length === 0) return 'nothing'
  const more = files.length > 3 ? ` and ${files.length - 3} more` : ''
  return `${files.slice(0, 3).join(', ')}${more}`
}
