import type { Usage } from '../../core/ports.ts'
import { bound } from '../bounded.ts'
import {
  amount,
  defined,
  type Emit,
  type Fields,
  fields,
  type LineParser,
  list,
  type ReadError,
  text,
} from './reader.ts'
import { contentText, detailOf, ToolCalls } from './told.ts'

export interface MessagesOptions {
  /** The cost in the result is that of the whole session, not of the call. */
  readonly sessionCost?: boolean
  /** The answer is the last message; the result repeats all that was said. */
  readonly lastMessage?: boolean
  readonly model?: string | undefined
}

/** Reads the stream of messages that Claude Code prints, and others after its model: `assistant`, `user`, and a `result` at the end. */
export class MessagesParser implements LineParser {
  readonly tools: ToolCalls
  readonly #emit: Emit
  readonly #options: MessagesOptions
  // One message comes in several lines that repeat its usage.
  readonly #perMessage = new Map<string, Usage>()
  #answer: string | undefined
  #last = ''
  #model: string | undefined
  #sessionId: string | undefined
  #usage: Usage | undefined
  #sessionTotals: Usage | undefined
  #error: ReadError | undefined
  #trouble: ReadError | undefined
  #limit: number | undefined
  /** What was not allowed, by the id of its call. */
  readonly #denied = new Map<string, string>()

  constructor(emit: Emit, options: MessagesOptions = {}) {
    this.#emit = emit
    this.#options = options
    this.#model = options.model
    this.tools = new ToolCalls(emit)
  }

  object(value: Fields): void {
    this.#sessionId = text(value.session_id) ?? this.#sessionId
    if (value.type === 'system') this.#system(value)
    else if (value.type === 'assistant') this.#assistant(fields(value.message), value.is_api_error_message === true)
    else if (value.type === 'user') this.#results(fields(value.message))
    else if (value.type === 'result') this.#result(value)
    else if (value.type === 'rate_limit_event') this.#limited(fields(value.rate_limit_info))
  }

  /** It wanted to use this and was not allowed to. */
  deny(name: string, id: string = name): void {
    this.#denied.set(id, name)
  }

  /** What went wrong, said outside of messages. */
  fail(error: ReadError): void {
    this.#error = error
  }

  reading() {
    const said = (this.#options.lastMessage === true ? this.#last || this.#answer : (this.#answer ?? this.#last)) ?? ''
    return {
      text: bound(said),
      chars: said.length,
      complete: this.#answer !== undefined,
      denied: [...this.#denied.values()],
      ...defined({
        usage: this.#usage ?? this.#counted(),
        sessionTotals: this.#sessionTotals,
        sessionId: this.#sessionId,
        error: this.#error,
        trouble: this.#trouble,
      }),
    }
  }

  #system(value: Fields): void {
    if (value.subtype === 'init') this.#model = text(value.model) ?? this.#model
    else if (value.subtype === 'permission_denied') {
      this.deny(text(value.tool_name) ?? 'a tool', text(value.tool_use_id))
    } else if (value.subtype === 'api_retry') {
      const attempt = amount(value.attempt)
      this.#trouble = {
        message: `${text(value.error) ?? 'error'} (status ${amount(value.error_status) ?? 'unknown'}, attempt ${attempt ?? '?'})`,
        ...defined({ status: amount(value.error_status), resetAt: this.#limit }),
      }
    }
  }

  #assistant(message: Fields, failed: boolean): void {
    for (const part of list(message.content).map(fields)) {
      const said = text(part.text)
      if (part.type === 'text' && said !== undefined) {
        if (!failed) this.#last = said
        this.#emit({ type: 'text', text: said })
      } else if (part.type === 'thinking') {
        const thought = text(part.thinking)
        if (thought !== undefined) this.#emit({ type: 'thought', text: thought })
      } else if (part.type === 'tool_use') {
        const input = fields(part.input)
        const name = text(part.name) ?? 'tool'
        this.tools.start({ name, id: text(part.id), detail: detailOf(input), input: part.input })
      }
    }
    if (failed) return
    this.#trouble = undefined
    const id = text(message.id)
    if (id === undefined) return
    this.#perMessage.set(id, tokensOf(fields(message.usage)))
    const model = text(message.model)
    const usage = this.#counted()
    if (usage !== undefined)
      this.#emit({ type: 'usage', usage: { ...usage, ...defined({ model: model ?? this.#model }) } })
  }

  #results(message: Fields): void {
    for (const part of list(message.content).map(fields)) {
      if (part.type !== 'tool_result') continue
      const output = contentText(part.content) ?? part.content
      this.tools.answer({ id: text(part.tool_use_id), ok: part.is_error !== true, output })
    }
  }

  #result(value: Fields): void {
    this.#answer = text(value.result) ?? ''
    this.#trouble = undefined
    const costUsd = amount(value.total_cost_usd)
    const model = mostUsed(fields(value.modelUsage)) ?? this.#model
    // 0 is what is said of a model whose price is not known.
    const own = this.#options.sessionCost === true || costUsd === 0 ? undefined : costUsd
    const tokens = tokensOf(fields(value.usage))
    if (Object.keys(tokens).length > 0 || own !== undefined)
      this.#usage = { ...tokens, ...defined({ costUsd: own, model }) }
    if (this.#options.sessionCost === true) this.#sessionTotals = defined({ costUsd })
    for (const each of list(value.permission_denials).map(fields)) {
      this.deny(text(each.tool_name) ?? 'a tool', text(each.tool_use_id))
    }
    const subtype = text(value.subtype)
    if (value.is_error !== true && subtype?.startsWith('error') !== true) return
    const said = list(value.errors).flatMap((each) => text(each) ?? [])
    this.#error = {
      message: (this.#answer || said[0]) ?? subtype ?? 'unknown error',
      ...defined({ status: amount(value.api_error_status), resetAt: this.#limit }),
    }
  }

  #limited(info: Fields): void {
    const seconds = amount(info.resetsAt)
    if (info.status === 'rejected' && seconds !== undefined) this.#limit = seconds * 1000
  }

  #counted(): Usage | undefined {
    const usages = [...this.#perMessage.values()]
    if (usages.length === 0) return undefined
    const sum = (pick: (usage: Usage) => number | undefined) => usages.reduce((all, each) => all + (pick(each) ?? 0), 0)
    return {
      inputTokens: sum((each) => each.inputTokens),
      outputTokens: sum((each) => each.outputTokens),
      cacheReadTokens: sum((each) => each.cacheReadTokens),
      cacheWriteTokens: sum((each) => each.cacheWriteTokens),
      ...defined({ model: this.#model }),
    }
  }
}

function mostUsed(models: Fields): string | undefined {
  const output = (name: string) => amount(fields(models[name]).outputTokens) ?? 0
  const [most] = Object.keys(models).sort((a, b) => output(b) - output(a))
  return most
}

/** Tokens as the Messages API counts them; Cursor writes the same in camel case. */
function tokensOf(usage: Fields): Usage {
  return defined({
    inputTokens: amount(usage.input_tokens) ?? amount(usage.inputTokens),
    outputTokens: amount(usage.output_tokens) ?? amount(usage.outputTokens),
    cacheReadTokens: amount(usage.cache_read_input_tokens) ?? amount(usage.cacheReadTokens),
    cacheWriteTokens: amount(usage.cache_creation_input_tokens) ?? amount(usage.cacheWriteTokens),
  })
}
