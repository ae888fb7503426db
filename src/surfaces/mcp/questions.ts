import {
  acceptedContent,
  createRequestStateCodec,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { giveAnswers as answerRun, type Meant, openAsk, openAsks } from '../../compose/answer.ts'
import { isLoopwrightError, LoopwrightError } from '../../core/errors.ts'
import type { RunRecord } from '../../core/ports.ts'
import type { RunResult } from '../../core/result.ts'
import type { AskToken } from '../../core/token.ts'
import { answersIn, formOf } from './form.ts'
import { readSigned, signToken } from './token.ts'
import type { Asking } from './tool.ts'
import type { McpWorld } from './world.ts'

const key = 'answers'

/** Seals what a client carries for us from a question to its answer. */
export async function stateCodec(world: McpWorld) {
  return createRequestStateCodec<AskToken>({ key: await world.signingKey(), ttlSeconds: 24 * 3600 })
}

/** The open question of a run, as a form for the client's user. */
export async function ask(app: App, world: McpWorld, run: string, call: ServerContext): Promise<Asking | undefined> {
  const [open] = await openAsks(app, run)
  if (!open) return undefined
  return {
    asking: inputRequired({
      requestState: await (await stateCodec(world)).mint({ run, ask: open.id }, call),
      inputRequests: { [key]: formOf(run, open) },
    }),
  }
}

/** What a client brings back to a question: the run, and what its user said. */
export interface Returned {
  readonly asked: AskToken
  /** What stands in the form; absent: they did not fill it in. */
  readonly content: Readonly<Record<string, unknown>> | undefined
}

/** The answer in a call that comes back from a question; undefined for any other call. */
export function returned(call: ServerContext): Returned | undefined {
  const state = call.mcpReq.requestState<Partial<AskToken>>()
  if (state?.run === undefined || state.ask === undefined) return undefined
  return {
    asked: { run: state.run, ask: state.ask },
    content: acceptedContent(call.mcpReq.inputResponses, key),
  }
}

/** What somebody means by a word: a token of ours, or a run. Throws `bad_input` for a token that was altered. */
export async function meantBy(world: McpWorld, word: string): Promise<Meant> {
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
 *
 * @param by who answers
 */
export async function giveAnswers(
  app: App,
  meant: Meant,
  answers: readonly string[] | undefined,
  by: string,
): Promise<RunRecord> {
  return await answerRun(app, meant, answers, by).catch(hinting)
}

/** The same with a form that the client's user filled in. */
export async function giveForm(
  app: App,
  asked: AskToken,
  content: Readonly<Record<string, unknown>>,
  by: string,
): Promise<RunRecord> {
  const { ask } = await openAsk(app, asked).catch(hinting)
  return await giveAnswers(app, asked, answersIn(content, ask), by)
}

function hinting(error: unknown): never {
  if (!isLoopwrightError(error, 'conflict')) throw error
  throw new LoopwrightError('conflict', error.message, { hint: 'orchestrate_status shows how it stands' })
}
