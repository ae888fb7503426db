import { createHash } from 'node:crypto'
import { messageOf } from '../core/errors.ts'
import { oneLine, plainText } from '../core/plain.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { SourceName } from '../core/triage/pattern.ts'
import type { Source } from '../core/triage/ports.ts'
import type { Git, OwnRepo } from '../workspace/git.ts'

/** Findings of one look that are kept; who has more has another problem. */
const mostFindings = 200
const mostTitle = 250
const mostBody = 6000

/** What a source saw, or why it could not look. */
export type Look = Awaited<ReturnType<Source['look']>>

/**
 * A source from a way to look. Whatever goes wrong is said and not thrown, a look that is called off ends at once, and every text is
 * plain and bounded.
 */
export function source(name: SourceName, look: (signal: AbortSignal) => Promise<Look>): Source {
  return {
    name,
    async look({ signal }) {
      if (signal.aborted) return { why: 'called off' }
      const calledOff = Promise.withResolvers<Look>()
      const stop = () => calledOff.resolve({ why: 'called off' })
      signal.addEventListener('abort', stop, { once: true })
      try {
        const seen = await Promise.race([look(signal), calledOff.promise])
        return 'why' in seen ? { why: oneLine(seen.why, 300) } : { findings: bounded(seen.findings) }
      } catch (error) {
        return { why: signal.aborted ? 'called off' : oneLine(messageOf(error), 300) }
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}

const order = { high: 0, normal: 1, low: 2 } as const

/** The weightiest first, each id once. */
function bounded(findings: readonly Finding[]): Finding[] {
  const known = new Set<string>()
  const each = findings.filter(({ id }) => !known.has(id) && known.add(id))
  return each
    .toSorted((a, b) => order[a.weight] - order[b.weight])
    .slice(0, mostFindings)
    .map((finding) => ({
      ...finding,
      id: oneLine(finding.id, 300),
      title: oneLine(finding.title, mostTitle),
      ...(finding.body === undefined ? {} : { body: endless(finding.body) }),
      ...(finding.paths === undefined ? {} : { paths: finding.paths.slice(0, 50).map((path) => oneLine(path, 500)) }),
    }))
}

function endless(text: string): string {
  return text.length > mostBody ? `${plainText(text.slice(0, mostBody))}\n…` : plainText(text)
}

/** A short name for a text, for ids. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** A repository to look at, whose own configuration is not in force. */
export interface GitView {
  readonly git: Git
  readonly repo: OwnRepo
  readonly head?: string
  readonly branch?: string
  readonly underWay: readonly string[]
  status(): Promise<readonly string[]>
  branches(max: number): Promise<readonly { readonly name: string; readonly commit: string }[]>
}

/** Opens a view for as long as it is used; gives undefined where there is no repository. */
export type OpenView = <T>(use: (view: GitView) => Promise<T>) => Promise<T | undefined>
