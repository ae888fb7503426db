import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import type { z } from 'zod'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { problemError } from '../core/spec/loop.ts'
import { type Problem, problemsOf } from '../core/spec/problems.ts'

/** The largest file read, in UTF-8 bytes. */
export const maxYamlBytes = 5_000_000
const maxAliases = 100
const maxDepth = 100
const coreTags = new Set(['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`))

/** A file's value, and where each part of it stands. Lines and columns count from 1. */
export interface Parsed {
  readonly file: string
  readonly value: unknown
  /** `file:line:column` of a value by its path, or of its key; the nearest parent where the path does not exist. */
  where(path: readonly (string | number)[], key?: boolean): string
  /** Offsets in the text of the value at exactly this path: [start, end). */
  span(path: readonly (string | number)[]): readonly [number, number] | undefined
}

/**
 * Reads YAML 1.2 or JSON. Throws `bad_input` (`file:line:column: what is wrong`) for what does not parse, duplicate keys,
 * tags, merge keys of YAML 1.1, more than one document, too many aliases, and more than 5 MB.
 */
export function parseYaml(text: string, file: string): Parsed {
  if (new TextEncoder().encode(text).length > maxYamlBytes)
    throw new LoopwrightError('bad_input', `${file}: the file is too large, at most ${maxYamlBytes / 1e6} MB`)
  const lines = new LineCounter()
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const document = guarded(file, () =>
    parseDocument(text, {
      lineCounter: lines,
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: false, // checked below: the library compares every pair, which takes minutes for a large map
      prettyErrors: false,
      logLevel: 'error',
    }),
  )
  const places = new Set<number>()
  const faults = [...document.errors, ...document.warnings].filter(({ pos }) => {
    if (places.has(pos[0])) return false
    places.add(pos[0])
    return true
  })
  const problems: (Problem & { offset: number })[] = faults.map((error) => ({
    path: [],
    offset: error.pos[0],
    ...explain(error.code, error.message, text, error.pos[0]),
  }))
  if (problems.length === 0) problems.push(...guarded(file, () => forbidden(document)))
  problems.sort((a, b) => a.offset - b.offset)
  if (document.errors.some((error) => /call stack/i.test(error.message)))
    throw new LoopwrightError('bad_input', `${file}: the file is nested too deeply`)
  if (problems.length > 0) {
    const offsets = new Map<Problem, number>(problems.map((problem) => [problem, problem.offset]))
    throw problemError(problems, (problem) => `${place(offsets.get(problem) ?? 0)}: `)
  }
  const value: unknown = guarded(file, () => document.toJS({ maxAliasCount: maxAliases }))
  return {
    file,
    value,
    where: (path, key = false) => place(offsetOf(document, path, key)),
    span: (path) => {
      const node: unknown = document.getIn(path, true)
      const range = isScalar(node) || isCollection(node) ? node.range : undefined
      return range ? [range[0], range[1]] : undefined
    },
  }
}

/**
 * Parses against a schema; throws one `bad_input` with a line `file:line:column: what` for each problem, at most 10. `more`: problems
 * that the schema does not see, to be listed with its own.
 */
export function validate<S extends z.ZodType>(schema: S, parsed: Parsed, more: readonly Problem[] = []): z.output<S> {
  const result = schema.safeParse(parsed.value)
  if (result.success && more.length === 0) return result.data
  const problems = [...(result.success ? [] : problemsOf(schema, result.error.issues, parsed.value)), ...more]
  const place = (problem: Problem) => parsed.where(problem.path, problem.atKey === true)
  const order = (problem: Problem) =>
    place(problem)
      .slice(parsed.file.length + 1)
      .split(':')
      .map(Number)
  const sorted = problems
    .map((problem) => ({ problem, at: order(problem) }))
    .sort((a, b) => (a.at[0] ?? 0) - (b.at[0] ?? 0) || (a.at[1] ?? 0) - (b.at[1] ?? 0))
    .map(({ problem }) => problem)
  throw problemError(sorted, (problem) => `${place(problem)}: `)
}

/** What the library throws on its own (nesting past the stack, an alias bomb) in our words. */
function guarded<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof LoopwrightError) throw error
    if (error instanceof RangeError) throw new LoopwrightError('bad_input', `${file}: the file is nested too deeply`)
    if (error instanceof ReferenceError)
      throw new LoopwrightError(
        'bad_input',
        `${file}: too many aliases (*name), at most ${maxAliases} values may come from them`,
      )
    throw new LoopwrightError('bad_input', `${file}: ${messageOf(error)}`, { cause: error })
  }
}

