import { createHash } from 'node:crypto'
import type { AgentDelta } from '../../core/ports.ts'
import { bound } from '../bounded.ts'
import { defined, type Emit, type Fields, fields, list, text } from './reader.ts'

/** How much of a tool's input and output is told. */
const toldChars = 2000

/**
 * A tool's input or output as a bounded text. Of a longer one both ends are kept, and a mark of the whole, so that two texts are equal
 * only when the things were.
 */
export function told(value: unknown): string | undefined {
  const whole = typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
  if (whole === '') return undefined
  if (whole.length <= toldChars) return whole
  const mark = createHash('sha256').update(whole).digest('hex').slice(0, 8)
  return `${bound(whole, toldChars - 60)}\n[${whole.length} characters, ${mark}]`
}

/** The first of these keys that says in one line what a tool is used on. */
export function detailOf(input: Fields, keys: readonly string[] = detailKeys): string | undefined {
  for (const key of keys) {
    const said = text(input[key])
    if (said !== undefined) return oneLine(said)
  }
  return undefined
}

const detailKeys = ['file_path', 'filePath', 'path', 'command', 'cmd', 'pattern', 'query', 'url', 'description']

/** A text as one line of at most 200 characters. */
export function oneLine(said: string): string {
  return said.slice(0, 200).replace(/\s+/g, ' ').trim()
}

/** The text of a message's content: a string, or parts that have one. */
export function contentText(content: unknown): string | undefined {
  if (typeof content === 'string') return text(content)
  const said = list(content).flatMap((part) => text(fields(part).text) ?? [])
  return said.length > 0 ? said.join('\n') : undefined
}

interface Started {
  readonly name: string
  readonly id?: string | undefined
  readonly detail?: string | undefined
  readonly input?: unknown
}

interface Answered {
  /** The name, where the answer says it itself. */
  readonly name?: string | undefined
  readonly id?: string | undefined
  readonly ok: boolean
  readonly output?: unknown
}

/** Tells of tools: a start, and a result under the name it was started with. */
export class ToolCalls {
  readonly #emit: Emit
  readonly #names = new Map<string, string>()

  constructor(emit: Emit) {
    this.#emit = emit
  }

  /** Whether a tool with this id has started and not answered yet. */
  has(id: string | undefined): boolean {
    return id !== undefined && this.#names.has(id)
  }

  nameOf(id: string | undefined): string | undefined {
    return id === undefined ? undefined : this.#names.get(id)
  }

  start({ name, id, detail, input }: Started): void {
    if (id !== undefined) this.#names.set(id, name)
    const delta = { type: 'tool', name, ...defined({ id, detail, input: told(input) }) } satisfies AgentDelta
    this.#emit(delta)
  }

  answer({ name, id, ok, output }: Answered): void {
    const known = name ?? this.nameOf(id) ?? 'tool'
    if (id !== undefined) this.#names.delete(id)
    this.#emit({ type: 'tool_result', name: known, ok, ...defined({ id, output: told(output) }) })
  }
}
