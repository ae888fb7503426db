import { LoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import { requireSmall } from './bounds.ts'
import { eolOf, type Line, linesOf, textOf } from './markdown.ts'
import { pausedLine } from './pause.ts'
import {
  type Block,
  firstPlace,
  labelLine,
  labelled,
  lastRunLine,
  markOf,
  partsOf,
  type SectionName,
  type StateParts,
  sectionNames,
  sectionTitles,
  shownId,
  shownText,
} from './state-lines.ts'

/** An item of a state file. */
export interface StateItem {
  /** As it is written; absent where none can be told. */
  readonly id?: string
  readonly text: string
  readonly section: 'high' | 'watch' | 'noise' | 'other'
  readonly ticked: boolean
  readonly action?: string
  /** What a person wrote behind `Human decision:`. */
  readonly decision?: string
  /** The pattern that wrote it; absent: a person. */
  readonly by?: string
  /** Whether a person changed it since. */
  readonly touched: boolean
}

/** A state file, read. */
export interface StateFile {
  /** As it is written; absent when it never ran. */
  readonly lastRun?: string
  readonly items: readonly StateItem[]
  /** The line of `loop-pause-all`, from 1, where all loops are paused. */
  readonly pausedAt?: number
}

/** What a tick puts into a state file. Titles, reasons and actions may come from outside: they are written as plain text. */
export interface StateUpdate {
  /** The id of the pattern. */
  readonly pattern: string
  /** When it ran, ISO 8601. */
  readonly at: string
  readonly items: readonly StateUpdateItem[]
  /** Ids that stay although they were not seen: what waits for a human. `issue:*` keeps all that begin so: a source that could not look. */
  readonly keep?: readonly string[]
  /** Path of the run log, for the footer of a file that has none. */
  readonly runLog?: string
  /** What the loop says of its own run. */
  readonly critique?: string
  /** Name of the project, for a new file. */
  readonly project?: string
}

export interface StateUpdateItem {
  readonly id: string
  readonly title: string
  readonly rank: 'high' | 'watch' | 'noise'
  readonly why?: string
  readonly url?: string
  /** What the loop did or waits for: the `Loop action:` of a high item. */
  readonly action?: string
}

const mostItems = { high: 100, watch: 100, noise: 50 } as const
const mostCritiques = 10

/** Reads a state file. Any text can be read; throws `bad_input` only for more than 1 MiB. `path` is what the error names. */
export function readState(text: string, path = 'STATE.md'): StateFile {
  requireSmall(text, path, 'move what is old to another file')
  const lines = linesOf(text)
  const parts = partsOf(lines)
  const ran = parts.lastRun === undefined ? '' : (lastRunLine.exec(lines[parts.lastRun]?.visible ?? '')?.[2] ?? '')
  const lastRun = oneLine(ran, 100)
  const pausedAt = pausedLine(lines)
  return {
    ...(lastRun === '' || /^never\b/i.test(lastRun) ? {} : { lastRun }),
    items: parts.blocks.filter(({ section }) => section !== 'critique').map((block) => itemOf(lines, block)),
    ...(pausedAt === undefined ? {} : { pausedAt }),
  }
}

function itemOf(lines: readonly Line[], block: Block): StateItem {
  const action = labelled(lines, block, 'loop action')
  const decision = labelled(lines, block, 'human decision')
  return {
    ...(block.id === undefined ? {} : { id: block.id }),
    text: oneLine(block.rest, 500),
    section: block.section === undefined || block.section === 'critique' ? 'other' : block.section,
    ticked: block.box === 'ticked',
    ...(action === '' ? {} : { action }),
    ...(decision === '' ? {} : { decision }),
    ...(block.by === undefined ? {} : { by: block.by }),
    touched: !block.untouched,
  }
}

/**
 * Puts what a tick found into a state file, and loses nothing that a person wrote. Items are matched by id. One that nobody touched is
 * rewritten, moves with its rank, and goes when this pattern no longer sees it. One that a person wrote, changed, moved or answered
 * stays; only its `Loop action:` is renewed, and with a ticked box not even that. An empty text makes a new file. The same update twice
 * changes nothing more. Throws `bad_input` for more than 1 MiB.
 */
export function updateState(text: string, update: StateUpdate): string {
  requireSmall(text, 'the state file', 'move what is old to another file')
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(update.pattern))
    throw new LoopwrightError('bad_input', `${JSON.stringify(update.pattern.slice(0, 80))} is no id of a pattern`)
  const before = text.trim() === '' ? newFile(update.project) : text
  const framed = withFrame(linesOf(before), update)
  const lines = linesOf(framed)
  const eol = eolOf(lines)
  const parts = partsOf(lines)
  const edits = editsOf(lines, parts, update)
  return textOf(applied(lines, parts, edits, eol), eol)
}

