import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { answerOf, questionList } from '../../core/answers.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import { decodeToken, encodeToken } from '../../core/token.ts'
import type { RunView } from '../../core/view.ts'
import type { Asking } from './tool.ts'
import type { McpWorld } from './world.ts'

const key = 'answers'

/** Seals what a client carries for us from a question to its answer. */
export function stateCodec(world: McpWorld) {
  return createRequestStateCodec<{ readonly token: string }>({ key: world.signingKey, ttlSeconds: 24 * 3600 })
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
  const questions = questionList(open.request)
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
  const token = encodeToken({ run: view.id, ask: open.id })
  return {
    asking: inputRequired({
      requestState: await stateCodec(world).mint({ token }, call),
      inputRequests: {
        [key]: inputRequired.elicit({
          mode: 'form',
          message: `Run ${view.id} asks before it goes on: ${questions.map(({ text }) => oneLine(text, 400)).join(' ')}`,
          requestedSchema: { type: 'object', properties, required: Object.keys(properties) },
        }),
      },
    }),
  }
}

/** What a client brings back to a question: the run, and whether its user answered. */
export interface Returned {
  readonly token: string
  readonly answers: readonly string[] | undefined
}

/** The answer in a call that comes back from a question; undefined for any other call. */
export function returned(call: ServerContext): Returned | undefined {
  const state = call.mcpReq.requestState<{ readonly token?: unknown }>()
  if (state === undefined || typeof state.token !== 'string') return undefined
  const content = acceptedContent(call.mcpReq.inputResponses, key)
  const texts = content && Object.entries(content).filter((one): one is [string, string] => typeof one[1] === 'string')
  const number = (name: string) => Number(name.replace('answer_', ''))
  return {
    token: state.token,
    answers: texts?.toSorted(([a], [b]) => number(a) - number(b)).map(([, text]) => text),
  }
}

/**
 * Gives answers to the question a token stands for; answers the run. Throws `conflict` when it was answered before, and `bad_input` for
 * answers that do not fit.
 */
export async function giveAnswers(app: App, token: string, answers: readonly string[]): Promise<RunRecord> {
  const { run: id, ask: asked } = decodeToken(token)
  const run = await app.runs.get(id)
  const { asks } = await app.view(run.id)
  const open = asked === undefined ? asks[0] : asks.find((one) => one.id === asked)
  const given = open && (await app.store.inbox(run.id)).some((signal) => signal.id === `answer:${open.id}`)
  if (!open || given) {
    const why = given ? 'this question was answered' : 'it asks nothing, or this was answered'
    throw new LoopwrightError('conflict', `run ${run.id}: ${why}; it is ${run.status}`, {
      hint: 'orchestrate_status shows how it stands',
    })
  }
  await app.runs.answer(run.id, open.id, answerOf(open.request, answers))
  return run
}
