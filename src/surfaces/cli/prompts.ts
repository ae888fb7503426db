import { answerOf, proposedCriteria, questionList } from '../../core/answers.ts'
import type { Json } from '../../core/json.ts'
import { oneLine, plainText } from '../../core/plain.ts'
import type { Io } from './io.ts'

type Clack = typeof import('@clack/prompts')

/** Asks for a text; undefined when the person left. */
export async function askText(io: Io, message: string, initial?: string): Promise<string | undefined> {
  const clack = await import('@clack/prompts')
  const said = await clack.text({
    ...streams(io),
    message,
    ...(initial === undefined ? {} : { initialValue: initial }),
    validate: (value) => ((value ?? '').trim() === '' ? 'an answer is needed' : undefined),
  })
  return clack.isCancel(said) ? undefined : said
}

/** Asks a yes-or-no question; false when the person left. */
export async function askYes(io: Io, message: string): Promise<boolean> {
  const clack = await import('@clack/prompts')
  return (await clack.confirm({ ...streams(io), message, initialValue: false })) === true
}

/** Puts the questions of an ask to the person at the terminal; undefined when they left. */
export async function askQuestions(io: Io, request: Json): Promise<Json | undefined> {
  const clack = await import('@clack/prompts')
  const proposed = proposedCriteria(request)
  if (proposed.length > 0) showCriteria(io, clack, proposed)
  const answers: string[] = []
  for (const [i, question] of questionList(request).entries()) {
    const said = await askText(io, plainText(question.text), question.default)
    if (said === undefined) return undefined
    answers.push(`${i + 1}=${said}`)
  }
  if (proposed.length > 0) {
    const said = await clack.text({
      ...streams(io),
      message: 'Other criteria?',
      placeholder: 'Enter keeps the proposed',
    })
    if (clack.isCancel(said)) return undefined
    if ((said ?? '').trim() !== '') answers.push(`criteria=${said}`)
  }
  return answerOf(request, answers)
}

function showCriteria(io: Io, clack: Clack, criteria: readonly string[]): void {
  clack.note(criteria.map((one) => `- ${oneLine(one, 200)}`).join('\n'), 'Done when', streams(io))
}

/** Prompts go to standard error: standard output is for the result. */
function streams(io: Io): { input: NodeJS.ReadStream; output: NodeJS.WriteStream } {
  return { input: io.stdin as NodeJS.ReadStream, output: io.stderr as NodeJS.WriteStream }
}
