import type { Asked, Behaviour, Body, ToolCall } from './script.ts'

interface Writer {
  readonly tool: string
  input(path: string, content: string): Body
}

const shell = (path: string, content: string) => `printf '%s' '${content.replaceAll("'", `'\\''`)}' > '${path}'`

/** Codex does this itself and starts nothing. */
const patch = (path: string, content: string) => {
  const lines = content.trimEnd().split('\n')
  const text = ['*** Begin Patch', `*** Add File: ${path}`, ...lines.map((line) => `+${line}`), '*** End Patch']
  return `apply_patch <<'EOF'\n${text.join('\n')}\nEOF\n`
}

/** The tools with which the CLIs create a file; the first one that a request offers is taken. */
const writers: readonly Writer[] = [
  { tool: 'Write', input: (file_path, content) => ({ file_path, content }) },
  { tool: 'write_file', input: (file_path, content) => ({ file_path, content }) },
  // opencode, pi and grok name the same argument differently, and pass over what they do not know.
  { tool: 'write', input: (path, content) => ({ path, filePath: path, file_path: path, content }) },
  { tool: 'create', input: (path, file_text) => ({ path, file_text }) },
  { tool: 'search_replace', input: (file_path, new_string) => ({ file_path, old_string: '', new_string }) },
  { tool: 'exec_command', input: (path, content) => ({ cmd: patch(path, content) }) },
  { tool: 'shell_command', input: (path, content) => ({ command: shell(path, content) }) },
  { tool: 'shell', input: (path, content) => ({ command: ['sh', '-c', shell(path, content)] }) },
]

/** The call that creates a file, of a tool among those on offer; undefined when none of them can. */
export function writeCall(tools: readonly string[], path: string, content: string): Omit<ToolCall, 'id'> | undefined {
  const writer = writers.find((each) => tools.includes(each.tool))
  return writer && { name: writer.tool, input: writer.input(path, content) }
}

/** Calls a tool with an input, and says so in the end; in a request without that tool it only speaks. */
export function callOf(asked: Pick<Asked, 'tools'>, name: string, input: Body): Behaviour {
  return asked.tools.includes(name) ? { do: 'tool', name, input, text: 'Done.' } : { do: 'text', text: 'A title' }
}
