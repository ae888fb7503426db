import { counted, formatMoney } from '../human.ts'
import { oneLine, plainText } from '../plain.ts'
import type { TickResult } from './tick.ts'
import { ourMark } from './trigger.ts'

const mostTitle = 120
const mostFiles = 100
const mostChecks = 30
/** Of a text an agent wrote. GitHub takes 65,536 characters for all of it. */
const mostSaid = 10_000

/**
 * Title and body of the pull request for what a tick changed. All that an agent or somebody outside wrote stands in code, where GitHub
 * reads no mention, no link, no HTML and no word that closes an issue; `Closes` is said of the issue it acted on, and of no other.
 */
export function pullRequestOf(result: TickResult): { readonly title: string; readonly body: string } {
  const { item, change, checks, verifier, gate, proposal } = result
  const files = change?.files ?? []
  const issue = /^issue:([1-9]\d{0,9})$/.exec(item?.id ?? '')?.[1]
  const parts = [
    `A change by loopwright’s ${code(result.name)} loop at ${result.level}, written by the agent ${code(result.agent)}. Read it before you merge it.`,
    section('What', [
      item === undefined
        ? undefined
        : `${linked(item.id, item.url)} ${code(item.title, 250)}${attemptText(item.attempt)}`,
      `${counted(files.length, 'file')}, ${counted(change?.lines ?? 0, 'line')} added and removed`,
    ]),
    section('Why', [code(result.reason, 500)]),
    issue === undefined ? '' : `Closes #${issue}`,
    section('Checks', checks.length === 0 ? ['none'] : bounded(checks, mostChecks, checkText)),
    section('Verifier', [
      verifier === undefined
        ? 'did not look'
        : `${verifier.word}${result.verdict === undefined ? '' : ` (${result.verdict})`}`,
    ]),
    folded('What the verifier says', verifier?.evidence),
    section('Gate', [
      gate === undefined
        ? 'was not asked'
        : `${gate.decision} (${gate.trigger}): ${code(gate.reason, 500)}${gate.risks.length === 0 ? '' : `; risks: ${gate.risks.join(', ')}`}`,
    ]),
    section('Cost', [costText(result)]),
    folded(
      `Files (${files.length})`,
      files
        .slice(0, mostFiles)
        .map((path) => oneLine(path, 300))
        .concat(more(files.length, mostFiles))
        .join('\n'),
    ),
    folded('What the implementer says', proposal),
    section('Run', [
      `${code(result.run)}, started ${code(result.startedAt)}: ${code(`loopwright status ${result.run}`)} and ${code(`loopwright tail ${result.run}`)}`,
    ]),
  ]
  return { title: titleOf(result), body: `${parts.filter((part) => part !== '').join('\n\n')}\n` }
}

/** What is said under a pull request whose branch was changed after review. */
export function revisionComment({ run, change, checks }: TickResult): string {
  const failed = checks.filter(({ ok }) => !ok).length
  const size = `${counted(change?.files.length ?? 0, 'file')}, ${counted(change?.lines ?? 0, 'line')}`
  const checked = checks.length === 0 ? 'no checks' : `${counted(checks.length, 'check')}, ${failed} failed`
  return `${ourMark}\nChanged after review by ${code(run)}: ${size} added and removed; ${checked}.\n`
}

/** A title reaches commit messages, so nothing in it may name a person or close an issue. */
function titleOf({ name, item, reason }: TickResult): string {
  const said = oneLine(item === undefined ? reason : item.title.replace(/^#\d+ /, ''), mostTitle)
  return quietLine(`${oneLine(name, 60)}: ${said}`)
}

/** A line for a commit message or a title: it names no person, closes no issue, and keeps no check from running. */
export function quietLine(text: string): string {
  return text.replace(
    /@(?=\w)|#(?=\d)|GH-(?=\d)|:(?=\/\/)|\[(?=[^\]]{0,20}\b(?:ci|actions)\b)|\*(?=\*\*NO_CI)|\bskip-checks(?=:)/gi,
    '$&\u200B',
  )
}

function section(title: string, lines: readonly (string | undefined)[]): string {
  return `**${title}**\n${lines.flatMap((line) => (line === undefined ? [] : [`- ${line}`])).join('\n')}`
}

/** Somebody else's text, folded away. */
function folded(title: string, text: string | undefined): string {
  const whole = plainText((text ?? '').slice(0, mostSaid)).trim()
  if (whole === '') return ''
  const cut = (text ?? '').length > mostSaid ? '\n…' : ''
  const fence = '`'.repeat(Math.max(3, longestRun(whole) + 1))
  return `<details><summary>${title}</summary>\n\n${fence}text\n${whole}${cut}\n${fence}\n\n</details>`
}

/** One line of somebody else's text as code. */
function code(text: string, max = 200): string {
  const line = oneLine(text, max)
  if (line === '') return '—'
  const fence = '`'.repeat(longestRun(line) + 1)
  return line.includes('`') ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length))
}

/** Only an address without anything that ends a link is made one. */
function linked(text: string, url: string | undefined): string {
  return url !== undefined && /^https?:\/\/[A-Za-z0-9._~:/?#=&%+,;@-]{1,500}$/.test(url)
    ? `[${code(text)}](${url})`
    : code(text)
}

function attemptText(attempt: number): string {
  return attempt > 1 ? `, attempt ${attempt}` : ''
}

function checkText({ name, ok, error }: TickResult['checks'][number]): string {
  return `${ok ? 'passed' : 'failed'}: ${code(name)}${error === null ? '' : ` ${code(error, 300)}`}`
}

function bounded<T>(all: readonly T[], max: number, text: (one: T) => string): string[] {
  return [...all.slice(0, max).map(text), ...more(all.length, max)]
}

function more(count: number, max: number): string[] {
  return count > max ? [`… and ${count - max} more`] : []
}

function costText({ tokens, costUsd, spent, cap }: TickResult): string {
  const count = (n: number) => Math.round(n).toLocaleString('en-US')
  const today = cap === null ? `${count(spent)} today` : `${count(spent)} of ${count(cap)} today`
  return `${count(tokens)} tokens, ${formatMoney(Math.round(costUsd * 1_000_000))}; ${today}`
}
