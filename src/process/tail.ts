/** Keeps the last `limit` characters of what is added, and the first `head` ones. */
export class Tail {
  readonly #limit: number
  readonly #headLimit: number
  #tail = ''
  #head = ''

  constructor(limit: number, head = 0) {
    this.#limit = Math.max(0, limit)
    this.#headLimit = Math.max(0, head)
  }

  add(text: string): void {
    if (this.#head.length < this.#headLimit) this.#head += text.slice(0, this.#headLimit - this.#head.length)
    this.#tail =
      this.#tail.length + text.length > this.#limit ? lastOf(this.#tail + text, this.#limit) : this.#tail + text
  }

  get head(): string {
    return this.#head
  }

  get text(): string {
    return this.#tail
  }
}

/** The last `limit` characters; one of two code units that the cut goes through is left out whole. */
export function lastOf(text: string, limit: number): string {
  if (limit <= 0) return ''
  if (text.length <= limit) return text
  const cut = text.slice(-limit)
  const first = cut.charCodeAt(0)
  return first >= 0xdc00 && first <= 0xdfff ? cut.slice(1) : cut
}
