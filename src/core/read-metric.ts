import { extractJson } from './extract.ts'
import type { Json } from './json.ts'
import { plainText } from './plain.ts'

/** Where in an output the number stands. With none of them it is the last number. */
export interface MetricSource {
  /** A regular expression; its first group, or all of it where it has none. The last line it fits counts. */
  readonly regex?: string | undefined
  /** A path as `a.b[0].c` into the last JSON value that has it. */
  readonly json?: string | undefined
}

/** A number, or why there is none. */
export type Reading =
  | { readonly value: number; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: string }

/** How much of the end of an output is looked at, in characters. */
export const maxMetricInput = 1_000_000
/** The end of a line that a number is looked for in. */
const maxLine = 10_000
/**
 * How many characters of the end of a line an expression sees, and of how many lines, by how many of its repetitions take nearly
 * anything (`.*`): each of them multiplies the time for a line that does not fit.
 */
const windows: readonly { readonly chars: number; readonly lines: number }[] = [
  { chars: maxLine, lines: maxMetricInput },
  { chars: 2_000, lines: 5_000 },
  { chars: 500, lines: 200 },
  { chars: 200, lines: 50 },
]
const broad = /(?:\.|\[\^[^\]]*\]|\\[SWDw])(?:[*+]|\{\d+,\d*\})/g

/**
 * Reads a number out of what a command printed. Only the last million characters count. An expression is tried line by line from
 * the end, on at most 10,000 characters at once, on fewer for one with several `.*`; what can take for ever is refused by `regexProblem`.
 * Never throws.
 */
export function readMetric(output: string, source: MetricSource = {}): Reading {
  const text = plainText(output.slice(-maxMetricInput))
  if (source.regex !== undefined) return byRegex(text, source.regex)
  if (source.json !== undefined) return byPath(text, source.json)
  return lastNumber(text)
}

function byRegex(text: string, pattern: string): Reading {
  const problem = regexProblem(pattern)
  if (problem !== undefined) return { error: problem }
  const regex = compile(pattern, true)
  const seen = windows[broadRepetitions(pattern)] ?? { chars: 0, lines: 0 }
  const lines = text.split('\n')
  for (let at = lines.length - 1; at >= Math.max(0, lines.length - seen.lines); at--) {
    const found = lastMatch(regex, (lines[at] ?? '').slice(-seen.chars))
    if (found !== undefined) return parseNumber(found)
  }
  const found = lastMatch(regex, text.slice(-seen.chars))
  return found === undefined ? { error: `nothing in the output fits /${pattern}/` } : parseNumber(found)
}

/** Flags may stand before an expression, as `(?i)`: not every Node we promise knows them inside of one. */
function compile(pattern: string, fromAnywhere = false): RegExp {
  const [whole = '', flags = ''] = /^\(\?([ims]{1,3})\)/.exec(pattern) ?? []
  const body = pattern.slice(whole.length)
  return new RegExp(fromAnywhere ? body.replace(leading, '') : body, [...new Set(`gm${flags}`)].join(''))
}

function lastMatch(regex: RegExp, text: string): string | undefined {
  let last: string | undefined
  for (const match of text.matchAll(regex)) {
    const found = match.length > 1 ? match[1] : match[0]
    if (found !== undefined && found !== '') last = found
  }
  return last
}

/** Why an expression cannot be used: it does not compile, or repeats what repeats itself, which can take for ever. */
export function regexProblem(pattern: string): string | undefined {
  if (pattern === '') return 'the expression is empty'
  if (pattern.length > 1_000) return 'the expression is too long, at most 1000 characters'
  try {
    compile(pattern)
  } catch {
    return `/${pattern}/ is no regular expression`
  }
  if (broadRepetitions(pattern) >= windows.length)
    return `/${pattern}/ repeats nearly anything more than ${windows.length - 1} times: it may take for ever`
  return repeatsRepetition(pattern)
    ? `/${pattern}/ repeats a group that repeats itself: it may take for ever`
    : undefined
}

