import { LoopwrightError } from '../errors.ts'
import type { Json } from '../json.ts'
import { objectOf, textOf, textsOf } from '../peek.ts'
import type { EscalationAnswer, EscalationRequest } from './tick.ts'

/** The escalation an ask is; undefined for any other question. What is missing in it is empty. */
export function escalationOf(request: Json): EscalationRequest | undefined {
  const asked = objectOf(request)
  if (asked.kind !== 'escalation') return undefined
  const text = (key: string) => textOf(asked[key]) ?? ''
  return {
    kind: 'escalation',
    pattern: text('pattern'),
    item: text('item'),
    title: text('title'),
    reason: text('reason'),
    files: textsOf(asked.files),
    branch: text('branch'),
  }
}

/** An escalation as one question for people. */
export function escalationQuestion({ title, reason }: EscalationRequest): string {
  return `Approve “${title}”?${reason === '' ? '' : ` ${reason}`} (yes or no)`
}

const yes = /^(?:y|yes|approve|approved|true)$/i
const no = /^(?:n|no|deny|denied|false)$/i

/**
 * What a person said to an escalation: yes or no, and a note if there is more. An answer may be named: `approve=yes`, `note=…`.
 * Throws `bad_input` for anything that is neither.
 */
export function decisionOf(given: readonly string[], by: string): EscalationAnswer {
  const notes = given.flatMap((one) => /^\s*note=(.*)$/s.exec(one)?.[1] ?? [])
  const [word = '', ...rest] = given
    .filter((one) => !/^\s*note=/.test(one))
    .map((one) => one.replace(/^\s*(?:approve|q?1)=/, '').trim())
  if (!yes.test(word) && !no.test(word)) {
    throw new LoopwrightError('bad_input', `yes or no is asked, not ${JSON.stringify(word.slice(0, 40))}`, {
      hint: 'yes approves, no denies; a note may follow',
    })
  }
  return { approved: yes.test(word), note: [...rest, ...notes].join(' ').trim().slice(0, 4000), by }
}

/** The decision in an answer that was given before; undefined when it is none. */
export function decidedIn(answer: Json | undefined): EscalationAnswer | undefined {
  const { approved, note, by } = objectOf(answer)
  if (typeof approved !== 'boolean') return undefined
  return { approved, note: textOf(note) ?? '', by: textOf(by) ?? '' }
}
