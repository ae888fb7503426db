import { oneLine } from '../plain.ts'
import { createRedact, redacted } from '../redact.ts'
import { codeRules } from './patch/code-rules.ts'
import { fileFindings } from './patch/file-rules.ts'
import type { PatchFinding, TextRule } from './patch/finding.ts'
import { type Added, type PatchFile, readPatch } from './patch/read.ts'
import { isRandom, secretRules, textRules } from './patch/text-rules.ts'

export type { PatchFinding, PatchFindingKind } from './patch/finding.ts'

/** So many of a kind are told of each file, and so many in all: a reader looks there anyway. */
const perKind = 5
const inAll = 500

const redact = createRedact()
/** Lines looked at together for a secret. */
const step = 32
const rules: readonly TextRule[] = [...secretRules, ...codeRules, ...textRules]

/**
 * What a patch adds that must not leave the machine, or not reach a reviewer unseen: secrets (`deny`), and text and code that
 * somebody should look at (`escalate`). Takes a unified diff as git writes it; time in proportion to its length.
 */
export function scanPatch(diff: string): PatchFinding[] {
  const found: PatchFinding[] = []
  const files = readPatch(diff)
  if (files.length === 0 && diff.trim() !== '') {
    return [{ path: '', line: 0, kind: 'unclear', severity: 'escalate', what: 'this is no patch', excerpt: '' }]
  }
  for (const file of files) {
    const counts = new Map<string, number>()
    const take = (finding: PatchFinding) => {
      const count = (counts.get(finding.kind) ?? 0) + 1
      counts.set(finding.kind, count)
      if (count <= perKind) found.push(finding)
      return count < perKind
    }
    if (redact(file.path) !== file.path) {
      take({
        path: redact(file.path),
        line: 0,
        kind: 'secret',
        severity: 'deny',
        what: 'a secret in a name',
        excerpt: '',
      })
    }
    for (const one of fileFindings(file)) take({ ...one, excerpt: excerptOf(one.excerpt, 0, one.excerpt.length) })
    for (const added of file.added) {
      shapedSecrets(file, added, take)
      const lower = added.text.toLowerCase()
      for (const rule of rules) byRule(rule, file, added, lower, take)
    }
  }
  // What is refused is never lost among what is only to be looked at.
  return found.length <= inAll ? found : [...found].sort((a, b) => rank(a) - rank(b)).slice(0, inAll)
}

type Take = (finding: PatchFinding) => boolean

function byRule(rule: TextRule, file: PatchFile, added: Added, lower: string, take: Take): void {
  if (rule.files !== undefined && !rule.files.test(file.path)) return
  if (rule.hints.length > 0 && !rule.hints.some((hint) => lower.includes(hint) || added.text.includes(hint))) return
  const { kind, what, severity = 'escalate' } = rule
  let last = -1
  for (const match of added.text.matchAll(rule.shape)) {
    if (rule.counts !== undefined && !rule.counts(match, added.text)) continue
    const at = indexOf(added, match.index)
    if (at === last) continue
    last = at
    // A line that only moved is no news.
    if (kind === 'tests' && file.removed.has(lineAt(added, at).trim())) continue
    const secret = kind === 'secret' || kind === 'possible_secret'
    const excerpt = excerptOf(added.text, match.index, match.index + match[0].length, secret)
    if (!take({ path: file.path, line: added.lines[at] ?? 0, kind, severity, what, excerpt })) return
  }
}

/** Words that stand where a password goes in examples. */
const placeholder =
  /^(?:password|passw(?:or)?d\d*|pass\d*|postgres|secret\d*|changeme|example|user(?:name)?|admin|root|guest|mysecretpassword|test\w*|x+|\*+|\$.*|<.*|\{.*|%.*|\[.*)$/i
const made =
  /EXAMPLE|example|x{4}|X{4}|0{6}|1234567|abcdefg|placeholder|dummy|fake|your|test_?(?:key|token|secret)|\.\.\./

/** What core/redact.ts takes for a secret, wherever it stands. */
function shapedSecrets(file: PatchFile, added: Added, take: Take): void {
  if (redact(added.text) === added.text) return
  const textOf = (from: number, to: number) =>
    added.text.slice(added.starts[from] ?? 0, (added.starts[to] ?? added.text.length + 1) - 1)
  for (let at = 0; at < added.lines.length; at++) {
    // In larger steps where there is none.
    if (at % step === 0 && redact(textOf(at, at + step)) === textOf(at, at + step)) {
      at += step - 1
      continue
    }
    const text = textOf(at, at + 1)
    const clean = redact(text)
    if (clean === text) continue
    let start = 0
    while (start < text.length && text[start] === clean[start]) start++
    let end = 0
    while (end < text.length - start && end < clean.length - start && text.at(-1 - end) === clean.at(-1 - end)) end++
    const value = text.slice(start, text.length - end)
    if (placeholder.test(value)) continue
    // In a URL any word may be a password; one that nobody drew by lot is for a human to judge.
    const fake = made.test(value) || (value.length < 20 && !isRandom(value, 3))
    const more = take({
      ...{ path: file.path, line: added.lines[at] ?? 0 },
      ...{ kind: fake ? 'possible_secret' : 'secret', severity: fake ? 'escalate' : 'deny' },
      ...{ what: fake ? 'may be a secret' : 'a secret', excerpt: excerptOf(text, start, text.length - end, true) },
    })
    if (!more) return
  }
}

function indexOf(added: Added, offset: number): number {
  let [low, high] = [0, added.starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((added.starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

function lineAt(added: Added, at: number): string {
  return added.text.slice(added.starts[at] ?? 0, (added.starts[at + 1] ?? added.text.length + 1) - 1)
}

/** What stands around a match, without secrets, and with what cannot be seen written out. */
function excerptOf(text: string, from: number, to: number, secret = false): string {
  const before = text.slice(Math.max(0, from - 2000), from)
  const match = secret ? redacted : redact(text.slice(from, Math.min(to, from + 400)))
  const after = text.slice(to, to + 2000)
  const left = redact(before.slice(before.lastIndexOf('\n') + 1))
  const right = redact(after.slice(0, after.includes('\n') ? after.indexOf('\n') : undefined))
  const visible = (part: string) =>
    part.replace(unseen, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`)
  // Once more as a whole: a secret may begin in one part and end in the next.
  return oneLine(redact(visible(`${left.slice(-60)}${match}${right.slice(0, 80)}`)), 160)
}

const unseen = /(?![\t\n])\p{Cc}|\p{Cf}|[\u115F\u1160\u3164\uFFA0]|[\u{E0100}-\u{E01EF}]/gu

function rank(finding: PatchFinding): number {
  return finding.severity === 'deny' ? 0 : 1
}
