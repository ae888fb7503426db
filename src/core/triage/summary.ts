import { formatDuration } from '../duration.ts'
import { oneLine } from '../plain.ts'
import { withCommas } from './text.ts'
import type { TickItem, TickResult } from './tick.ts'

const shownItems = 20

/** What ticks came to, as Markdown for the summary page of a workflow. What others wrote in it has no markup, and mentions nobody. */
export function summaryMarkdown(results: readonly TickResult[]): string {
  const last = results.at(-1)
  if (last === undefined) return '### loopwright\n\nNothing was to be done.\n'
  const spent = last.cap === null ? `${withCommas(last.spent)}` : `${withCommas(last.spent)} of ${withCommas(last.cap)}`
  return [
    `### ${text(last.name)}${last.dryRun ? ' (dry run)' : ''}`,
    '',
    '| tick | decision | outcome | verdict | gate | tokens | took |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...results.map(row),
    '',
    ...results.flatMap(details),
    `Tokens of this pattern today: ${spent}.`,
    '',
  ].join('\n')
}

/** What a workflow can go on with: the last tick's decision, outcome, verdict, branch and URL, and the tokens of all. */
export function outputsOf(results: readonly TickResult[]): Readonly<Record<string, string>> {
  const last = results.at(-1)
  const one = (value: string | undefined) => oneLine(value ?? '', 2000)
  return {
    decision: one(last?.decision ?? 'none'),
    outcome: one(last?.outcome ?? 'none'),
    verdict: one(last?.verdict),
    tokens: String(results.reduce((sum, { tokens }) => sum + tokens, 0)),
    branch: one(last?.branch),
    url: one(last?.url),
    run: one(last?.run),
    reason: one(last?.reason),
  }
}

function row(result: TickResult): string {
  const { tick, decision, outcome, verdict, gate, tokens, duration } = result
  const cells = [tick, decision, outcome, verdict ?? '–', gate?.decision ?? '–', withCommas(tokens)]
  return `| ${cells.join(' | ')} | ${formatDuration(duration)} |`
}

function details(result: TickResult): string[] {
  const { item, reason, change, checks, gate, branch, url, skipped, run } = result
  const lines = [
    ...(reason === '' ? [] : [`- why: ${text(reason)}`]),
    ...(item === undefined ? [] : [`- item: ${linked(item.title, item.url)} (try ${item.attempt})`]),
    ...(change === undefined ? [] : [`- changed: ${change.files.slice(0, 10).map(code).join(', ') || 'nothing'}`]),
    ...checks.map(({ name, ok, error }) => `- check ${text(name)}: ${ok ? 'passed' : `failed, ${text(error ?? '')}`}`),
    ...(gate === undefined ? [] : [`- gate: ${gate.decision}, ${text(gate.reason)}`]),
    ...(branch === undefined ? [] : [`- branch: ${code(branch)}`]),
    ...(url === undefined ? [] : [`- ${linked('pull request', url)}`]),
    ...(result.outcome === 'escalated' ? [`- decide: ${code(`loopwright approve ${run}`)} or ${code('deny')}`] : []),
    ...skipped.map(({ source, why }) => `- not looked at: ${source}, ${text(why)}`),
    ...itemLines(result.items),
  ]
  return lines.length === 0 ? [] : [`**Tick ${result.tick}**`, '', ...lines, '']
}

function itemLines(items: readonly TickItem[]): string[] {
  const shown = items.filter(({ rank }) => rank !== 'noise').slice(0, shownItems)
  const rest = items.length - shown.length
  return [
    ...shown.map(({ rank, title, url, why }) => `- ${rank}: ${linked(title, url)} – ${text(why)}`),
    ...(rest > 0 ? [`- and ${rest} more`] : []),
  ]
}

function linked(title: string, url: string | undefined): string {
  const safe = url !== undefined && /^https:\/\/[^\s<>()[\]"'`|\\]{1,1000}$/.test(url)
  return safe ? `[${text(title)}](${url})` : text(title)
}

function code(words: string): string {
  return `\`${oneLine(words, 200).replaceAll('`', "'").replaceAll('|', '¦')}\``
}

/** Text of others on one line. A mention has a joiner in it that nobody sees, so that nobody is told. */
function text(words: string): string {
  return oneLine(words, 300)
    .replace(/[\\`*_{}[\]()#+!|<>~&]/g, (one) => `\\${one}`)
    .replaceAll('@', '@\u2060')
}
