import { lastOf } from '../process/tail.ts'

/** How much of an agent's text is kept for the journal; all of it stands in the output file. */
export const textLimit = 64 * 1024

/** Keeps the beginning and the end of a text too long to keep whole, and says how much is missing. Never cuts a character in two. */
export function bound(text: string, limit: number = textLimit): string {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  const head = text.slice(0, isHighSurrogate(text, half - 1) ? half - 1 : half)
  const from = text.length - half
  const tail = text.slice(isHighSurrogate(text, from - 1) ? from + 1 : from)
  return `${head}\n… [${text.length - head.length - tail.length} characters left out] …\n${tail}`
}

/** The last `limit` characters of a text without the blanks around it, with `…` where something was cut off. For messages. */
export function endOf(text: string, limit: number): string {
  const trimmed = text.trim()
  return trimmed.length <= limit ? trimmed : `…${lastOf(trimmed, limit - 1)}`
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xd800 && code <= 0xdbff
}

/** Collects text without ever holding more than about twice the limit; gives what `bound` would. */
export class BoundedText {
  readonly #half: number
  #head = ''
  #tail = ''
  chars = 0

  constructor(limit: number = textLimit) {
    this.#half = Math.floor(limit / 2)
  }

  add(text: string): void {
    this.chars += text.length
    const room = this.#half - this.#head.length
    this.#head += text.slice(0, room)
    this.#tail += text.slice(Math.max(0, room))
    // Cut seldom: cutting on every small piece would copy the tail again and again.
    if (this.#tail.length > 4 * this.#half) this.#tail = this.#tail.slice(-this.#half - 1)
  }

  get text(): string {
    const kept = this.#head.length + this.#tail.length
    if (kept === this.chars && kept <= 2 * this.#half) return this.#head + this.#tail
    const head = isHighSurrogate(this.#head, this.#head.length - 1) ? this.#head.slice(0, -1) : this.#head
    const from = Math.max(0, this.#tail.length - this.#half)
    const tail = this.#tail.slice(isHighSurrogate(this.#tail, from - 1) ? from + 1 : from)
    return `${head}\n… [${this.chars - head.length - tail.length} characters left out] …\n${tail}`
  }
}
