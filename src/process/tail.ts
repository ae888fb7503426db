/**
 * Keeps the end of what a stream brings, and its beginning when asked, as bytes: they become text only when they are looked at. Its
 * memory is its own and is used again and again, so that gigabytes may pass through.
 */
export class Tail {
  readonly #limit: number
  readonly #headLimit: number
  /** As many bytes as `limit` characters can take: a code unit takes at most three. */
  readonly #need: number
  #bytes = Buffer.alloc(0)
  #length = 0
  #cut = false
  #head = Buffer.alloc(0)
  #headFull = false

  /** @param limit of the end, in characters */
  constructor(limit: number, head = 0) {
    this.#limit = Math.max(0, limit)
    this.#headLimit = Math.max(0, head)
    this.#need = this.#limit * 3 + 3
    this.#headFull = this.#headLimit === 0
  }

  add(bytes: Uint8Array): void {
    if (!this.#headFull) this.#addHead(bytes)
    const part = bytes.length > this.#need ? bytes.subarray(bytes.length - this.#need) : bytes
    if (part.length < bytes.length) {
      this.#length = 0
      this.#cut = true
    }
    if (this.#length + part.length > this.#bytes.length) this.#makeRoom(part.length)
    this.#bytes.set(part, this.#length)
    this.#length += part.length
  }

  get head(): string {
    return new TextDecoder().decode(this.#head, { stream: this.#headFull }).slice(0, this.#headLimit)
  }

  get text(): string {
    let from = 0
    // The cut may have gone through a character: its rest is no text.
    if (this.#cut) while (from < 3 && ((this.#bytes[from] ?? 0) & 0xc0) === 0x80) from++
    return lastOf(new TextDecoder().decode(this.#bytes.subarray(from, this.#length)), this.#limit)
  }

  #addHead(bytes: Uint8Array): void {
    const room = this.#headLimit * 3 + 3 - this.#head.length
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, room)])
    this.#headFull = bytes.length >= room
  }

  // Twice what is needed, so that the kept end is moved only now and then.
  #makeRoom(more: number): void {
    const keep = Math.min(this.#length, this.#need)
    if (keep < this.#length) this.#cut = true
    const from = this.#length - keep
    if (keep + more > this.#bytes.length) {
      const size = Math.min(Math.max(2 * (keep + more), 4096), Math.max(2 * this.#need, keep + more))
      const grown = Buffer.alloc(size)
      grown.set(this.#bytes.subarray(from, this.#length))
      this.#bytes = grown
    } else {
      this.#bytes.copyWithin(0, from, this.#length)
    }
    this.#length = keep
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
