import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { bound } from '../../bounded.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byConfiguredKey, byFile, byVariable, firstLogin, holdsAnything, ownDirectory } from '../login.ts'
import { MessagesParser } from '../messages.ts'
import type { Preset } from '../preset.ts'
import { amount, defined, type Emit, type Fields, fields, type LineParser, readLines, text } from '../reader.ts'
import { detailOf } from '../told.ts'

/** Grok: `grok -p … --output-format streaming-messages-json`. It has no option for a system prompt: the combined text is the prompt. */
export const grok: Preset = {
  name: 'grok',
  executable: 'grok',
  install: 'npm install -g @xai-official/grok',
  login: 'run `grok login`, or set XAI_API_KEY',
  loggedIn(place) {
    const directory = ownDirectory(place, 'GROK_HOME', '.grok')
    return firstLogin(
      'no',
      byVariable(place, 'XAI_API_KEY', 'GROK_CODE_XAI_API_KEY'),
      byFile(place, join(directory, 'auth.json'), holdsAnything),
      byConfiguredKey(place, join(directory, 'config.toml')),
    )
  },
  needs: {
    home: ['.grok', '.cache/grok'],
    homeRead: [
      '.grok/config.toml',
      '.grok/managed_config.toml',
      '.grok/requirements.toml',
      '.grok/sandbox.toml',
      '.grok/pager.toml',
      '.grok/trusted_folders.toml',
      '.grok/settings.json',
      '.grok/lsp.json',
      '.grok/hooks-paths',
      '.grok/disabled-hooks',
      '.grok/statusline.sh',
      '.grok/AGENTS.md',
      '.grok/rules/',
      '.grok/hooks/',
      '.grok/agents/',
      '.grok/personas/',
      '.grok/commands/',
      '.grok/skills/',
      '.grok/plugins/',
      '.grok/installed-plugins/',
      '.grok/marketplaces/',
      '.grok/workflows/',
      '.grok/bundled/',
      '.grok/memory/',
      '.grok/memory-v2/',
      '.grok/bin/',
      '.grok/completions/',
    ],
    hosts: ['cli-chat-proxy.grok.com', 'auth.x.ai', 'accounts.x.ai', 'api.x.ai', 'code.grok.com'],
    env: ['GROK_*', 'XAI_*'],
    homeVariables: { GROK_HOME: '.grok' },
  },
  // It takes in the hooks and servers of Claude Code and Cursor too.
  projectFiles: [
    '.grok/',
    '.mcp.json',
    '.claude/settings.json',
    '.claude/settings.local.json',
    '.cursor/hooks.json',
    '.cursor/mcp.json',
  ],
  env: { GROK_DISABLE_AUTOUPDATER: '1' },
  acp: ['agent', 'stdio'],
  invoke(request, model) {
    const prompt = combined(request)
    const rest = [
      '--output-format',
      'streaming-messages-json',
      ...(request.skipPermissions ? ['--always-approve'] : ['--allow', 'Edit(./**)']),
      ...(model === undefined ? [] : ['-m', model]),
      ...(request.sessionId === undefined ? [] : ['-r', request.sessionId]),
    ]
    return fitsArgument(prompt)
      ? { argv: ['-p', asArgument(prompt), ...rest] }
      : { argv: ['--prompt-file', '/dev/stdin', ...rest], input: prompt }
  },
  read: (emit, model) => readLines(new GrokParser(emit, model)),
}

/** Its messages are those of Claude Code; its errors, its other stream and its one-object output are its own. */
class GrokParser implements LineParser {
  readonly #messages: MessagesParser
  readonly #emit: Emit
  readonly #model: string | undefined
  #answer = ''
  #usage: Usage | undefined
  #sessionId: string | undefined
  #own = false
  #complete = false
  #lastTool = 'a tool'
  #refused = false

  constructor(emit: Emit, model: string | undefined) {
    this.#emit = emit
    this.#model = model
    this.#messages = new MessagesParser(
      (delta) => {
        if (delta.type === 'tool') this.#lastTool = delta.name
        emit(delta)
      },
      { model },
    )
  }

  object(value: Fields): void {
    const { type } = value
    if (type === 'error') this.#messages.fail({ message: text(value.message) ?? 'unknown error' })
    else if (type === 'text' || type === 'thought') this.#said(type, text(value.data))
    else if (type === 'tool_call') this.#tool(value)
    else if (type === 'tool_call_update') this.#toolEnd(value)
    else if (type === 'end' || (type === undefined && 'stopReason' in value)) this.#end(value)
    else {
      this.#messages.object(value)
      if (type === 'result' && value.stop_reason === 'cancelled') this.#cancelled()
    }
  }

  reading() {
    const { text: said, chars, complete, usage, sessionId, error, ...others } = this.#messages.reading()
    // It calls that an error, and ends with 0.
    const rest = { ...others, ...defined({ error: this.#refused ? undefined : error }) }
    if (!this.#own) return { text: said, chars, complete, ...rest, ...defined({ usage, sessionId }) }
    return {
      ...rest,
      text: bound(this.#answer),
      chars: this.#answer.length,
      complete: this.#complete,
      ...defined({ usage: this.#usage, sessionId: this.#sessionId }),
    }
  }

  /** A tool that nobody allowed ends it all. */
  #cancelled(): void {
    this.#refused = true
    this.#messages.deny(this.#lastTool)
  }

  #said(type: 'text' | 'thought', said: string | undefined): void {
    this.#own = true
    if (said === undefined) return
    if (type === 'text') this.#answer += said
    this.#emit({ type, text: said })
  }

  #tool(value: Fields): void {
    const input = fields(value.rawInput)
    const name = text(value.toolName) ?? text(value.title) ?? 'tool'
    this.#answer = ''
    this.#lastTool = name
    this.#messages.tools.start({ name, id: text(value.toolCallId), detail: detailOf(input), input: value.rawInput })
  }

  #toolEnd(value: Fields): void {
    if (value.status !== 'completed' && value.status !== 'failed') return
    const output = value.rawOutput
    this.#messages.tools.answer({ id: text(value.toolCallId), ok: value.status === 'completed', output })
  }

  #end(value: Fields): void {
    this.#own = true
    this.#answer = text(value.text) ?? this.#answer
    this.#sessionId = text(value.sessionId)
    this.#complete = true
    if (value.stopReason === 'cancelled') this.#cancelled()
    const usage = fields(value.usage)
    const [model] = Object.keys(fields(value.modelUsage))
    this.#usage = defined({
      inputTokens: amount(usage.input_tokens),
      outputTokens: amount(usage.output_tokens),
      cacheReadTokens: amount(usage.cache_read_input_tokens),
      cacheWriteTokens: amount(usage.cache_creation_input_tokens),
      model: model ?? this.#model,
    })
  }
}
