import type { AgentDelta, Usage } from '../../core/ports.ts'
import { BoundedText } from '../bounded.ts'

/** What an agent's output said once it was read to its end. */
export interface Reading {
  /** The answer; bounded. */
  readonly text: string
  /** How long the answer was before it was bounded. */
  readonly chars: number
  /** Whether the agent announced that it is through; absent when its output has no such sign. */
  readonly complete?: boolean
  /** Of this call. */
  readonly usage?: Usage
  /** What the agent reports of the whole session it resumed; the part of earlier calls is taken off. */
  readonly sessionTotals?: Usage
  readonly sessionId?: string
  /** What the agent wanted to do and was not allowed to. */
  readonly denied?: readonly string[]
  /** What the agent itself says went wrong. */
  readonly error?: ReadError
  /** What it was trying again when it was last heard of: not an error yet, but why it hung. */
  readonly trouble?: ReadError
}

export interface ReadError {
  readonly message: string
  /** The model API's HTTP status. */
  readonly status?: number
  /** When a limit ends, milliseconds since 1970. */
  readonly resetAt?: number
}

/** Reads an agent's stdout piece by piece. Neither method ever throws, whatever it is given. */
export interface Reader {
  push(text: string): void
  finish(): Reading
}

/** Called as things are read. A usage delta is the running total of the call; the last total comes with the reading only. */
export type Emit = (delta: AgentDelta) => void

/** Understands an output that is one JSON value per line, or one in all. */
export interface LineParser {
  /** A JSON object: a line, or the whole output when it is one that goes over many lines. */
  object(value: Fields): void
  reading(): Reading
}

/** A JSON object of unknown shape. */
export type Fields = { readonly [key: string]: unknown }

/** A line longer than this is skipped: no agent says anything we need in one. */
const longestLine = 8 * 1024 * 1024

/** Reads a stream of JSON lines. What is not a JSON object (warnings, notices) is passed over; it stands in the output file. */
export function readLines(parser: LineParser): Reader {
  let pending: string[] = []
  let length = 0
  let skipping = false
  // An object over many lines begins with a line that is only its brace, and ends with such a line.
  let document: string[] | undefined
  let documentLength = 0
  const line = (whole: string) => {
    if (document === undefined && whole.trimEnd() === '{') {
      document = []
      documentLength = 0
    }
    if (document === undefined) return object(whole)
    document.push(whole)
    documentLength += whole.length
    if (whole.trimEnd() === '}') object(document.join('\n'))
    if (whole.startsWith('}') || documentLength > longestLine) document = undefined
    // Something else begins inside of it: it was none.
    else if (whole.startsWith('{"')) {
      document = undefined
      object(whole)
    }
  }
  const object = (whole: string) => {
    const value = parse(whole)
    if (value !== undefined) parser.object(value)
  }
  const flush = () => {
    if (!skipping && length > 0) line(pending.join(''))
    pending = []
    length = 0
    skipping = false
  }
  return {
    push(text) {
      let from = 0
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
        keep(text.slice(from, end))
        flush()
        from = end + 1
      }
      keep(text.slice(from))
    },
    finish() {
      flush()
      return parser.reading()
    },
  }

  function keep(part: string): void {
    if (part === '' || skipping) return
    length += part.length
    if (length > longestLine) {
      skipping = true
      pending = []
    } else {
      pending.push(part)
    }
  }
}

/** Reads an output that is the answer itself. */
export function readText(emit: Emit): Reader {
  const text = new BoundedText()
  return {
    push(part) {
      text.add(part)
      emit({ type: 'text', text: part })
    },
    finish: () => ({ text: text.text, chars: text.chars }),
  }
}

function parse(line: string): Fields | undefined {
  const trimmed = line.trim()
  if (!trimmed.startsWith('{')) return undefined
  try {
    return fields(JSON.parse(trimmed))
  } catch {
    return undefined
  }
}

/** The value when it is an object, else an empty one. */
export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

/** The value when it is a list, else an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The value when it is a string that says something. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The value when it is a number one can count with. */
export function amount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** The object without the keys whose value is undefined. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never
}

/** Two usages together. */
export function sum(a: Usage, b: Usage): Usage {
  const plus = (x: number | undefined, y: number | undefined) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  return defined({
    inputTokens: plus(a.inputTokens, b.inputTokens),
    outputTokens: plus(a.outputTokens, b.outputTokens),
    cacheReadTokens: plus(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: plus(a.cacheWriteTokens, b.cacheWriteTokens),
    costUsd: plus(a.costUsd, b.costUsd),
  })
}
