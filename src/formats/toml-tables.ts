/**
 * Changes a few keys of one table in a TOML file and leaves every other line as it is. It reads no more of TOML than it needs for that,
 * and answers undefined where it cannot be sure: the caller must leave such a file alone.
 */

type Path = readonly string[]

/** A header with the lines below it; without a path: what stands before the first header. */
interface Section {
  readonly path?: Path
  readonly header: readonly string[]
  readonly body: readonly string[]
}

export interface TomlChange {
  /** The table, as `['servers', 'ours']`. */
  readonly table: Path
  /** Keys that get these values, whatever they had; a value is written as JSON. */
  readonly set: Readonly<Record<string, unknown>>
  /** Keys that keep their value where they have one. */
  readonly start: Readonly<Record<string, unknown>>
  /** Tables inside of it of which some keys are set and the others stay. */
  readonly inner: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** The text with the change; undefined where the table is written in a way that is not understood. */
export function changeTable(text: string, change: TomlChange): string | undefined {
  const sections = split(text)
  if (sections?.every(({ body }) => isWhole(body)) !== true) return undefined
  if (sections.some((section) => isElsewhere(section, change.table))) return undefined
  const own = sections.filter((section) => same(section.path, change.table))
  if (own.length > 1) return undefined
  const inner = Object.entries(change.inner).filter(([, keys]) => Object.keys(keys).length > 0)
  const apart = inner.filter(([name]) => sections.some((section) => same(section.path, [...change.table, name])))
  const inline = inner.filter((one) => !apart.includes(one))
  if (own.length === 0) sections.push({ path: change.table, header: ['', `[${change.table.join('.')}]`], body: [] })
  const changed = sections.map((section) => {
    const [, keys] = apart.find(([name]) => same(section.path, [...change.table, name])) ?? []
    if (keys !== undefined) return withKeys(section, Object.entries(keys), [])
    if (!same(section.path, change.table)) return section
    const merged = inline.map(([name, keys]): [string, unknown] => [name, mergedInline(section, name, keys)])
    if (merged.some(([, value]) => value === undefined)) return undefined
    return withKeys(section, [...Object.entries(change.set), ...merged], Object.entries(change.start))
  })
  if (changed.some((section) => section === undefined)) return undefined
  const lines = changed.flatMap((section) => (section === undefined ? [] : [...section.header, ...section.body]))
  const whole = lines.join('\n')
  return `${(text.trim() === '' ? whole.trimStart() : whole).trimEnd()}\n`
}

/** A value as TOML writes it: JSON's strings, lists and numbers are TOML's too. */
export function tomlValue(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value)
  const pairs = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)} = ${JSON.stringify(one)}`)
  return `{ ${pairs.join(', ')} }`
}

/** The sections of a file; undefined for one with a header that is not understood, or texts over several lines, which may look like one. */
function split(text: string): Section[] | undefined {
  if (/"""|'''/.test(text)) return undefined
  const lines = text
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split('\n')
  const sections: { path?: Path; header: string[]; body: string[] }[] = [{ header: [], body: [] }]
  for (const line of lines) {
    // A line of a list over several lines may begin with a bracket as well.
    if (!/^\s*\[/.test(line) || !isWhole(sections.at(-1)?.body ?? [])) {
      sections.at(-1)?.body.push(line)
      continue
    }
    const [, double, inside = ''] = /^\s*\[(\[)?((?:[^\]"']|"(?:[^"\\]|\\.)*"|'[^']*')*)\]/.exec(line) ?? []
    const path = inside === '' ? undefined : pathOf(inside)
    if (path === undefined) return undefined
    sections.push({ path: double === undefined ? path : [...path, '[]'], header: [line], body: [] })
  }
  return sections
}

/** The names in `a."b c".d`; undefined where it is no such thing. */
function pathOf(text: string): Path | undefined {
  const names: string[] = []
  const name = /\s*(?:([\w-]+)|"([^"\\]*)"|'([^']*)')\s*(\.|=|$)/y
  while (name.lastIndex < text.length) {
    const found = name.exec(text)
    if (found === null) return undefined
    names.push(found[1] ?? found[2] ?? found[3] ?? '')
    if (found[4] === '=') break
  }
  return names
}

/** Whether a section says something of the table in another way than under its own header, so that a header would say it twice. */
function isElsewhere({ path = [], body }: Section, table: Path): boolean {
  if (path.includes('[]')) return startsWith(table, path.slice(0, path.indexOf('[]')))
  if (startsWith(path, table)) return false
  return body.some((line) => {
    const key = line.includes('=') ? pathOf(line) : undefined
    if (key === undefined || !startsWith(table, path)) return false
    const whole = [...path, ...key]
    // Of a table that is written in braces nothing can be said elsewhere.
    return startsWith(whole, table) || startsWith(table, whole)
  })
}

const same = (a: Path | undefined, b: Path) => a?.length === b.length && startsWith(a, b)
const startsWith = (path: Path, start: Path) => start.every((name, at) => path[at] === name)

/** The section with some keys set, and some begun; undefined where a line of it is more than one key with its value. */
function withKeys(
  section: Section,
  set: readonly (readonly [string, unknown])[],
  start: readonly (readonly [string, unknown])[],
): Section | undefined {
  const { body } = section
  const keys = body.map((line) => (/^\s*(#|$)/.test(line) ? '' : keyOf(line)))
  if (keys.includes(undefined)) return undefined
  const lines = body.map((line, at) => {
    const found = set.find(([key]) => key === keys[at])
    return found === undefined ? line : `${key(found[0])} = ${tomlValue(found[1])}`
  })
  const fresh = [...set, ...start].filter(([one]) => !keys.includes(one))
  const end = lines.findLastIndex((line) => line.trim() !== '') + 1
  lines.splice(end, 0, ...fresh.map(([one, value]) => `${key(one)} = ${tomlValue(value)}`))
  return { ...section, body: lines }
}

const key = (name: string) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name))

/** The one key a line gives a value that ends on it; undefined for any other line. */
function keyOf(line: string): string | undefined {
  const path = line.includes('=') && isWhole([line]) ? pathOf(line) : undefined
  return path?.length === 1 ? path[0] : undefined
}

/** A table in braces with some keys set; undefined where it has more than texts in it. */
function mergedInline({ body }: Section, name: string, keys: Readonly<Record<string, string>>): object | undefined {
  const line = body.find((one) => keyOf(one) === name)
  if (line === undefined) return keys
  const [, inside] = /^[^=]*=\s*\{(.*)\}\s*(?:#.*)?$/.exec(line) ?? []
  if (inside === undefined) return undefined
  const pair = /\s*(?:([\w-]+)|("(?:[^"\\]|\\.)*"))\s*=\s*("(?:[^"\\]|\\.)*")\s*(?:,|$)/y
  const found: Record<string, string> = {}
  while (inside.slice(pair.lastIndex).trim() !== '') {
    const [, bare, quoted, value = ''] = pair.exec(inside) ?? []
    const own = bare ?? parsed(quoted)
    const text = parsed(value)
    if (own === undefined || text === undefined) return undefined
    found[own] = text
  }
  return { ...found, ...keys }
}

/** A text in quotes; undefined where TOML and JSON write it differently. */
function parsed(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : String(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Whether all brackets, braces and quotes in these lines are closed. */
function isWhole(lines: readonly string[]): boolean {
  let depth = 0
  for (const line of lines) {
    const bare = line.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '').replace(/#.*$/, '')
    if (/["']/.test(bare)) return false
    for (const sign of bare) depth += '[{'.includes(sign) ? 1 : ']}'.includes(sign) ? -1 : 0
  }
  return depth === 0
}
