import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isLoopwrightError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import type { AgentCall, AgentOutcome, AgentRequest, AgentResponse, Usage } from '../../core/ports.ts'
import { pastAllowance } from '../allowance.ts'
import { bound } from '../bounded.ts'
import { applyEdit, type Edit, editFiles, pathOf } from './edits.ts'

/** All that a scripted agent can do in answer to one call, in this order: wait, edit, then answer or fail. */
export interface ReplySpec {
  readonly text?: string
  /** Given instead of `text`: put out as JSON. */
  readonly json?: Json
  readonly delayMs?: number
  readonly edits?: readonly Edit[]
  readonly outcome?: AgentOutcome
  /** What went wrong, for outcomes other than done. */
  readonly message?: string
  /** With outcome rate_limited: in how many milliseconds to try again. */
  readonly resetInMs?: number
  /** Throws an error with this message, as a broken agent would. */
  readonly throw?: string
  readonly usage?: Usage
  readonly sessionId?: string
}

const mark: unique symbol = Symbol('reply')

/** A reply that does more than say something: waits, edits, usage, failures. For function agents. */
export interface Reply extends ReplySpec {
  readonly [mark]: true
}

/** Makes a reply with waits, edits, usage or a failure, where a plain string or JSON value is not enough. */
export function reply(spec: ReplySpec): Reply {
  return { ...spec, [mark]: true }
}

/** Any value a function agent gives: a `reply(…)` as it is, a string as text, the rest as JSON. */
export function toSpec(value: Reply | Json): ReplySpec {
  if (typeof value === 'string') return { text: value }
  if (typeof value === 'object' && value !== null && mark in value) return value as Reply
  return { json: value as Json }
}

/** Plays a reply. The clock is only for `resetAt`. */
export async function play(
  spec: ReplySpec,
  request: AgentRequest,
  call: AgentCall,
  now: () => number,
): Promise<AgentResponse> {
  const ended = await wait(spec.delayMs ?? 0, request.timeoutMs, call.signal)
  if (ended === 'aborted') return { text: '', outcome: 'killed', message: 'stopped by a signal' }
  if (ended === 'timeout') return { text: '', outcome: 'timeout', message: `timed out after ${request.timeoutMs} ms` }
  for (const edit of spec.edits ?? []) {
    try {
      if (request.files === undefined) await applyEdit(request.cwd, edit)
      else editFiles(request.files, edit)
    } catch (error) {
      if (isLoopwrightError(error)) return { text: '', outcome: 'failed', message: error.message }
      throw error
    }
    call.onDelta?.({ type: 'tool', name: Object.keys(edit)[0] ?? 'edit', detail: pathOf(edit) })
  }
  if (spec.throw !== undefined) throw new Error(spec.throw)
  const text = spec.text ?? (spec.json === undefined ? '' : JSON.stringify(spec.json))
  if (text !== '') call.onDelta?.({ type: 'text', text })
  if (request.outputPath !== undefined) {
    await mkdir(dirname(request.outputPath), { recursive: true })
    await appendFile(request.outputPath, text)
  }
  if (spec.usage !== undefined) call.onDelta?.({ type: 'usage', usage: spec.usage })
  const past = spec.usage === undefined ? undefined : pastAllowance(spec.usage, request.allowance)
  return {
    text: bound(text),
    chars: text.length,
    ...(past === undefined ? outcomeOf(spec, now) : { outcome: 'failed', message: past }),
    ...(spec.usage === undefined ? {} : { usage: spec.usage }),
    ...(spec.sessionId === undefined ? {} : { sessionId: spec.sessionId }),
  }
}

function outcomeOf(spec: ReplySpec, now: () => number): Pick<AgentResponse, 'outcome' | 'message' | 'resetAt'> {
  const outcome = spec.outcome ?? (spec.resetInMs === undefined ? 'done' : 'rate_limited')
  return {
    outcome,
    ...(outcome === 'done' ? {} : { message: spec.message ?? `scripted: ${outcome}` }),
    ...(spec.resetInMs === undefined ? {} : { resetAt: now() + spec.resetInMs }),
  }
}

function wait(
  delayMs: number,
  timeoutMs: number | undefined,
  signal: AbortSignal,
): Promise<'over' | 'timeout' | 'aborted'> {
  if (signal.aborted) return Promise.resolve('aborted')
  if (delayMs <= 0) return Promise.resolve('over')
  const timeout = timeoutMs !== undefined && timeoutMs < delayMs
  return new Promise((resolve) => {
    const finish = (how: 'over' | 'timeout' | 'aborted') => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
      resolve(how)
    }
    const aborted = () => finish('aborted')
    const timer = setTimeout(() => finish(timeout ? 'timeout' : 'over'), timeout ? timeoutMs : delayMs)
    signal.addEventListener('abort', aborted, { once: true })
  })
}