function newFile(project: string | undefined): string {
  const name = shownText(project ?? '', 80)
  return `# Loop State${name === '' ? '' : ` — ${name}`}\n\nLast run: never\n`
}

/** The file with the time of the run, every section a tick writes, and a footer. */
function withFrame(lines: readonly Line[], update: StateUpdate): string {
  const eol = eolOf(lines)
  const out: { text: string; eol: string }[] = lines.map((line) => ({ text: line.text, eol: line.eol }))
  const parts = partsOf(lines)
  const line = (text: string) => ({ text, eol })
  const foot = parts.bodyEnd
  const missing = sectionNames.filter((name) => !parts.sections.has(name))
  const added = missing.flatMap((name) => [line(`## ${sectionTitles[name]}`), line('')])
  const blank = out[foot - 1]?.text.trim() === '' || foot === 0 ? [] : [line('')]
  const last = update.runLog === undefined ? '' : shownText(update.runLog, 200).replace(/[()\s]/g, '_')
  const footer = parts.hasFooter || last === '' ? [] : [line('---'), line(`Run log: [${last}](${last})`)]
  if (added.length + footer.length > 0) {
    out.splice(foot, 0, ...blank, ...added, ...footer)
  }
  const at = oneLine(update.at, 40)
  if (parts.lastRun === undefined) {
    const title = lines[0]?.visible.startsWith('# ') ? 1 : 0
    out.splice(
      title,
      0,
      ...(title === 1 ? [line('')] : []),
      line(`Last run: ${at}`),
      ...(title === 1 ? [] : [line('')]),
    )
  } else {
    const old = lines[parts.lastRun]
    const begin = lastRunLine.exec(old?.text ?? '')?.[1]
    // A person may have put a comment before the words: then they stand in another place of the line, and it is left alone.
    if (old !== undefined && begin !== undefined)
      out[parts.lastRun] = { text: `${begin.trimEnd()} ${at}`, eol: old.eol }
  }
  return textOf(out, eol)
}

interface Edits {
  /** New lines for the block that begins at this line; none: it goes. */
  readonly blocks: Map<number, readonly string[]>
  /** What is added to the end of a section. */
  readonly added: Map<SectionName, string[]>
}

function editsOf(lines: readonly Line[], parts: StateParts, update: StateUpdate): Edits {
  const edits: Edits = { blocks: new Map(), added: new Map() }
  const known = new Map<string, Block>()
  for (const block of parts.blocks)
    if (block.id !== undefined && block.section !== 'critique' && !known.has(block.id)) known.set(block.id, block)
  const seen = new Set<Block>()
  for (const item of bounded(update.items)) {
    const block = find(known, item.id)
    const fresh = rendered(item, update.pattern)
    if (block === undefined) add(edits, item.rank, fresh)
    else {
      if (seen.has(block)) continue
      seen.add(block)
      renew(edits, lines, block, item, fresh)
    }
  }
  const keep = keeper(update.keep ?? [])
  for (const block of parts.blocks) {
    if (seen.has(block) || block.by !== update.pattern || !block.untouched || block.box === 'ticked') continue
    if (block.section === undefined || block.section === 'critique') continue
    if (block.id === undefined || !keep(block.id)) edits.blocks.set(block.start, [])
  }
  critique(edits, lines, parts, update)
  return edits
}

/** Every id once, and no more of a rank than people can read; the rest is counted. */
function bounded(items: readonly StateUpdateItem[]): StateUpdateItem[] {
  const ids = new Set<string>()
  const kept: StateUpdateItem[] = []
  const count = { high: 0, watch: 0, noise: 0 }
  for (const item of items) {
    const id = shownId(item.id)
    if (ids.has(id)) continue
    ids.add(id)
    count[item.rank]++
    if (count[item.rank] <= mostItems[item.rank]) kept.push(item)
  }
  for (const rank of ['high', 'watch', 'noise'] as const) {
    const more = count[rank] - mostItems[rank]
    if (more > 0) kept.push({ id: `more:${rank}`, rank, title: `${more} more are not listed` })
  }
  return kept
}

/** `#42`, as people write it, is issue or pull request 42. */
function find(known: ReadonlyMap<string, Block>, id: string): Block | undefined {
  const number = /^(?:issues?|pulls?|pr):(\d+)$/.exec(id)?.[1]
  return known.get(shownId(id)) ?? (number === undefined ? undefined : known.get(`#${number}`))
}

