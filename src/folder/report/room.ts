/** How large a report may become, in characters and bytes. */
export interface ReportLimits {
  /** One log's end, or another text; 8,000. */
  readonly text?: number
  /** All texts together; 2,000,000. */
  readonly texts?: number
  /** The diff; 400,000. */
  readonly diff?: number
  /** All pictures together; 8 MiB. */
  readonly pictures?: number
  /** Rounds that are shown, the newest; 200. */
  readonly rounds?: number
}

/** The room that is left in a report. */
export class Room {
  readonly limits: Required<ReportLimits>
  #texts: number
  #pictures: number

  constructor(limits: ReportLimits = {}) {
    this.limits = { text: 8000, texts: 2_000_000, diff: 400_000, pictures: 8 * 1024 ** 2, rounds: 200, ...limits }
    this.#texts = this.limits.texts
    this.#pictures = this.limits.pictures
  }

  /** The start of a text, as much as fits. */
  head(text: string, most: number = this.limits.text): string {
    const room = this.#take(text, most)
    return room >= text.length ? text : `${text.slice(0, room)}…`
  }

  /** The end of a text, as much as fits, from the start of a line. */
  tail(text: string, most: number = this.limits.text): string {
    const room = this.#take(text, most)
    if (room >= text.length) return text
    const cut = room === 0 ? '' : text.slice(-room)
    const line = cut.indexOf('\n')
    return `…\n${line >= 0 && line < 500 ? cut.slice(line + 1) : cut}`
  }

  /** True when so many bytes of a picture still fit; they are taken then. */
  picture(bytes: number): boolean {
    if (bytes > this.#pictures) return false
    this.#pictures -= bytes
    return true
  }

  #take(text: string, most: number): number {
    const room = Math.max(0, Math.min(text.length, most, this.#texts))
    this.#texts -= room
    return room
  }
}
