import type { Usage } from '../../core/ports.ts'
import { BoundedText } from '../bounded.ts'
import { amount, defined, type Emit, type Fields, fields, list, text } from '../command/reader.ts'
import { contentText, detailOf, oneLine, ToolCalls } from '../command/told.ts'
import { commandOf } from './question.ts'
import { asideOf, rawResult, toolName } from './quirks.ts'

/** Calls that are still open are few; an agent that opens more and more loses the first ones. */
const mostCalls = 1000

/** What is known of a tool call so far; each update says only what is new. */
interface Call {
  readonly known: Fields
  readonly told: boolean
}

/** Reads a session's updates and tells of them in our words. What is said before the prompt is the replay of an earlier session: only what it cost counts. */
export class Updates {
  /** What the whole session has cost so far, in US dollars. */
  costUsd: number | undefined
  /** The longest context any step had: at least so many tokens were used. */
  contextTokens = 0
  /** Why its model did not answer, when that is the last it said. */
  failure: string | undefined
  readonly #emit: Emit
  readonly #tools: ToolCalls
  readonly #calls = new Map<string, Call>()
  #live = false
  #agent: string | undefined
  #costBefore: number | undefined
  #answer = new BoundedText()
  #message: string | undefined
  #afterTool = false

  constructor(emit: Emit) {
    this.#emit = emit
    this.#tools = new ToolCalls(emit)
  }

  /** From here on it is our prompt's. `before` is what an earlier session had cost, when that is known otherwise. */
  begin(before: number | undefined, agent?: string): void {
    this.#live = true
    this.#agent = agent
    this.#costBefore = before ?? this.costUsd
  }

  /** What the session had cost before the prompt, as far as it was told. */
  get costBefore(): number | undefined {
    return this.#costBefore
  }

  /** The last message: what came before it was said on the way. */
  get answer(): BoundedText {
    return this.#answer
  }

  /** Takes one update; never throws, whatever it is. */
  take(update: Fields): void {
    const kind = text(update.sessionUpdate)
    if (kind === 'usage_update') this.#usage(update)
    if (!this.#live) return
    if (kind === 'agent_message_chunk') this.#said(update)
    if (kind === 'agent_thought_chunk') this.#thought(update)
    if (kind === 'tool_call' || kind === 'tool_call_update') this.#tool(update)
    if (kind === 'notice') this.#notice(update)
  }

  /** A tool call with all that is known of it, as a permission question may say only a part. The tool is told of now, before the question. */
  asked(call: Fields): Fields {
    this.#afterTool = true
    const id = text(call.toolCallId)
    const known = this.#merge(id, call)
    if (id !== undefined) this.#tell(id)
    return known
  }

  #said(update: Fields): void {
    const said = chunk(update)
    if (said === undefined) return
    const aside = asideOf(this.#agent, said)
    this.failure = aside?.failed === true ? aside.text : undefined
    if (aside !== undefined) {
      this.#emit({ type: 'notice', text: oneLine(aside.text) })
      return
    }
    const message = text(update.messageId)
    if (message !== this.#message || (message === undefined && this.#afterTool)) this.#answer = new BoundedText()
    this.#message = message
    this.#afterTool = false
    this.#answer.add(said)
    this.#emit({ type: 'text', text: said })
  }

  #thought(update: Fields): void {
    const said = chunk(update)
    if (said !== undefined) this.#emit({ type: 'thought', text: said })
  }

  #notice(update: Fields): void {
    const said = [text(update.title), text(update.description)].filter((part) => part !== undefined).join(': ')
    if (said !== '') this.#emit({ type: 'notice', text: oneLine(said) })
  }

  #usage(update: Fields): void {
    if (this.#live) this.contextTokens = Math.max(this.contextTokens, amount(update.used) ?? 0)
    const cost = fields(update.cost)
    const dollars = amount(cost.amount)
    if (dollars === undefined || (text(cost.currency) ?? 'USD').toUpperCase() !== 'USD') return
    this.costUsd = dollars
    if (!this.#live || dollars === 0) return
    const usage: Usage = { costUsd: Math.max(0, dollars - (this.#costBefore ?? 0)) }
    this.#emit({ type: 'usage', usage })
  }

  #tool(update: Fields): void {
    this.#afterTool = true
    const id = text(update.toolCallId)
    if (id === undefined) return
    const known = this.#merge(id, update)
    const over = known.status === 'completed' || known.status === 'failed'
    // An announced call has no input yet, or only says where.
    const input = Object.keys(fields(known.rawInput)).some((key) => key !== 'cwd')
    if (over || input || known.status === 'in_progress') this.#tell(id)
    if (!over) return
    this.#calls.delete(id)
    this.#tools.answer({ id, ok: known.status === 'completed', output: outputOf(known) })
  }

  #merge(id: string | undefined, call: Fields): Fields {
    if (id === undefined) return call
    const before = this.#calls.get(id)
    const known = { ...before?.known, ...defined(Object.fromEntries(Object.entries(call).filter(hasValue))) }
    this.#calls.delete(id)
    this.#calls.set(id, { known, told: before?.told ?? false })
    const [oldest] = this.#calls.keys()
    if (this.#calls.size > mostCalls && oldest !== undefined) this.#calls.delete(oldest)
    return known
  }

  #tell(id: string): void {
    const call = this.#calls.get(id)
    if (call === undefined || call.told) return
    this.#calls.set(id, { ...call, told: true })
    const { known } = call
    const input = fields(known.rawInput)
    const command = commandOf(known)
    this.#tools.start({
      name: toolName(known) ?? 'tool',
      id,
      detail:
        detailOf(input) ??
        text(fields(list(known.locations)[0]).path)?.slice(0, 200) ??
        text(known.title)?.slice(0, 200),
      // Without an input what it is about tells one call from another.
      input: command ?? (Object.keys(input).length > 0 ? input : [known.title, known.locations, known.content]),
    })
  }
}

function hasValue([, value]: readonly [string, unknown]): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
}

function chunk(update: Fields): string | undefined {
  return text(fields(update.content).text)
}

function outputOf(known: Fields): unknown {
  const said = contentText(list(known.content).map((part) => fields(part).content))
  return said ?? rawResult(known.rawOutput)
}