function renew(
  edits: Edits,
  lines: readonly Line[],
  block: Block,
  item: StateUpdateItem,
  fresh: readonly string[],
): void {
  if (block.box === 'ticked') return
  if (block.untouched && block.section !== undefined) {
    const same = block.section === item.rank
    edits.blocks.set(block.start, same ? fresh : [])
    if (!same) add(edits, item.rank, fresh)
    return
  }
  if (block.section === undefined || item.action === undefined) return
  const text = shownText(item.action)
  const found = labelLine(lines, block, 'loop action')
  const own = lines.slice(block.start, block.end).map((line) => line.text)
  if (found === undefined) own.splice(1, 0, `  - Loop action: ${text}`.trimEnd())
  else own[found.at - block.start] = `${found.written} ${text}`.trimEnd()
  edits.blocks.set(block.start, own)
}

function rendered(item: StateUpdateItem, by: string): string[] {
  const url = isPlainUrl(item.url) ? ` (${item.url})` : ''
  const high = item.rank === 'high'
  const why = !high && item.why !== undefined && item.why.trim() !== '' ? `: ${shownText(item.why)}` : ''
  const first = `- ${high ? '[ ] ' : ''}${shownId(item.id)} — ${shownText(item.title)}${url}${why}`.trimEnd()
  const action = shownText(item.action ?? item.why ?? 'reported')
  const below = high ? [`  - Loop action: ${action}`.trimEnd(), '  - Human decision:'] : []
  return [`${first} ${markOf(by, item.rank, [first, ...below])}`, ...below]
}

function isPlainUrl(url: string | undefined): boolean {
  return url !== undefined && /^https?:\/\/[\w./:?#@!$&'*+,;=%~-]{1,500}$/.test(url) && !/loop-pause-all/i.test(url)
}

/** The newest words about a run, below those of earlier ones; the oldest that nobody touched go. */
function critique(edits: Edits, lines: readonly Line[], parts: StateParts, update: StateUpdate): void {
  const text = shownText(update.critique ?? '', 500)
  if (text === '') return
  const first = `- ${oneLine(update.at, 40)} ${update.pattern}: ${text}`
  const line = `${first} ${markOf(update.pattern, 'critique', [first])}`
  const blocks = parts.blocks.filter(({ section }) => section === 'critique')
  if (blocks.some(({ start }) => lines[start]?.text === line)) return
  const own = blocks.filter(({ by, untouched }) => by === update.pattern && untouched)
  for (const old of own.slice(0, Math.max(0, own.length + 1 - mostCritiques))) edits.blocks.set(old.start, [])
  add(edits, 'critique', [line])
}

function keeper(keep: readonly string[]): (id: string) => boolean {
  const ids = new Set(keep.map(shownId))
  const beginnings = keep.flatMap((one) => (one.endsWith('*') ? [shownId(`${one.slice(0, -1)}x`).slice(0, -1)] : []))
  return (id) => ids.has(id) || beginnings.some((begin) => id.startsWith(begin))
}

function add(edits: Edits, section: SectionName, own: readonly string[]): void {
  edits.added.set(section, [...(edits.added.get(section) ?? []), ...own])
}

function applied(lines: readonly Line[], parts: StateParts, edits: Edits, eol: string) {
  const ends = new Map(parts.blocks.map(({ start, end }) => [start, end]))
  const places = new Map<number, SectionName[]>()
  for (const [name, section] of parts.sections) {
    if (!edits.added.has(name)) continue
    const last = parts.blocks.findLast(
      ({ section: own, start }) => own === name && edits.blocks.get(start)?.length !== 0,
    )
    const at = last?.end ?? firstPlace(lines, section)
    places.set(at, [...(places.get(at) ?? []), name])
  }
  const out: { text: string; eol: string }[] = []
  const insert = (at: number) => {
    const names = places.get(at)
    if (names === undefined) return
    for (const text of names.flatMap((name) => edits.added.get(name) ?? [])) out.push({ text, eol })
    const next = lines[at]
    if (next !== undefined && next.text.trim() !== '') out.push({ text: '', eol })
  }
  for (let at = 0; at < lines.length; ) {
    insert(at)
    const fresh = edits.blocks.get(at)
    const end = fresh === undefined ? at + 1 : (ends.get(at) ?? at + 1)
    const old = lines[at]
    if (fresh !== undefined) {
      // A line that stays as it was keeps its own ending.
      for (const [i, text] of fresh.entries())
        out.push({ text, eol: lines[at + i]?.text === text && at + i < end ? (lines[at + i]?.eol ?? eol) : eol })
    } else if (old !== undefined) out.push({ text: old.text, eol: old.eol })
    at = end
  }
  insert(lines.length)
  return out
}
