import { stripVTControlCharacters } from 'node:util'
import type { Usage } from '../../core/ports.ts'
import { endOf } from '../bounded.ts'
import { classify } from '../command/classify.ts'
import { amount, defined, type Fields, fields, list, type ReadError, text } from '../command/reader.ts'

// All that differs from agent to agent in how it speaks the protocol.

/**
 * What a prompt used, by its answer. The protocol leaves this to agents: Claude, Codex and Copilot give the sum of all steps in `usage`, opencode
 * the last step alone (what it costs comes in an update, and is whole), Grok the sum in `_meta.usage` and the last step beside it, Gemini
 * the sum in `_meta.quota`.
 */
export function promptUsage(answer: Fields): Usage | undefined {
  const meta = fields(answer._meta)
  const quota = fields(meta.quota)
  for (const found of [meta.usage, answer.usage, quota.token_count]) {
    const usage = tokens(fields(found))
    if (usage === undefined) continue
    const model = text(meta.modelId) ?? text(fields(list(quota.model_usage)[0]).model)
    return { ...usage, ...defined({ model }) }
  }
  return undefined
}

/** Tokens under the names agents give them. Undefined when nothing was counted. */
function tokens(usage: Fields): Usage | undefined {
  const input = amount(usage.inputTokens) ?? amount(usage.input_tokens) ?? 0
  const output = amount(usage.outputTokens) ?? amount(usage.output_tokens) ?? 0
  const cacheRead = amount(usage.cachedReadTokens) ?? amount(usage.cachedInputTokens) ?? 0
  const cacheWrite = amount(usage.cachedWriteTokens) ?? amount(usage.cacheCreationTokens) ?? 0
  const thought = amount(usage.thoughtTokens) ?? amount(usage.reasoningTokens) ?? 0
  if (input + output + cacheRead + cacheWrite + thought === 0) return undefined
  // Some count what was cached as a part of the input, and thoughts as a part of the output, some beside: their total tells.
  const total = amount(usage.totalTokens)
  const cachedWithin = total === input + output || total === input + output + thought
  const thoughtBeside =
    total === input + output + thought || total === input + output + cacheRead + cacheWrite + thought
  return defined({
    inputTokens: cachedWithin ? Math.max(0, input - cacheRead - cacheWrite) : input,
    outputTokens: thoughtBeside ? output + thought : output,
    cacheReadTokens: cacheRead === 0 ? undefined : cacheRead,
    cacheWriteTokens: cacheWrite === 0 ? undefined : cacheWrite,
  })
}

/** Something that an agent said in its own name, in the place of its model's answer. */
export interface Aside {
  readonly text: string
  /** It did not get an answer. */
  readonly failed: boolean
}

/** Copilot ends a turn well when its model's API refuses, and says so in a message of its own. A model's words come in smaller pieces. */
export function asideOf(agent: string | undefined, piece: string): Aside | undefined {
  if (agent !== 'Copilot') return undefined
  if (/^Info: (?:Request failed|Operation cancelled)/.test(piece)) return { text: piece.slice(6), failed: false }
  return /^Error: \S/.test(piece) ? { text: piece.slice(7), failed: true } : undefined
}

/** A tool's name. Only some agents say it; of the others its kind must do, since a title is different every time. */
export function toolName(call: Fields): string | undefined {
  const meta = fields(call._meta)
  return (
    text(call.name) ??
    text(fields(meta.claudeCode).toolName) ??
    text(fields(meta['x.ai/tool']).name) ??
    text(call.kind) ??
    text(call.title)
  )
}

/** What a tool gave back, for people and for telling one result from another; what is only there for the agent's own screen is left out. */
export function rawResult(raw: unknown): unknown {
  const { output, content, message, output_for_prompt: grok, EditsApplied: edits } = fields(raw)
  const said = [raw, output, content, message, grok, fields(edits).tool_output_for_prompt].map(text)
  return said.find((each) => each !== undefined) ?? raw
}

/** Why the model's API does not answer, as the last line of a log on stderr has it that names a status, a limit or a login. */
export function troubleIn(stderr: string): ReadError | undefined {
  for (const line of stderr.split('\n').reverse()) {
    const plain = stripVTControlCharacters(line.slice(0, 4000))
    const status = statusIn(plain)
    if (status === undefined && classify(plain, undefined, 0).outcome === 'failed') continue
    return { message: endOf(plain, 400), ...defined({ status }) }
  }
  return undefined
}

function statusIn(line: string): number | undefined {
  const [, found] = /\bstatus(?:_?code)?["']?[=: ]{1,3}["']?([45]\d\d)\b/i.exec(line) ?? []
  return found === undefined ? undefined : Number(found)
}

/** How to choose a model in a session that was opened. */
export interface ModelChoice {
  /** Models there are, as they are set. */
  readonly models: readonly string[]
  readonly current: string | undefined
  /** What to ask the agent for, besides the session. */
  readonly request: (model: string) => { readonly method: string; readonly params: Fields }
}

/** The protocol's way is an option of the session; Gemini has the one from before. Copilot has none: it takes its model from its settings. */
export function modelChoice(session: Fields): ModelChoice | undefined {
  const option = list(session.configOptions)
    .map(fields)
    .find((each) => each.category === 'model' && text(each.id) !== undefined)
  if (option !== undefined) {
    return {
      models: list(option.options)
        // Options may be in groups.
        .flatMap((each) => [each, ...list(fields(each).options)])
        .flatMap((each) => text(fields(each).value) ?? []),
      current: text(option.currentValue),
      request: (value) => ({ method: 'session/set_config_option', params: { configId: option.id, value } }),
    }
  }
  const older = fields(session.models)
  const models = list(older.availableModels).flatMap((each) => text(fields(each).modelId) ?? [])
  if (models.length === 0 && text(older.currentModelId) === undefined) return undefined
  return {
    models,
    current: text(older.currentModelId),
    request: (modelId) => ({ method: 'session/set_model', params: { modelId } }),
  }
}
