import { LoopwrightError } from './errors.ts'
import type { Json } from './json.ts'
import { objectOf, textOf, textsOf } from './peek.ts'
import { questionsOf } from './progress.ts'
import { decisionOf, escalationOf } from './triage/decision.ts'

/** A question as a person is asked it. */
export interface Question {
  /** What an answer can be named by: its own name, else its number. */
  readonly name: string
  readonly text: string
  readonly default: string | undefined
}

/** The questions of an ask, in order. */
export function questionList(request: Json): readonly Question[] {
  return questionsOf(request).map((one, i) => {
    const { name, id, question, text, default: usual } = objectOf(one)
    const said = typeof one === 'string' ? one : (textOf(question) ?? textOf(text) ?? JSON.stringify(one))
    return { name: textOf(name) ?? textOf(id) ?? String(i + 1), text: said, default: textOf(usual) }
  })
}

/** Criteria an ask proposes, which an answer may replace. */
export function proposedCriteria(request: Json): readonly string[] {
  return textsOf(objectOf(request).criteria)
}

/**
 * What goes to an ask for the answers a person gave: one per question in order, or `name=value` (a number is a name too), and
 * `criteria=…` for other criteria than the proposed. An escalation takes yes or no, and a note. Throws `bad_input` when an answer is
 * missing or one too many.
 *
 * @param by who answers
 */
export function answerOf(request: Json, given: readonly string[], by = 'somebody'): Json {
  if (escalationOf(request) !== undefined) return decisionOf(given, by)
  const questions = questionList(request)
  const criteria: string[] = []
  const named = new Map<number, string>()
  const rest: string[] = []
  for (const one of given) {
    const [, key = '', value = ''] = /^\s*([\w-]+)=(.*)$/s.exec(one) ?? []
    const at = questions.findIndex(({ name }, i) => name === key || String(i + 1) === key || `q${i + 1}` === key)
    if (key === 'criteria' && proposedCriteria(request).length > 0) criteria.push(value)
    else if (at >= 0) named.set(at, value)
    else rest.push(one)
  }
  const answers = questions.map((question, i) => named.get(i) ?? rest.shift() ?? question.default)
  const open = questions.filter((_, i) => answers[i] === undefined)
  if (rest.length > 0 || open.length > 0) {
    const count = `${questions.length} question${questions.length === 1 ? '' : 's'}`
    const what =
      rest.length > 0
        ? `too many answers: there ${questions.length === 1 ? 'is' : 'are'} ${count}`
        : `not answered: ${open[0]?.text}`
    throw new LoopwrightError('bad_input', what, {
      hint: `give --answer once per question (${count}), in order, or as name=value`,
    })
  }
  const texts = answers.map((answer) => answer ?? '')
  if (criteria.length > 0) return { answers: texts, criteria }
  const single = typeof request === 'string' || (!Array.isArray(request) && !Array.isArray(objectOf(request).questions))
  return single ? (texts[0] ?? '') : texts
}
