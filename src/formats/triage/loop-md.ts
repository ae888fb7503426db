import { isLoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import { parseCadence } from '../../core/triage/cadence.ts'
import type { Level } from '../../core/triage/level.ts'
import type { Cadence } from '../../core/triage/pattern.ts'
import { requireSmall } from './bounds.ts'
import { headingOf, type Line, linesOf, slugOf, wordsOf } from './markdown.ts'
import { cellOf, numberOf, rowsOf } from './tables.ts'

/** A loop that a `LOOP.md` lists. */
export interface ListedLoop {
  /** The pattern's id, as its name gives it. */
  readonly id: string
  /** Where it is written so that it can be read. */
  readonly cadence?: Cadence
  readonly level?: Level
  readonly paused: boolean
  readonly status?: string
  readonly command?: string
  /** From 1. */
  readonly line: number
}

/** A `LOOP.md`, read: prose for people, of which these parts have a form. */
export interface LoopPage {
  readonly loops: readonly ListedLoop[]
  readonly humanGates: readonly string[]
  readonly budget: {
    readonly runsPerDay?: number
    readonly tokensPerDay?: number
    readonly spawnsPerRun?: number
  }
  readonly connectors: readonly string[]
  readonly links: readonly { readonly text: string; readonly url: string }[]
}

const most = 200

/** Reads a `LOOP.md`. Any text can be read, and what has no form is left out; throws `bad_input` only for more than 1 MiB. */
export function parseLoopPage(text: string, path = 'LOOP.md'): LoopPage {
  requireSmall(text, path, 'this page is for people: keep it short')
  const lines = linesOf(text)
  const section = (...names: readonly string[]) => sectionOf(lines, names)
  const budget = bullets(section('budget'))
  const limit = (words: RegExp) => {
    const line = budget.find((one) => words.test(one))
    return line === undefined ? undefined : numberOf(wordsOf(line.slice(line.search(/[:=]/) + 1)))
  }
  const [runs, tokens, spawns] = [
    limit(/\bruns?\b.*day/i),
    limit(/\btokens?\b.*day/i),
    limit(/\bspawns?\b|\bsub-?agents?\b/i),
  ]
  return {
    loops: loopsOf(lines),
    humanGates: bullets(section('human gates', 'safety & gates', 'safety and gates')),
    budget: {
      ...(runs === undefined ? {} : { runsPerDay: runs }),
      ...(tokens === undefined ? {} : { tokensPerDay: tokens }),
      ...(spawns === undefined ? {} : { spawnsPerRun: spawns }),
    },
    connectors: bullets(section('connectors')),
    links: section('links').flatMap(({ visible }) =>
      [...visible.slice(0, 2000).matchAll(/\[([^\]]{1,200})\]\(([^)\s]{1,500})\)/g)].map(([, label, url]) => ({
        text: oneLine(label ?? '', 200),
        url: url ?? '',
      })),
    ),
  }
}

function loopsOf(lines: readonly Line[]): ListedLoop[] {
  const rows = rowsOf(lines, (headings) => headings.includes('cadence') && /^(?:pattern|loop)/.test(headings[0] ?? ''))
  const listed = rows.map((row) => {
    const name = cellOf(row, 'pattern', 'loop') ?? ''
    const status = wordsOf(cellOf(row, 'status') ?? '')
    const command = wordsOf(cellOf(row, 'command') ?? '')
    return loopOf(name, cellOf(row, 'cadence') ?? '', status, command, row.line)
  })
  return [...listed, ...describedLoops(lines)].filter(({ id }) => id !== '').slice(0, most)
}

/** Loops with a heading of their own: `### Daily Triage (L1)` and below it `- Cadence: 1d`. */
function describedLoops(lines: readonly Line[]): ListedLoop[] {
  const begin = lines.findIndex((line) => isSection(line, ['active loops']))
  if (begin < 0) return []
  const found: { name: string; cadence: string; status: string; line: number }[] = []
  for (const [i, line] of lines.entries()) {
    if (i <= begin) continue
    const heading = headingOf(line)
    if (heading !== undefined && heading.level <= 2) break
    if (heading !== undefined) found.push({ name: heading.title, cadence: '', status: '', line: i + 1 })
    const field = /^\s*[-*+][ \t]+\**(cadence|status)\**[ \t]*:\**(.*)$/i.exec(line.visible)
    const last = found.at(-1)
    if (field === null || last === undefined) continue
    if (field[1]?.toLowerCase() === 'cadence') last.cadence = field[2] ?? ''
    else last.status = field[2] ?? ''
  }
  return found
    .filter(({ cadence }) => cadence !== '')
    .map(({ name, cadence, status, line }) => loopOf(name, cadence, wordsOf(status), '', line))
}

function loopOf(name: string, cadence: string, status: string, command: string, line: number): ListedLoop {
  const level = /\b(L[0-3])\b/.exec(`${status} ${wordsOf(name)}`)?.[1] as Level | undefined
  const read = cadenceOf(cadence)
  return {
    id: slugOf(name),
    ...(read === undefined ? {} : { cadence: read }),
    ...(level === undefined ? {} : { level }),
    paused: /\b(?:paused?|disabled|inactive|stopped|off|retired)\b|⏸/i.test(status),
    ...(status === '' ? {} : { status: oneLine(status, 200) }),
    ...(command === '' ? {} : { command: oneLine(command, 500) }),
    line,
  }
}

/** A cadence alone, or before a remark: `1d weekdays`, `10–15m (busy hours)`. */
function cadenceOf(text: string): Cadence | undefined {
  const plain = wordsOf(text).replace(/[–—]/g, '-')
  const first = /^\d{1,9}[mhd](?:-\d{1,9}[mhd])?(?=$|[\s,;(+])/.exec(plain)?.[0]
  const short = /^(\d{1,9})-(\d{1,9})([mhd])(?=$|[\s,;(+])/.exec(plain)
  const given = first ?? (short === null ? plain : `${short[1]}${short[3]}-${short[2]}${short[3]}`)
  try {
    return parseCadence(given)
  } catch (error) {
    if (isLoopwrightError(error, 'bad_input')) return undefined
    throw error
  }
}

function isSection(line: Line, names: readonly string[]): boolean {
  const heading = headingOf(line)
  return heading !== undefined && heading.level > 1 && names.some((one) => heading.title.toLowerCase().startsWith(one))
}

function sectionOf(lines: readonly Line[], names: readonly string[]): readonly Line[] {
  const begin = lines.findIndex((line) => isSection(line, names))
  if (begin < 0) return []
  const level = lines.slice(begin, begin + 1).map((line) => headingOf(line)?.level)[0] ?? 2
  const after = lines.slice(begin + 1)
  const end = after.findIndex((line) => (headingOf(line)?.level ?? 7) <= level)
  return end < 0 ? after : after.slice(0, end)
}

function bullets(lines: readonly Line[]): string[] {
  return lines
    .flatMap(({ visible }) => /^\s*(?:[-*+]|\d{1,9}[.)])[ \t]+(.*)$/.exec(visible)?.[1] ?? [])
    .map((text) => oneLine(text, 500))
    .filter((text) => text !== '')
    .slice(0, most)
}
