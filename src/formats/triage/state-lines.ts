import { oneLine } from '../../core/plain.ts'
import { headingOf, type Line, mark } from './markdown.ts'

/** The parts of a state file that a loop writes. */
export const sectionNames = ['high', 'watch', 'noise', 'critique'] as const
export type SectionName = (typeof sectionNames)[number]

export const sectionTitles: Readonly<Record<SectionName, string>> = {
  high: 'High Priority (loop is acting or waiting on human)',
  watch: 'Watch List',
  noise: 'Recent Noise (ignored this run)',
  critique: 'Post-Run Critique',
}

const beginnings: Readonly<Record<SectionName, string>> = {
  high: 'high priority',
  watch: 'watch list',
  noise: 'recent noise',
  critique: 'post-run critique',
}

/** Where a section stands: its heading, and the line after its last. */
export interface Section {
  readonly heading: number
  readonly end: number
}

/** An item of a list, with all that stands below it. */
export interface Block {
  readonly section: SectionName | undefined
  /** Its first line, and the line after its last. */
  readonly start: number
  readonly end: number
  /** As it is written; undefined where none can be told. */
  readonly id: string | undefined
  /** The item without bullet and box. */
  readonly rest: string
  readonly box: 'open' | 'ticked' | undefined
  /** The pattern that wrote it. */
  readonly by: string | undefined
  /** Whether it stands as it was written there. */
  readonly untouched: boolean
}

export interface StateParts {
  readonly sections: ReadonlyMap<SectionName, Section>
  readonly blocks: readonly Block[]
  /** The line that says when it ran. */
  readonly lastRun: number | undefined
  readonly hasFooter: boolean
  /** The line after the last of the sections: the footer's rule, or the end. */
  readonly bodyEnd: number
}

const item = /^ ?[-*+][ \t]+(?:\[([ xX])\](?:[ \t]+|$))?(.*)$/
const label = /^\s*(?:[-*+][ \t]+)?\**(loop action|human decision)\**[ \t]*:/i

export const lastRunLine = /^(\s*(?:[-*+][ \t]+)?\**last run\**[ \t]*:\**[ \t]*)(.*)$/i
const footerLine = /^\s*\**run log\**[ \t]*:/i

/** Finds what a state file is made of. */
export function partsOf(lines: readonly Line[]): StateParts {
  const footer = lines.findLastIndex(({ visible }) => footerLine.test(visible))
  const lastHeading = lines.findLastIndex((line) => headingOf(line) !== undefined)
  const bodyEnd = footer > lastHeading ? ruleBefore(lines, footer) : lines.length
  const sections = sectionsOf(lines, bodyEnd)
  const firstSection = lines.findIndex((line) => (headingOf(line)?.level ?? 0) >= 2)
  const top = lines.slice(0, firstSection < 0 ? lines.length : firstSection)
  return {
    sections,
    blocks: blocksOf(lines, sections),
    lastRun: indexOf(top, ({ visible }) => lastRunLine.test(visible)),
    hasFooter: footer >= 0,
    bodyEnd,
  }
}

/** The line that the footer begins with: the rule above it, where there is one. */
function ruleBefore(lines: readonly Line[], footer: number): number {
  let at = footer - 1
  while (at >= 0 && lines[at]?.text.trim() === '') at--
  return /^[ ]{0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/.test(lines[at]?.visible ?? '') ? at : footer
}

function sectionsOf(lines: readonly Line[], bodyEnd: number): Map<SectionName, Section> {
  const found = new Map<SectionName, Section>()
  const headings = lines.flatMap((line, at) => {
    const heading = headingOf(line)
    return heading === undefined ? [] : [{ ...heading, at }]
  })
  for (const [i, { level, title, at }] of headings.entries()) {
    const name = sectionNames.find((one) => title.toLowerCase().startsWith(beginnings[one]))
    if (name === undefined || level === 1 || found.has(name)) continue
    const next = headings.slice(i + 1).find((other) => other.level <= level)?.at ?? lines.length
    found.set(name, { heading: at, end: Math.min(next, bodyEnd) })
  }
  return found
}

function blocksOf(lines: readonly Line[], sections: ReadonlyMap<SectionName, Section>): Block[] {
  const blocks: Block[] = []
  const places = [...sections]
  for (let start = 0; start < lines.length; start++) {
    const line = lines[start]
    const match = line === undefined || line.fenced ? null : item.exec(line.visible)
    if (line === undefined || match === null) continue
    const end = blockEnd(lines, start)
    const section = places.findLast(([, { heading, end: last }]) => start > heading && start < last)?.[0]
    const [, by, sum] = mark.exec(line.text) ?? []
    const own = [line.text.replace(mark, ''), ...lines.slice(start + 1, end).map(({ text }) => text)]
    const rest = (match[2] ?? '').trim()
    const box = match[1] === undefined ? undefined : match[1] === ' ' ? 'open' : 'ticked'
    blocks.push({ section, start, end, id: idOf(rest), rest, box, by, untouched: sum === sumOf(section, own) })
    start = end - 1
  }
  return blocks
}

/** What is indented below an item is its, its labels too where they are not; blank lines at its end are not. */
function blockEnd(lines: readonly Line[], start: number): number {
  let end = start + 1
  for (let at = end; at < lines.length; at++) {
    const line = lines[at]
    if (line === undefined) break
    if (line.text.trim() === '') continue
    const lazy = at === end && !line.fenced && line.visible.trim() !== '' && !startsBlock(line)
    if (!lazy && !belongsAbove(line)) break
    end = at + 1
  }
  return end
}

function belongsAbove(line: Line): boolean {
  return /^(?: {2}|\t| \t)/.test(line.text) || label.test(line.visible)
}

/** Where the first item of a section is to be put: below what would else become a part of it. */
export function firstPlace(lines: readonly Line[], { heading, end }: Section): number {
  let place = heading + (lines[heading + 1]?.text.trim() === '' ? 2 : 1)
  for (let at = place; at < end; at++) {
    const line = lines[at]
    if (line === undefined || (line.text.trim() !== '' && !belongsAbove(line))) break
    if (line.text.trim() !== '') place = at + 1
  }
  return Math.min(place, lines.length)
}

function startsBlock(line: Line): boolean {
  return (
    headingOf(line) !== undefined ||
    item.test(line.visible) ||
    /^ {0,3}(?:-{3,}|\*{3,}|_{3,}|>|\d{1,9}[.)][ \t]|\|)/.test(line.visible) ||
    footerLine.test(line.visible)
  )
}