/** What may stand before a group without a difference: the last match counts anyway. */
const leading = /^\^?(?:\.\*\??)+(?=.*\((?!\?))/

/** How often an expression repeats what takes nearly anything. At its start and its end that costs nothing. */
function broadRepetitions(pattern: string): number {
  return (
    pattern
      .replace(leading, '')
      .replace(/(?<!\\)\.[*+]\$?$/, '')
      .match(broad)?.length ?? 0
  )
}

const unbounded = /^(?:[*+]|\{\d+,\}|\{\d+,\d{3,}\})/

/** Whether a group that is repeated without a bound holds an unbounded repetition, or a choice, and nothing that sets turns apart. */
function repeatsRepetition(pattern: string): boolean {
  /** For each open group: whether something in it repeats, a fixed letter stands between, and it is a choice. */
  const open: { repeats: boolean; anchored: boolean; choice?: true }[] = [{ repeats: false, anchored: false }]
  let at = 0
  while (at < pattern.length) {
    const char = pattern[at] ?? ''
    const group = open.at(-1)
    if (group === undefined) return true
    if (char === '(') {
      open.push({ repeats: false, anchored: false })
      at += /^\((?:\?(?:[:=!]|<[=!]|<\w+>))?/.exec(pattern.slice(at, at + 100))?.[0].length ?? 1
      continue
    }
    if (char === '|') group.choice = true
    let size = 1
    let fixed = false
    let inner: (typeof open)[number] | undefined
    if (char === '\\') {
      size = 2
      fixed = !/[wWdDsSbBpP]/.test(pattern[at + 1] ?? '')
    } else if (char === '[') size = classLength(pattern, at)
    else if (char === ')') {
      if (open.length === 1) return true
      inner = open.pop()
    } else fixed = !/[.^$|]/.test(char)
    at += size
    const repeated = unbounded.test(pattern.slice(at, at + 12))
    const optional = /^(?:\?|\*|\{0,)/.test(pattern.slice(at, at + 3))
    const around = open.at(-1)
    if (around === undefined) return true
    if (repeated && inner && (inner.choice || (inner.repeats && !inner.anchored))) return true
    if (repeated || inner?.repeats) around.repeats = true
    if ((fixed || inner?.anchored) && !repeated && !optional) around.anchored = true
    at += /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(pattern.slice(at, at + 24))?.[0].length ?? 0
  }
  return false
}

function classLength(pattern: string, start: number): number {
  let at = start + 1
  while (at < pattern.length && pattern[at] !== ']') at += pattern[at] === '\\' ? 2 : 1
  return at + 1 - start
}

function byPath(text: string, path: string): Reading {
  const parts = jsonPath(path)
  if (parts === undefined) return { error: `${JSON.stringify(path)} is no path` }
  let last: Json | undefined
  let any = false
  extractJson(text, (value) => {
    any = true
    const found = valueAt(value, parts)
    if (found !== undefined) last = found
    return false
  })
  if (last === undefined)
    return { error: any ? `no JSON in the output has ${path}` : 'there is no JSON value in the output' }
  if (typeof last === 'number') return finite(last)
  return typeof last === 'string' ? parseNumber(last) : { error: `${path} is no number` }
}

/** The keys and places of a path as `a.b[0]["c.d"]`; a leading `$` is passed over. Undefined for what is none. */
export function jsonPath(path: string): (string | number)[] | undefined {
  const part = /\.?([^.[\]"'\s]+)|\[(\d+)\]|\[(?:"([^"]*)"|'([^']*)')\]/y
  const text = path.trim().replace(/^\$(?=[.[]|$)/, '')
  const parts: (string | number)[] = []
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null) return undefined
    const [, name, index, quoted, single] = match
    parts.push(index === undefined ? (name ?? quoted ?? single ?? '') : Number(index))
  }
  return path.trim() === '' ? undefined : parts
}

function valueAt(value: Json, parts: readonly (string | number)[]): Json | undefined {
  let here: Json | undefined = value
  for (const part of parts) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined
    here = Reflect.get(here, part) as Json | undefined
  }
  return here
}

const digits = String.raw`(?:\d{1,3}(?:[,_'\u00a0\u202f]\d{3})+|\d+)`
const number = String.raw`[-+\u2212]?(?:${digits}(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?`
/** What a number may not touch: letters and digits before it, a further dot or group after it. */
const inText = new RegExp(String.raw`(?<![\w.])${number}(?![xX][0-9a-fA-F])(?!\d)(?![.,_]\d)`, 'gu')
const atStart = new RegExp(String.raw`^[\s=:~<>$€£]*(${number})(?![\d_])(?![.,]\d)`, 'u')
const noNumber = /(?<![\w.])[-+]?(?:nan|inf|infinity)(?![\w.])/gi

/** A number as people and programs print it: `1,234.5`, `-3e-4`, `92.5 %`, `12ms`. What comes after it is not read. */
export function parseNumber(text: string): Reading {
  const shown = JSON.stringify(text.slice(0, 60))
  const match = atStart.exec(text)?.[1]
  return match === undefined ? { error: `${shown} is no finite number` } : toNumber(match)
}

/** The last number in a text. One that is said to be not a number after it is none. */
function lastNumber(text: string): Reading {
  const lines = text.split('\n')
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = (lines[at] ?? '').slice(-maxLine)
    const found = [...line.matchAll(inText)].at(-1)
    const not = [...line.matchAll(noNumber)].at(-1)
    if (not !== undefined && not.index > (found?.index ?? -1)) return { error: `"${not[0]}" is no finite number` }
    if (found !== undefined) return toNumber(found[0])
  }
  return { error: 'there is no number in the output' }
}

function toNumber(text: string): Reading {
  return finite(Number(text.replace(/[,_'\u00a0\u202f]/g, '').replace('\u2212', '-')))
}

function finite(value: number): Reading {
  if (!Number.isFinite(value)) return { error: `${value} is no finite number` }
  return { value: value === 0 ? 0 : value }
}
