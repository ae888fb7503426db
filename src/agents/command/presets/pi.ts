import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byFile, byVariable, firstLogin, has, holdsAnything, ownDirectory } from '../login.ts'
import { bedrock } from '../needs.ts'
import type { Preset } from '../preset.ts'
import {
  amount,
  defined,
  type Emit,
  type Fields,
  fields,
  type LineParser,
  list,
  type ReadError,
  readLines,
  sum,
  text,
} from '../reader.ts'
import { contentText, detailOf, ToolCalls } from '../told.ts'

const keys = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_OAUTH_TOKEN',
  'OPENAI_API_KEY',
  'AZURE_OPENAI_API_KEY',
  'GEMINI_API_KEY',
  'GROQ_API_KEY',
  'CEREBRAS_API_KEY',
  'XAI_API_KEY',
  'OPENROUTER_API_KEY',
  'AI_GATEWAY_API_KEY',
  'ZAI_API_KEY',
  'MISTRAL_API_KEY',
  'DEEPSEEK_API_KEY',
  'COPILOT_GITHUB_TOKEN',
]

/** pi: `pi -p --mode json …`. It asks for no permissions: confine it. */
export const pi: Preset = {
  name: 'pi',
  executable: 'pi',
  install: 'npm install -g @earendil-works/pi-coding-agent',
  login: 'run `pi` once and /login, or set the API key of your provider, as in ANTHROPIC_API_KEY',
  loggedIn(place) {
    const directory = ownDirectory(place, 'PI_CODING_AGENT_DIR', '.pi/agent')
    return firstLogin(
      'no',
      byVariable(place, ...keys),
      byFile(place, join(directory, 'auth.json'), holdsAnything),
      byFile(place, join(directory, 'models.json'), (held) =>
        Object.values(fields(held.providers)).some((each) => has(fields(each), 'apiKey')),
      ),
    )
  },
  needs: {
    home: ['.pi'],
    homeRead: [
      '.pi/agent/settings.json',
      '.pi/agent/models.json',
      '.pi/agent/keybindings.json',
      '.pi/agent/AGENTS.md',
      '.pi/agent/CLAUDE.md',
      '.pi/agent/SYSTEM.md',
      '.pi/agent/APPEND_SYSTEM.md',
      '.pi/agent/extensions/',
      '.pi/agent/skills/',
      '.pi/agent/prompts/',
      '.pi/agent/themes/',
      '.pi/agent/tools/',
      '.pi/agent/hooks/',
      '.pi/agent/commands/',
      '.pi/agent/bin/',
      '.pi/agent/npm/',
      '.pi/agent/git/',
    ],
    hosts: [
      'api.anthropic.com',
      'api.openai.com',
      'chatgpt.com',
      'auth.openai.com',
      'generativelanguage.googleapis.com',
      'openrouter.ai',
      '*.githubcopilot.com',
      'api.github.com',
    ],
    env: ['PI_*', 'ANTHROPIC_*', 'OPENAI_*', ...keys],
    also: [bedrock],
    homeVariables: { PI_CODING_AGENT_DIR: '.pi/agent', PI_CODING_AGENT_SESSION_DIR: '.pi/agent/sessions' },
  },
  projectFiles: ['.pi/'],
  env: { PI_OFFLINE: '1', PI_TELEMETRY: '0' },
  unset: ['PI_CODING_AGENT', 'PI_SESSION_ID', 'PI_SESSION_FILE'],
  invoke(request, model) {
    const prompt = combined(request)
    const argv = [
      '-p',
      '--mode',
      'json',
      ...(model === undefined ? [] : ['--model', model]),
      ...(request.sessionId === undefined ? [] : ['--session', request.sessionId]),
    ]
    return fitsArgument(prompt) ? { argv: [...argv, asArgument(prompt)] } : { argv, input: prompt }
  },
  read: (emit, model) => readLines(parser(emit, model)),
}

function parser(emit: Emit, model: string | undefined): LineParser {
  let answer = ''
  let complete = false
  let sessionId: string | undefined
  let usage: Usage | undefined
  let error: ReadError | undefined
  let trouble: ReadError | undefined
  const tools = new ToolCalls(emit)

  const handle: Readonly<Record<string, (value: Fields) => void>> = {
    session(value) {
      sessionId = text(value.id) ?? sessionId
    },
    agent_start() {
      complete = false
    },
    message_update(value) {
      const event = fields(value.assistantMessageEvent)
      const said = text(event.delta)
      if (said === undefined) return
      if (event.type === 'text_delta') emit({ type: 'text', text: said })
      else if (event.type === 'thinking_delta') emit({ type: 'thought', text: said })
    },
    message_end(value) {
      const message = fields(value.message)
      if (message.role !== 'assistant') return
      const used = usageOf(fields(message.usage))
      const by = text(message.model) ?? model
      if (used !== undefined) usage = { ...sum(usage ?? {}, used), ...defined({ model: by }) }
      const failed = message.stopReason === 'error' || message.stopReason === 'aborted'
      // It may try again: the last message counts.
      error = failed ? { message: text(message.errorMessage) ?? `stopped: ${message.stopReason}` } : undefined
      if (failed) return
      trouble = undefined
      answer = contentText(list(message.content).filter((each) => fields(each).type === 'text')) ?? ''
      if (usage !== undefined) emit({ type: 'usage', usage })
    },
    tool_execution_start(value) {
      const input = fields(value.args)
      const name = text(value.toolName) ?? 'tool'
      tools.start({ name, id: text(value.toolCallId), detail: detailOf(input), input: value.args })
    },
    tool_execution_end(value) {
      const output = contentText(fields(value.result).content) ?? value.result
      tools.answer({ name: text(value.toolName), id: text(value.toolCallId), ok: value.isError !== true, output })
    },
    auto_retry_start(value) {
      trouble = { message: text(value.errorMessage) ?? 'the model API failed' }
      // An attempt that is taken back is no error yet.
      error = undefined
    },
    auto_retry_end(value) {
      if (value.success === true) error = undefined
      else error = { message: text(value.finalError) ?? error?.message ?? 'the model API failed' }
    },
    agent_end() {
      complete = error === undefined
    },
  }

  return {
    object(value) {
      const { type } = value
      if (typeof type === 'string' && Object.hasOwn(handle, type)) handle[type]?.(value)
    },
    reading: () => ({
      text: bound(answer),
      chars: answer.length,
      complete,
      ...defined({ usage, sessionId, error, trouble }),
    }),
  }
}

function usageOf(usage: Fields): Usage | undefined {
  const input = amount(usage.input)
  const output = amount(usage.output)
  if (input === undefined && output === undefined) return undefined
  const costUsd = amount(fields(usage.cost).total)
  return defined({
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: amount(usage.cacheRead),
    cacheWriteTokens: amount(usage.cacheWrite),
    // 0 is what it says of a model whose price it does not know.
    costUsd: costUsd === 0 ? undefined : costUsd,
  })
}
