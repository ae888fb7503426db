import type { BrowserFinding } from '../../core/browser.ts'
import { oneLine } from '../../core/plain.ts'
import type { PlayReport } from './protocol.ts'

/** How many different findings a play tells; what comes after is counted in the last one. */
const most = 100
const textColumns = 600

/** Gathers what a play finds: told at once when it is new, counted when it was seen before. */
export class Findings {
  readonly #say: (report: PlayReport) => void
  readonly #seen = new Map<string, { readonly at: number; finding: BrowserFinding; times: number }>()
  /** The step under way. */
  step = 0
  #closed = false

  constructor(say: (report: PlayReport) => void) {
    this.#say = say
  }

  add(found: Omit<BrowserFinding, 'step' | 'times'>): void {
    if (this.#closed) return
    // What a page says may be megabytes long: only its start is looked at.
    const text = oneLine(found.text.slice(0, 20_000), textColumns)
    const url = found.url === undefined ? undefined : shortUrl(found.url)
    const full = this.#seen.size >= most - 1
    const same = this.#seen.get(`${found.kind} ${text} ${url}`)
    if (same !== undefined) {
      same.times++
      return
    }
    const key = full ? `more ${found.fatal}` : `${found.kind} ${text} ${url}`
    const more = this.#seen.get(key)
    if (more !== undefined) {
      more.times++
      return
    }
    const finding: BrowserFinding = {
      kind: found.kind,
      text: full ? 'more of the like, which are only counted' : text,
      step: this.step,
      ...(found.selector === undefined ? {} : { selector: oneLine(found.selector, textColumns) }),
      ...(url === undefined || full ? {} : { url }),
      fatal: found.fatal,
    }
    const at = this.#seen.size
    this.#seen.set(key, { at, finding, times: 1 })
    this.#say({ kind: 'finding', at, finding })
  }

  /** How many findings of a kind there were, repetitions too. */
  count(kind: BrowserFinding['kind']): number {
    return [...this.#seen.values()].reduce((sum, { finding, times }) => sum + (finding.kind === kind ? times : 0), 0)
  }

  /** Tells how often each was seen, and takes no more. */
  close(): void {
    this.#closed = true
    for (const { at, finding, times } of this.#seen.values()) {
      if (times > 1) this.#say({ kind: 'finding', at, finding: { ...finding, times } })
    }
  }
}

/** An address for people: on one line, without what may be a password, and a `data:` URL only by its start. */
export function shortUrl(url: string): string {
  const start = url.startsWith('data:') ? url.slice(0, 60) : url.slice(0, 2000)
  return oneLine(start.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, '$1'), 300)
}
