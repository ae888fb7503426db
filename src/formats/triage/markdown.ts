/** A line of a Markdown file as it stands there, and what of it counts. */
export interface Line {
  readonly text: string
  /** `\n`, `\r\n`, `\r`, or nothing at the end of the file. */
  readonly eol: string
  /** The text without HTML comments; empty inside of a fenced block. What is only an example is not seen here. */
  readonly visible: string
  readonly fenced: boolean
}

/** What a loop puts behind an item of its own: a comment that is whole, and so ends none that somebody left open. */
export const mark = /[ \t]?<!-- loop: ([a-z][a-z0-9-]{0,63}) ([0-9a-f]{8}) -->[ \t]*$/

/**
 * The lines of a Markdown text. Fences and comments that are never closed hide nothing: a file cut short must not hide a kill switch.
 * Linear in the text's length.
 */
export function linesOf(text: string): Line[] {
  const raw = splitLines(text).map((line) => ({ ...line, bare: line.text.replace(mark, '') }))
  const closers = longestCloserFrom(raw)
  const lastEnd = raw.findLastIndex(({ bare }) => bare.includes('-->'))
  const lines: Line[] = []
  let inComment = false
  for (let i = 0; i < raw.length; i++) {
    const line = raw[i]
    if (line === undefined) break
    const fence = inComment ? undefined : fenceOf(line.text)
    if (fence !== undefined && (closers[fence.char]?.[i + 1] ?? 0) >= fence.length) {
      let end = i + 1
      while (end < raw.length - 1 && !closes(raw[end]?.text ?? '', fence)) end++
      for (const { text: code, eol } of raw.slice(i, end + 1))
        lines.push({ text: code, eol, visible: '', fenced: true })
      i = end
      continue
    }
    const { visible, open } = withoutComments(line.bare, inComment, lastEnd > i)
    inComment = open
    const { text: whole, eol } = line
    lines.push({ text: whole, eol, fenced: false, visible: i === 0 ? visible.replace(/^\uFEFF/, '') : visible })
  }
  return lines
}

/** The level and title of a line that is a heading. */
export function headingOf(line: Line): { readonly level: number; readonly title: string } | undefined {
  const match = /^ {0,3}(#{1,6})[ \t](.*)$/.exec(line.visible)
  if (match === null) return undefined
  const title = (match[2] ?? '').trim()
  return { level: match[1]?.length ?? 1, title: title.endsWith('#') ? title.replace(/ #{1,20}$/, '').trim() : title }
}

/** The line ending that a text uses most. */
export function eolOf(lines: readonly Line[]): string {
  const windows = lines.filter(({ eol }) => eol === '\r\n').length
  return windows * 2 > lines.length ? '\r\n' : '\n'
}

/** Lines back to text; a line that got another behind it gets the ending the others have. */
export function textOf(lines: readonly { readonly text: string; readonly eol: string }[], eol: string): string {
  return lines.map(({ text, eol: own }, i) => text + (own === '' && i < lines.length - 1 ? eol : own)).join('')
}

/** The cells of a line of a table, or undefined for any other line. */
export function cellsOf(line: Line): string[] | undefined {
  const text = line.visible.trim()
  if (!text.includes('|') || text.length > 10_000) return undefined
  const inner = text.replace(/^\|/, '').replace(/(?<!\\)\|$/, '')
  return inner.split(/(?<!\\)\|/).map((cell) => cell.replaceAll('\\|', '|').trim())
}

/** A text without the marks of links, emphasis and code around its words. */
export function wordsOf(text: string): string {
  return text
    .slice(0, 2000)
    .replace(/!?\[([^\]]{0,500})\]\([^)]{0,500}\)/g, '$1')
    .replace(/\*\*|__|`|~~/g, '')
    .trim()
}

/** `Daily Triage (L1)` → `daily-triage`: how a table's name is found among ids. */
export function slugOf(text: string): string {
  return wordsOf(text)
    .replace(/\([^)]{0,500}\)/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

interface Fence {
  readonly char: '`' | '~'
  readonly length: number
}

function splitLines(text: string): { text: string; eol: string }[] {
  const parts = text.split(/(\r\n|\n|\r)/)
  const lines: { text: string; eol: string }[] = []
  for (let i = 0; i < parts.length; i += 2) lines.push({ text: parts[i] ?? '', eol: parts[i + 1] ?? '' })
  if (lines.at(-1)?.text === '') lines.pop()
  return lines
}

function fenceOf(text: string): Fence | undefined {
  const match = /^\s*(`{3,}|~{3,})(.*)$/.exec(text)
  if (match?.[1] === undefined) return undefined
  const char = match[1].startsWith('~') ? '~' : '`'
  return char === '`' && match[2]?.includes('`') ? undefined : { char, length: match[1].length }
}

function closes(text: string, fence: Fence): boolean {
  return closerOf(text, fence.char) >= fence.length
}

/** How many marks of a kind a line consists of; 0 for a line that closes nothing. */
function closerOf(text: string, char: '`' | '~'): number {
  const plain = text.trim()
  if (!plain.startsWith(char)) return 0
  for (const one of plain) if (one !== char) return 0
  return plain.length
}

/** For each line the longest closing fence from there on, so that no fence is looked for in vain. */
function longestCloserFrom(raw: readonly { readonly text: string }[]): Record<'`' | '~', number[]> {
  const longest: Record<'`' | '~', number[]> = { '`': [], '~': [] }
  for (const char of ['`', '~'] as const) {
    let most = 0
    for (let i = raw.length - 1; i >= 0; i--) {
      most = Math.max(most, closerOf(raw[i]?.text ?? '', char))
      longest[char][i] = most
    }
  }
  return longest
}

/** A line without the comments in it. `endsLater`: a later line may end one that is left open. */
function withoutComments(text: string, open: boolean, endsLater: boolean): { visible: string; open: boolean } {
  let visible = ''
  let at = 0
  let inside = open
  let ticks = 0
  const lastEnd = text.lastIndexOf('-->')
  for (;;) {
    if (inside) {
      const end = text.indexOf('-->', at)
      if (end < 0) return { visible, open: true }
      at = end + 3
      inside = false
      continue
    }
    const start = text.indexOf('<!--', at)
    const piece = start < 0 ? text.slice(at) : text.slice(at, start)
    visible += piece
    if (start < 0) return { visible, open: false }
    ticks += piece.split('`').length - 1
    const closed = lastEnd >= start + 4
    // Inside of `code` it is no comment, nor where nothing ends it.
    if (ticks % 2 === 1 || !(closed || endsLater)) {
      visible += '<!--'
      at = start + 4
    } else {
      inside = true
      at = start + 4
    }
  }
}
