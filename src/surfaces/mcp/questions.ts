import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequest,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { giveAnswers as answerRun, type Meant, openAsks } from '../../compose/answer.ts'
import { questionList } from '../../core/answers.ts'
import { isLoopwrightError, LoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import type { RunResult } from '../../core/result.ts'
import type { AskToken } from '../../core/token.ts'
import type { AskView, RunView } from '../../core/view.ts'
import { readSigned, signToken } from './token.ts'
import type { Asking } from './tool.ts'
import type { McpWorld } from './world.ts'

const key = 'answers'

/** Seals what a client carries for us from a question to its answer. */
export async function stateCodec(world: McpWorld) {
  return createRequestStateCodec<AskToken>({ key: await world.signingKey(), ttlSeconds: 24 * 3600 })
}

/** Whether the client can put questions to its user. */
export function canAsk(call: ServerContext, connected: object | undefined): boolean {
  const envelope: Readonly<Record<string, unknown>> = { ...call.mcpReq.envelope }
  const declared = envelope[CLIENT_CAPABILITIES_META_KEY] ?? connected
  const elicitation: unknown =
    typeof declared === 'object' && declared !== null ? Reflect.get(declared, 'elicitation') : undefined
  if (typeof elicitation !== 'object' || elicitation === null) return false
  return 'form' in elicitation || !('url' in elicitation)
}

/** The open questions of a run, as a form for the client's user. */
export async function ask(world: McpWorld, view: RunView, call: ServerContext): Promise<Asking | undefined> {
  const [open] = view.asks
  if (!open) return undefined
  return {
    asking: inputRequired({
      requestState: await (await stateCodec(world)).mint({ run: view.id, ask: open.id }, call),
      inputRequests: { [key]: formOf(view.id, open) },
    }),
  }
}

/** What a run asks, as a form. */
export function formOf(run: string, ask: AskView): InputRequest {
  const questions = questionList(ask.request)
  const properties = Object.fromEntries(
    questions.map((question, at) => [
      `answer_${at + 1}`,
      {
        type: 'string' as const,
        title: oneLine(question.text, 400),
        ...(question.default === undefined ? {} : { default: question.default }),
      },
    ]),
  )
  return inputRequired.elicit({
    mode: 'form',
    message: `Run ${run} asks before it goes on: ${questions.map(({ text }) => oneLine(text, 400)).join(' ')}`,
    requestedSchema: { type: 'object', properties, required: Object.keys(properties) },
  })
}

/** The answers in a form that came back, in the order of the questions. */
export function answersIn(content: Readonly<Record<string, unknown>>): readonly string[] {
  const number = (name: string) => Number(name.replace('answer_', ''))
  return Object.entries(content)
    .filter((one): one is [string, string] => typeof one[1] === 'string')
    .toSorted(([a], [b]) => number(a) - number(b))
    .map(([, text]) => text)
}

/** What a client brings back to a question: the run, and whether its user answered. */
export interface Returned {
  readonly asked: AskToken
  readonly answers: readonly string[] | undefined
}

/** The answer in a call that comes back from a question; undefined for any other call. */
export function returned(call: ServerContext): Returned | undefined {
  const state = call.mcpReq.requestState<Partial<AskToken>>()
  if (state?.run === undefined || state.ask === undefined) return undefined
  const content = acceptedContent(call.mcpReq.inputResponses, key)
  return {
    asked: { run: state.run, ask: state.ask },
    answers: content && answersIn(content),
  }
}

/** The asks of a run that nobody has answered. */
export async function unanswered(app: App, run: RunRecord): Promise<readonly AskView[]> {
  return await openAsks(app, run.id)
}

/** What somebody means by a word: a token of ours, or a run. Throws `bad_input` for a token that was altered. */
export async function meantBy(world: McpWorld, word: string): Promise<{ readonly run: string; readonly ask?: string }> {
  return readSigned(await world.signingKey(), word) ?? { run: word }
}

/** What a run came to, with a token that only we can have made, where it waits for answers. */
export async function withToken(world: McpWorld, result: RunResult): Promise<RunResult> {
  if (result.token === undefined) return result
  return { ...result, token: signToken(await world.signingKey(), { run: result.run_id, ask: result.token }) }
}

/**
 * Gives answers to an ask of a run, or to its open one; answers the run. Throws `conflict` when that is answered or closed, and
 * `bad_input` for answers that do not fit.
 */
export async function giveAnswers(app: App, meant: Meant, answers: readonly string[]): Promise<RunRecord> {
  try {
    return await answerRun(app, meant, answers)
  } catch (error) {
    if (!isLoopwrightError(error, 'conflict')) throw error
    throw new LoopwrightError('conflict', error.message, { hint: 'orchestrate_status shows how it stands' })
  }
}
