import type { ClientContext } from '@agentclientprotocol/sdk'
import { within } from '../../process/within.ts'
import { classify } from '../command/classify.ts'
import { amount, defined, type Fields, fields, list, type ReadError, text } from '../command/reader.ts'
import { type ModelChoice, modelChoice } from './quirks.ts'

export interface TalkOptions {
  readonly context: Pick<ClientContext, 'request'>
  /** The session's workspace; absolute. */
  readonly cwd: string
  readonly prompt: string
  readonly model: string | undefined
  /** The session to go on with. */
  readonly resume: string | undefined
  /** How long the agent may take to answer each request before the prompt, in milliseconds. */
  readonly setupMs: number
  /** What people should know. */
  readonly onNotice: (text: string) => void
  /** Called just before the prompt is sent. */
  readonly onPrompt: (session: OpenSession) => void
}

/** A session that the agent opened. */
export interface OpenSession {
  readonly id: string
  /** It goes on with an earlier one. */
  readonly resumed: boolean
  /** What the agent calls itself. */
  readonly agent: string | undefined
  /** The model it works with, where it says so. */
  readonly model: string | undefined
}

/** How far a conversation came. */
export type Talked =
  | { readonly end: 'answered'; readonly answer: Fields }
  /** It answered a request with an error, or with what it must not. */
  | { readonly end: 'error'; readonly error: ReadError }
  /** It did not answer in time. */
  | { readonly end: 'silent'; readonly method: string }
  /** It ended, or hung up, before it answered. */
  | { readonly end: 'gone'; readonly method: string }

/** The protocol's own code for somebody who is not logged in. */
const authRequired = -32_000

/** Opens a session or goes on with one, sets the model, and sends the prompt. Whatever the agent does is data. */
export async function talk(options: TalkOptions): Promise<Talked> {
  const { context, cwd } = options
  let method = 'initialize'
  let initialized: Fields = {}

  /** The answer to a request that comes before the prompt. */
  async function ask(next: string, params: object): Promise<Fields> {
    method = next
    const answer = await within(
      context.request(next, params).then((value) => ({ value })),
      options.setupMs,
    )
    if (answer === undefined) throw new Silent()
    return fields(answer.value)
  }

  async function open(): Promise<{ readonly id: string; readonly resumed: boolean; readonly session: Fields }> {
    const { resume } = options
    const place = { cwd, mcpServers: [] }
    if (resume !== undefined) {
      const can = fields(initialized.agentCapabilities)
      // To resume is to load without the replay of all that was said.
      const resumes = fields(can.sessionCapabilities).resume
      const way = resumes ? 'session/resume' : can.loadSession === true ? 'session/load' : undefined
      if (way !== undefined) {
        return { id: resume, resumed: true, session: await ask(way, { ...place, sessionId: resume }) }
      }
      options.onNotice('it cannot go on with an earlier session: this is a new one')
    }
    const session = await ask('session/new', place)
    const id = text(session.sessionId)
    if (id === undefined) throw new Unfit('it answered session/new without a session')
    return { id, resumed: false, session }
  }

  /** Sees to it that the session works with this model, and answers with which one it does. */
  async function choose(
    sessionId: string,
    choice: ModelChoice | undefined,
    model: string | undefined,
  ): Promise<string | undefined> {
    if (model === undefined) return choice?.current
    if (choice === undefined) {
      options.onNotice(`its model cannot be chosen: not ${model}, but the one of its settings does the work`)
      return undefined
    }
    const wanted =
      choice.models.find((each) => each === model) ?? choice.models.find((each) => same(each, model)) ?? model
    if (wanted === choice.current) return wanted
    const request = choice.request(wanted)
    try {
      await ask(request.method, { sessionId, ...request.params })
      return wanted
    } catch (error) {
      if (error instanceof Silent || !isAnswer(error)) throw error
      const models = choice.models.slice(0, 12).join(', ')
      throw new Unfit(
        `it does not take the model ${model}: ${readError(error).message}${models === '' ? '' : `; it has ${models}`}`,
      )
    }
  }

  try {
    initialized = await ask('initialize', {
      protocolVersion: 1,
      // It works on the workspace itself: through us it would see nothing else.
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
    })
    if (initialized.protocolVersion !== 1) {
      throw new Unfit(
        `it speaks version ${JSON.stringify(initialized.protocolVersion)?.slice(0, 40)} of the Agent Client Protocol, we speak 1`,
      )
    }
    const { id, resumed, session } = await open()
    const model = await choose(id, modelChoice(session), options.model)
    options.onPrompt({ id, resumed, model, agent: text(fields(initialized.agentInfo).name) })
    method = 'session/prompt'
    const prompt = [{ type: 'text', text: options.prompt }]
    return { end: 'answered', answer: fields(await context.request(method, { sessionId: id, prompt })) }
  } catch (error) {
    if (error instanceof Silent) return { end: 'silent', method }
    if (error instanceof Unfit) return { end: 'error', error: { message: error.message } }
    if (!isAnswer(error)) return { end: 'gone', method }
    const read = readError(error)
    const where = method === 'session/prompt' ? '' : `${method}: `
    return { end: 'error', error: { ...read, message: `${where}${read.message}${loginOf(read, initialized)}` } }
  }
}

class Silent extends Error {}
class Unfit extends Error {}

/** An error that the agent sent, and not one of a connection that ended. */
function isAnswer(error: unknown): boolean {
  return fields(error).name === 'RequestError'
}

function readError(error: unknown): ReadError {
  const { code, message, data } = fields(error)
  const more = fields(data)
  const said = [text(message) ?? 'it answered with an error', text(data) ?? text(more.details) ?? text(more.message)]
  const whole = [...new Set(said.filter((part) => part !== undefined))].join(': ').slice(0, 4000)
  const status = [more.status, more.statusCode, more.httpStatus, more.code, code].map(amount).find(isStatus)
  // JSON-RPC leaves this code to anybody's errors: the words come first.
  const { outcome } = classify(whole, status, 0)
  const auth = outcome === 'auth' || (code === authRequired && outcome === 'failed')
  return { message: whole, ...defined({ status: status ?? (auth ? 401 : undefined) }) }
}

function isStatus(value: number | undefined): value is number {
  return value !== undefined && value >= 400 && value < 600
}

/** The ways to log in that the agent names. */
function loginOf({ status }: ReadError, initialized: Fields): string {
  if (status !== 401) return ''
  const ways = list(initialized.authMethods).flatMap((each) => {
    const { name, description } = fields(each)
    const said = text(description) ?? text(name)
    return said === undefined ? [] : [said.slice(0, 120)]
  })
  return ways.length === 0 ? '' : `; to log in: ${ways.slice(0, 5).join(', or ')}`
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
