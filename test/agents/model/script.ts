/** A JSON object as a CLI sent it. */
export type Body = { readonly [key: string]: unknown }

/** What one request of a CLI said, in the same words for every dialect. */
export interface Asked {
  readonly dialect: string
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** What it authenticated with, whichever header that was in. */
  readonly key: string
  /** The system prompt, or what the dialect has for one. */
  readonly system: string
  /** All texts of the conversation, the tools' results left out. */
  readonly said: string
  /** The last thing is a tool's result: the model goes on. */
  readonly continues: boolean
  /** The text of that result. */
  readonly result: string
  readonly tools: readonly string[]
  /** Settles when the CLI hung up. */
  readonly gone: Promise<void>
}

/** What the model does with one request. */
export type Behaviour =
  | { readonly do: 'text'; readonly text: string }
  /** Calls a tool once, and says the text when its result came. */
  | { readonly do: 'tool'; readonly name: string; readonly input: Body; readonly text: string }
  /** Calls a tool, whatever came before. */
  | { readonly do: 'call'; readonly name: string; readonly input: Body }
  /** Creates a file with the tool that the CLI offers for it, and says the text when that was done. `path` is absolute. */
  | { readonly do: 'edit'; readonly path: string; readonly content: string; readonly text: string }
  /** Answers with an HTTP error as the dialect's API words it. */
  | { readonly do: 'error'; readonly status: number; readonly retryAfter?: number }
  /** Takes the request and never answers. */
  | { readonly do: 'hang' }
  /** Says the parts one by one; each waits until `next` settles. */
  | { readonly do: 'slow'; readonly parts: readonly string[]; readonly next: () => Promise<void> }
  /** The model itself declines. */
  | { readonly do: 'decline'; readonly text: string }

/** Decides what the model does with a request. */
export type Script = (asked: Asked) => Behaviour

/** A tool the model calls. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly input: Body
}

/** One answer of the model, for a dialect to put into its own words. */
export interface Turn {
  readonly model: string
  readonly parts: readonly string[]
  /** Settles when the next part may be sent. */
  readonly next: () => Promise<void>
  readonly call?: ToolCall
  readonly stop: 'end' | 'tool' | 'declined'
}

/** What each answer claims to have used; `input` leaves out what came from the cache. */
export const used = { input: 110, cached: 40, output: 25 } as const

/** An API's wire format. */
export interface Dialect {
  readonly name: string
  /** Whether a request to this path is one to answer with a turn. */
  fits(path: string): boolean
  read(path: string, headers: Headers, body: Body): Omit<Asked, 'dialect' | 'path' | 'key' | 'gone'>
  /** The lines of a streamed answer, as server-sent events. */
  stream(turn: Turn): AsyncGenerator<string>
  /** The same in one piece. */
  whole(turn: Turn): Body
  error(status: number, message: string, retryAfter: number | undefined): Refusal
}

/** An HTTP error as an API sends it. */
export interface Refusal {
  readonly body: Body
  readonly headers?: Readonly<Record<string, string>>
}

/** Header names are in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** A server-sent event. */
export function event(data: Body | string, name?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${text}\n\n`
}

/** The object, or an empty one. */
export function object(value: unknown): Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {}
}

/** The objects of a list. */
export function objects(value: unknown): readonly Body[] {
  return Array.isArray(value) ? value.map(object) : []
}

/** The texts of a content that is a text, a part or a list of parts. */
export function textIn(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return content.map(textIn).filter(Boolean).join('\n')
  const { text } = object(content)
  return typeof text === 'string' ? text : ''
}
