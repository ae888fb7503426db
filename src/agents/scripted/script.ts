import { z } from 'zod'
import { LoopwrightError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { refusePath } from './edits.ts'
import { type Facts, roleName } from './facts.ts'
import type { MockSettings } from './mock.ts'
import type { ReplySpec } from './reply.ts'

const path = z.string().superRefine((value, context) => {
  const refused = refusePath(value)
  if (refused !== undefined) context.addIssue({ code: 'custom', message: refused })
})
const content = z.string()
const edit = z.union(
  [
    z.strictObject({ write: path, content }),
    z.strictObject({ append: path, content }),
    z.strictObject({ replace: path, find: z.string().min(1), with: z.string() }),
    z.strictObject({ delete: path }),
  ],
  {
    error:
      'an edit is one of {write, content}, {append, content}, {replace, find, with}, {delete}, with a path inside the working directory',
  },
)

const tokens = z.int().min(0).optional()
const usage = z.strictObject({
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: tokens,
  cacheWriteTokens: tokens,
  costUsd: z.number().min(0).optional(),
  model: z.string().optional(),
})

const outcomes = ['done', 'refused', 'failed', 'rate_limited', 'auth', 'stalled', 'timeout', 'oom', 'killed'] as const
const milliseconds = z.int().min(0).max(2_147_483_647)
const oneOrMore = <T extends z.ZodType>(schema: T) => z.union([schema, z.array(schema).min(1)])
const position = z.int().min(1)

const rule = z
  .strictObject({
    role: z.string().min(1),
    iteration: oneOrMore(position).optional(),
    subgoal: oneOrMore(z.string().min(1)).optional(),
    call: oneOrMore(position).optional(),
    text: z.string().optional(),
    json: z.json().optional(),
    delayMs: milliseconds.optional(),
    edits: z.array(edit).optional(),
    outcome: z.enum(outcomes).optional(),
    message: z.string().optional(),
    resetInMs: milliseconds.optional(),
    throw: z.string().optional(),
    usage: usage.optional(),
    sessionId: z.string().min(1).optional(),
  })
  .superRefine((value, context) => {
    const clash = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    if (value.text !== undefined && value.json !== undefined) clash('json', 'give text or json, not both')
    if (value.resetInMs !== undefined && (value.outcome ?? 'rate_limited') !== 'rate_limited') {
      clash('resetInMs', 'goes with outcome: rate_limited only')
    }
  })

const script = z.strictObject({
  subgoals: z.array(z.string().min(1)).min(1).optional(),
  acceptOnIteration: position.optional(),
  questions: z.array(z.string().min(1)).optional(),
  proposedCriteria: z.string().min(1).optional(),
  replies: z.array(rule).optional(),
})

/** When a rule answers, and with what. A condition that is absent holds always. */
interface Rule {
  readonly role: string
  readonly iterations: readonly number[] | undefined
  readonly subgoals: readonly string[] | undefined
  readonly calls: readonly number[] | undefined
  readonly reply: ReplySpec
}

/** A script that was parsed; play it with `scripted({ script })`. */
export interface Script {
  readonly defaults: MockSettings
  readonly rules: readonly Rule[]
}

/** Where a script came from, for messages. */
export interface ScriptSource {
  /** The file's name. */
  readonly name?: string
  /** Tells the place of a value (`fix.yaml:3:7`) from the keys and indexes that lead to it. */
  readonly where?: (path: readonly (string | number)[]) => string
}

/** Checks a script that a YAML or JSON reader has read. Throws `bad_input`, naming the first wrong place and what is wrong. */
export function parseScript(value: unknown, source: ScriptSource = {}): Script {
  const parsed = script.safeParse(value)
  if (!parsed.success) throw wrong(parsed.error, source)
  const { replies, ...defaults } = parsed.data
  return { defaults: withoutUndefined(defaults), rules: (replies ?? []).map(toRule) }
}

/** The reply of the first rule that fits, if any. */
export function findReply(script: Script, facts: Facts, number: number): ReplySpec | undefined {
  const fits = <T>(wanted: readonly T[] | undefined, is: T | undefined) =>
    wanted === undefined || (is !== undefined && wanted.includes(is))
  return script.rules.find(
    (rule) =>
      (rule.role === '*' || rule.role === facts.role) &&
      fits(rule.iterations, facts.iteration) &&
      fits(rule.subgoals, facts.subgoal?.id) &&
      fits(rule.calls, number),
  )?.reply
}

function toRule(from: z.infer<typeof rule>): Rule {
  const { role, iteration, subgoal, call, usage: used, json, ...rest } = from
  const list = <T>(value: T | T[] | undefined): T[] | undefined =>
    value === undefined ? undefined : Array.isArray(value) ? value : [value]
  const reply: ReplySpec = {
    ...withoutUndefined(rest),
    ...(json === undefined ? {} : { json: json as Json }),
    ...(used === undefined ? {} : { usage: withoutUndefined(used) }),
  }
  return { role: roleName(role), iterations: list(iteration), subgoals: list(subgoal), calls: list(call), reply }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>
}

function wrong(error: z.ZodError, source: ScriptSource): LoopwrightError {
  const [first] = error.issues
  const keys = (first?.path ?? []).map((key) => (typeof key === 'number' ? key : String(key)))
  const place = source.where?.(keys) ?? [source.name ?? 'script', ...keys].join('.')
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : ''
  return new LoopwrightError('bad_input', `${place}: ${first?.message ?? 'not a script'}${more}`, {
    hint: 'the format is described in docs/scripted-agent.md',
  })
}
