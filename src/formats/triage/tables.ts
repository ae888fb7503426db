import { cellsOf, type Line, wordsOf } from './markdown.ts'

/** A row of a table: its cells by the words of their heading, in small letters. */
export interface Row {
  /** From 1. */
  readonly line: number
  readonly cells: ReadonlyMap<string, string>
}

/** The rows of the first table whose headings fit. */
export function rowsOf(lines: readonly Line[], fits: (headings: readonly string[]) => boolean): Row[] {
  for (let at = 0; at + 1 < lines.length; at++) {
    const head = lines[at]
    const rule = lines[at + 1]
    if (head === undefined || rule === undefined || !isRule(rule)) continue
    const headings = (cellsOf(head) ?? []).map((cell) => wordsOf(cell).toLowerCase())
    if (!fits(headings)) continue
    const rows: Row[] = []
    for (let below = at + 2; below < lines.length; below++) {
      const line = lines[below]
      const cells = line === undefined ? undefined : cellsOf(line)
      if (cells === undefined) break
      rows.push({ line: below + 1, cells: new Map(headings.map((heading, i) => [heading, cells[i] ?? ''])) })
    }
    return rows
  }
  return []
}

/** The cell of the first heading that holds one of these words. */
export function cellOf(row: Row, ...words: readonly string[]): string | undefined {
  for (const [heading, cell] of row.cells) if (words.some((word) => heading.includes(word))) return cell
  return undefined
}

/** `100k`, `2M`, `100,000`, `~80 k`: a whole number with what it is counted in left out; undefined for anything else. */
export function numberOf(text: string): number | undefined {
  const match = /^[~≤≈<=\s]*(\d{1,3}(?:[,_ ']\d{3})+|\d{1,15}(?:\.\d{1,6})?)\s?([kKmM](?![a-z]))?(?![\d.,%-])/.exec(
    text.trim(),
  )
  if (match?.[1] === undefined) return undefined
  const unit = match[2]?.toLowerCase()
  return Math.floor(Number(match[1].replace(/[,_ ']/g, '')) * (unit === 'k' ? 1000 : unit === 'm' ? 1_000_000 : 1))
}

function isRule(line: Line): boolean {
  return line.visible.includes('-') && /^[\s|:-]{1,1000}$/.test(line.visible)
}
