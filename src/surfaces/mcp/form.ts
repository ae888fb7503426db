import { type InputRequest, inputRequired } from '@modelcontextprotocol/server'
import { questionList } from '../../core/answers.ts'
import { oneLine } from '../../core/plain.ts'
import { escalationOf, escalationQuestion } from '../../core/triage/decision.ts'
import type { EscalationRequest } from '../../core/triage/tick.ts'
import type { AskView } from '../../core/view.ts'

/** How many characters of a question a form shows. */
const shown = 400

/** What a run asks, as a form for the client's user. */
export function formOf(run: string, ask: AskView): InputRequest {
  const escalation = escalationOf(ask.request)
  if (escalation !== undefined) return decisionForm(run, escalation)
  const questions = questionList(ask.request)
  const properties = Object.fromEntries(
    questions.map((question, at) => [
      `answer_${at + 1}`,
      {
        type: 'string' as const,
        title: oneLine(question.text, shown),
        ...(question.default === undefined ? {} : { default: question.default }),
      },
    ]),
  )
  return inputRequired.elicit({
    mode: 'form',
    message: `Run ${run} asks before it goes on: ${questions.map(({ text }) => oneLine(text, shown)).join(' ')}`,
    requestedSchema: { type: 'object', properties, required: Object.keys(properties) },
  })
}

/** A decision is a choice, so that nobody approves by a word that happens to say so. */
function decisionForm(run: string, escalation: EscalationRequest): InputRequest {
  const files = escalation.files.slice(0, 10).map((file) => oneLine(file, 80))
  const more = escalation.files.length > files.length ? `, and ${escalation.files.length - files.length} more` : ''
  const changed = files.length === 0 ? '' : ` Files: ${files.join(', ')}${more}.`
  const question = oneLine(escalationQuestion(escalation), shown)
  return inputRequired.elicit({
    mode: 'form',
    message: `Run ${run} (${oneLine(escalation.pattern, 60)}) needs a decision: ${question}${changed} loopwright diff ${run} shows the change.`,
    requestedSchema: {
      type: 'object',
      properties: {
        answer_1: { type: 'string', title: 'Approve it?', enum: ['yes', 'no'] },
        note: { type: 'string', title: 'A note, which the next try is given' },
      },
      required: ['answer_1'],
    },
  })
}

/** The answers in a form that came back, each named by its question. What the form did not ask for is passed over. */
export function answersIn(content: Readonly<Record<string, unknown>>, { request }: AskView): readonly string[] {
  const answer = (field: string, name: string) => {
    const text = Object.hasOwn(content, field) ? content[field] : undefined
    return typeof text === 'string' ? [`${name}=${text}`] : []
  }
  if (escalationOf(request) !== undefined) return [...answer('answer_1', 'approve'), ...answer('note', 'note')]
  return questionList(request).flatMap((_, at) => answer(`answer_${at + 1}`, String(at + 1)))
}
