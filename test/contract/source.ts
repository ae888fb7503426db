import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/core/triage/finding.ts'
import { sourceNames } from '../../src/core/triage/pattern.ts'
import type { Source } from '../../src/core/triage/ports.ts'

export interface SourceWorld extends AsyncDisposable {
  /** Sees at least one thing, with hostile text in it. */
  readonly source: Source
  /** The same where it cannot look. */
  readonly blind: Source
}

const signal = new AbortController().signal
// biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
const unsafe = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/

/** What a source saw; fails where it could not look. */
export async function seenBy(source: Source): Promise<readonly Finding[]> {
  const seen = await source.look({ signal })
  if ('why' in seen) throw new Error(seen.why)
  return seen.findings
}

/** What every Source must do. */
export function sourceContract(name: string, open: () => Promise<SourceWorld>): void {
  describe(`the source ${name}`, () => {
    test('sees, and every finding is plain, bounded JSON under an id of its own', async () => {
      await using w = await open()
      expect(sourceNames).toContain(w.source.name)
      const findings = await seenBy(w.source)
      expect(findings.length).toBeGreaterThan(0)
      expect(findings.length).toBeLessThanOrEqual(200)
      expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length)
      expect(JSON.parse(JSON.stringify(findings))).toEqual(findings)
      for (const finding of findings) {
        expect(finding.source).toBe(w.source.name)
        expect(finding.id).toMatch(/^[a-z]+:\S/)
        for (const text of [finding.id, finding.title]) expect(text).not.toMatch(/[\n\r\t]/)
        expect(finding.title.length).toBeLessThanOrEqual(250)
        expect((finding.body ?? '').length).toBeLessThanOrEqual(6100)
        expect(JSON.stringify(finding).replaceAll('\\n', '').replaceAll('\\t', '')).not.toMatch(unsafe)
        if (finding.url !== undefined) expect(finding.url).toMatch(/^https?:\/\//)
      }
    })

    test('sees the same under the same ids', async () => {
      await using w = await open()
      const ids = async () => (await seenBy(w.source)).map(({ id }) => id)
      expect(await ids()).toEqual(await ids())
    })

    test('says in one line why it cannot look, and does not throw', async () => {
      await using w = await open()
      const seen = await w.blind.look({ signal })
      expect(seen).toEqual({ why: expect.stringMatching(/^[^\n]{3,300}$/) })
    })

    test('ends when it is called off', async () => {
      await using w = await open()
      expect(await w.source.look({ signal: AbortSignal.abort() })).toEqual({ why: 'called off' })
      const ended = new AbortController()
      const look = w.source.look({ signal: ended.signal })
      ended.abort()
      expect(await look).toEqual({ why: 'called off' })
    })
  })
}