/** The id an item begins with: a link's text, what stands before a dash, or a first word that looks like one. */
function idOf(rest: string): string | undefined {
  const link = /^\**\[([^\]]{1,300})\]\([^)]{0,2000}\)/.exec(rest)
  if (link !== null) return link[1]
  const plain = rest.slice(0, 400)
  const before = /^(\S{1,300})[ \t]+(?:[—–]|--?)(?:[ \t]|$)/.exec(plain)?.[1]
  if (before !== undefined) return before.replace(/^[*`]+|[*`:]+$/g, '')
  const first = /^\S{1,300}/.exec(plain)?.[0].replace(/^[*`]+|[*`:,.]+$/g, '')
  return first !== undefined && /[#:/]/.test(first) ? first : undefined
}

/** A mark for a block we write: whose it is, and a sum that tells whether somebody changed it. Not made to stop forgery. */
export function markOf(by: string, section: SectionName, own: readonly string[]): string {
  return `<!-- loop: ${by} ${sumOf(section, own)} -->`
}

function sumOf(section: SectionName | undefined, own: readonly string[]): string {
  return checksum(`${section ?? ''}\n${own.map((line) => line.trimEnd()).join('\n')}`)
}

function checksum(text: string): string {
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return (sum >>> 0).toString(16).padStart(8, '0')
}

/** An id as it is written: a single word that means nothing in Markdown. */
export function shownId(id: string): string {
  const plain = oneLine(id, 400)
    .replace(/loop-pause-all/gi, 'loop_pause_all')
    .replace(/[\s`<>()[\]*|\\]+/g, '_')
    .replace(/^~+|:$/g, '_')
  if (plain === '') return 'item'
  // A number with a dot, or marks alone, would begin another list, a heading or a rule.
  if (!/[A-Za-z0-9]/.test(plain) || /^\d{1,9}\.$/.test(plain)) return `item:${plain}`
  return plain.length <= 200 ? plain : `${plain.slice(0, 180)}~${checksum(id)}`
}

/** Text from outside as one line that is text and nothing else: no link, no comment, no code, no kill switch. */
export function shownText(text: string, max = 200): string {
  return oneLine(text, max)
    .replace(/[\\[\]]/g, '\\$&')
    .replaceAll('`', "'")
    .replaceAll('<', '&lt;')
    .replaceAll('-->', '--&gt;')
    .replace(/loop-pause-all/gi, 'loop pause all')
}

/** What stands behind a label of a block (`Human decision:`), with the lines it goes on in. */
export function labelled(lines: readonly Line[], block: Block, name: 'loop action' | 'human decision'): string {
  const said: string[] = []
  let inside = false
  for (const { visible } of lines.slice(block.start + 1, block.end)) {
    const found = label.exec(visible)
    if (found !== null) inside = found[1]?.toLowerCase() === name
    const text = found === null ? visible : visible.slice(found[0].length).replace(/^\*+/, '')
    if (inside) said.push(text.trim())
  }
  const text = oneLine(said.join(' '), 2000)
  return /^[-—–_.…]*$/.test(text) ? '' : text
}

/** The line of a block that holds a label, and the label as it is written there. */
export function labelLine(
  lines: readonly Line[],
  block: Block,
  name: 'loop action' | 'human decision',
): { readonly at: number; readonly written: string } | undefined {
  for (let at = block.start + 1; at < block.end; at++) {
    const line = lines[at]
    const found = line === undefined || line.fenced ? null : label.exec(line.visible)
    if (line !== undefined && found?.[1]?.toLowerCase() === name && line.text.startsWith(found[0])) {
      return { at, written: found[0] + (/^\*+/.exec(line.text.slice(found[0].length))?.[0] ?? '') }
    }
  }
  return undefined
}

function indexOf(lines: readonly Line[], fits: (line: Line) => boolean): number | undefined {
  const at = lines.findIndex((line) => !line.fenced && fits(line))
  return at < 0 ? undefined : at
}
