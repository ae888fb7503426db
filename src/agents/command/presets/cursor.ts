import { join } from 'node:path'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byFile, byVariable, firstLogin, has, holdsAnything, jsonFile, ownDirectory } from '../login.ts'
import { MessagesParser } from '../messages.ts'
import type { Login, LoginPlace, Preset } from '../preset.ts'
import { type Emit, type Fields, fields, type LineParser, readLines, text } from '../reader.ts'
import { contentText, detailOf } from '../told.ts'

/** Cursor's agent: `cursor-agent -p … --output-format stream-json`, as its documentation has it. */
export const cursor: Preset = {
  name: 'cursor',
  executable: 'cursor-agent',
  install: 'curl https://cursor.com/install -fsS | bash',
  login: 'run `cursor-agent login`, or set CURSOR_API_KEY',
  loggedIn,
  needs: {
    home: ['.cursor', '.config/cursor', '.cache/cursor-compile-cache'],
    homeRead: [
      '.local/share/cursor-agent',
      '.cursor/mcp.json',
      '.cursor/hooks.json',
      '.cursor/sandbox.json',
      '.cursor/worktrees.json',
      '.cursor/permissions.json',
      '.cursor/argv.json',
      '.cursor/hooks/',
      '.cursor/agents/',
      '.cursor/commands/',
      '.cursor/extensions/',
      '.cursor/plugins/',
      '.cursor/rules/',
      '.cursor/skills/',
      '.cursor/skills-cursor/',
    ],
    hosts: ['api2.cursor.sh', '*.cursor.sh', 'cursor.com', '*.cursor.com'],
    env: ['CURSOR_*'],
    homeVariables: { CURSOR_CONFIG_DIR: '.cursor' },
  },
  projectFiles: [
    '.cursor/cli.json',
    '.cursor/mcp.json',
    '.cursor/hooks.json',
    '.cursor/hooks/',
    '.cursor/agents/',
    '.cursor/commands/',
    '.cursor/skills/',
    '.cursor/sandbox.json',
    '.cursor/worktrees.json',
    '.claude/settings.json',
    '.claude/settings.local.json',
  ],
  unset: ['CURSOR_AGENT', 'CURSOR_TRACE_ID'],
  acp: ['acp'],
  invoke(request, model) {
    const prompt = combined(request)
    const argv = [
      '-p',
      '--output-format',
      'stream-json',
      // Whether the project is trusted is asked before it starts; without this it ends where nobody asked it.
      '--trust',
      ...(request.skipPermissions ? ['--force'] : []),
      ...(model === undefined ? [] : ['--model', model]),
      ...(request.sessionId === undefined ? [] : ['--resume', request.sessionId]),
    ]
    return fitsArgument(prompt) ? { argv: [...argv, asArgument(prompt)] } : { argv, input: prompt }
  },
  read: (emit, model) => readLines(new CursorParser(emit, model)),
  advice: [
    {
      says: /unknown option '--trust'/,
      tell: 'this version of cursor-agent is too old: run `cursor-agent update`',
    },
    {
      says: /Workspace Trust Required/i,
      tell: 'Cursor does not trust this directory: start `cursor-agent` in it once and trust it',
    },
  ],
}

function loggedIn(place: LoginPlace): Login {
  const config = join(ownDirectory(place, 'CURSOR_CONFIG_DIR', '.cursor'), 'cli-config.json')
  const account = fields(jsonFile(place, config).authInfo)
  return firstLogin(
    // Somebody logged in once: on a Mac the login itself is in the keychain.
    holdsAnything(account) ? 'unknown' : 'no',
    byVariable(place, 'CURSOR_API_KEY', 'CURSOR_AUTH_TOKEN'),
    byFile(place, join(place.env.XDG_CONFIG_HOME || join(place.home, '.config'), 'cursor/auth.json'), (held) =>
      has(held, 'accessToken'),
    ),
  )
}

/** Its messages are those of Claude Code; it tells of tools and thoughts in lines of their own. */
class CursorParser implements LineParser {
  readonly #messages: MessagesParser
  readonly #emit: Emit

  constructor(emit: Emit, model: string | undefined) {
    this.#emit = emit
    this.#messages = new MessagesParser(emit, { lastMessage: true, model })
  }

  object(value: Fields): void {
    if (value.type === 'thinking') {
      const thought = text(value.text)
      if (value.subtype === 'delta' && thought !== undefined) this.#emit({ type: 'thought', text: thought })
    } else if (value.type === 'tool_call') this.#tool(value)
    else this.#messages.object(value)
  }

  reading() {
    return this.#messages.reading()
  }

  /** `{ "tool_call": { "writeToolCall": { "args": …, "result": { "success" | "error" | "rejected": … } } } }` */
  #tool(value: Fields): void {
    const [kind = 'tool', call] =
      Object.entries(fields(value.tool_call)).find(([, each]) => holdsAnything(fields(each))) ?? []
    const { args, result, name: called, arguments: given } = fields(call)
    const name = text(called) ?? kind.replace(/ToolCall$/, '')
    const id = text(value.call_id)
    const { tools } = this.#messages
    const input = args ?? given
    if (value.subtype !== 'completed' || !tools.has(id))
      tools.start({ name, id, detail: detailOf(fields(input)), input })
    if (value.subtype !== 'completed') return
    const [how = 'success', what] = Object.entries(fields(result))[0] ?? []
    const { content, stdout, message } = fields(what)
    const output = contentText(content) ?? text(stdout) ?? text(message) ?? what
    tools.answer({ name, id, ok: how === 'success', output })
    if (how === 'rejected' || how === 'permissionDenied') this.#messages.deny(name, id)
  }
}