function explain(code: string, message: string, text: string, offset: number): { message: string; hint?: string } {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(start).split('\n', 1)[0] ?? ''
  if (code === 'TAB_AS_INDENT' || /^[ ]*\t/.test(line))
    return { message: 'a tab is used for indentation', hint: 'indent with spaces; YAML does not allow tabs' }
  if (code === 'DUPLICATE_KEY') return { message: 'this key is there twice', hint: 'remove one of the two' }
  if (code === 'MULTIPLE_DOCS')
    return { message: 'a second document starts here', hint: 'keep one document in a file: remove the `---`' }
  if (code === 'TAG_RESOLVE_FAILED') return { message: 'tags (!name) are not allowed', hint: 'write plain values' }
  const glued = /^\s*(?:- )?([A-Za-z][\w-]*):(\S.*)$/.exec(line)
  if (glued !== null && !line.includes('://'))
    return {
      message: 'a space is missing after the colon',
      hint: `write "${glued[1]}: ${(glued[2] ?? '').slice(0, 40)}"`,
    }
  const text1 = message.split('\n', 1)[0] ?? message
  const plain = text1.charAt(0).toLowerCase() + text1.slice(1)
  if (code === 'BLOCK_AS_IMPLICIT_KEY' || (code === 'MISSING_CHAR' && /implicit (map )?key/i.test(message)))
    return { message: plain, hint: 'put a value that holds ": " in quotes, and check the indentation' }
  return { message: plain }
}

/** What YAML allows and a file of ours may not hold. */
function forbidden(document: Document): (Problem & { offset: number })[] {
  const found: (Problem & { offset: number })[] = []
  const note = (node: Node | null, message: string, hint?: string) =>
    found.push({ path: [], offset: node?.range?.[0] ?? 0, message, ...(hint === undefined ? {} : { hint }) })
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2')
    note(null, `YAML ${document.directives.yaml.version} is not read here`, 'remove the %YAML line')
  let aliases = 0
  visit(document, {
    Node(_, node, parents) {
      if (isAlias(node) && ++aliases === maxAliases + 1) note(node, `too many aliases (*name), at most ${maxAliases}`)
      if (parents.length > maxDepth * 2) {
        note(node, 'the file is nested too deeply')
        return visit.BREAK
      }
      if (!isAlias(node) && node.tag !== undefined && !coreTags.has(node.tag))
        note(node, 'tags (!name) are not allowed', 'write plain values')
      if (isMap(node))
        for (const key of doubledKeys(node)) note(key, 'this key is there twice', 'remove one of the two')
      return undefined
    },
    Pair(_, pair) {
      if (isScalar(pair.key) && pair.key.value === '<<')
        note(pair.key, 'merge keys (<<) are not read', 'write the keys out')
      else if (isScalar(pair.key) && pair.key.value === '__proto__')
        note(pair.key, 'the key "__proto__" is not allowed')
      else if (!isScalar(pair.key))
        note(isCollection(pair.key) || isAlias(pair.key) ? pair.key : null, 'a key must be plain text')
    },
  })
  return found
}

function doubledKeys(map: YAMLMap): Scalar[] {
  const seen = new Set<string>()
  return map.items.flatMap(({ key }) => {
    if (!isScalar(key)) return []
    const name = String(key.value)
    if (seen.has(name)) return [key]
    seen.add(name)
    return []
  })
}

function offsetOf(document: Document, path: readonly (string | number)[], key: boolean): number {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const [i, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    let next: unknown
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      if (!isPair(pair)) break
      const start = startOf(pair.key)
      next = pair.value
      offset = key && i === path.length - 1 ? (start ?? offset) : (startOf(next) ?? start ?? offset)
    } else if (isCollection(node)) {
      next = node.items[Number(part)]
      offset = startOf(next) ?? offset
    } else break
    node = next
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isCollection(node) || isAlias(node) ? node.range?.[0] : undefined
}
