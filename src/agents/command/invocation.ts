import type { AgentRequest } from '../../core/ports.ts'

/** How one call starts an agent. */
export interface Invocation {
  readonly argv: readonly string[]
  /** Written to stdin, which is then closed; absent = stdin is closed from the start. */
  readonly input?: string
  /** Added to the environment for this call, under what the request adds. */
  readonly env?: Readonly<Record<string, string>>
}

/** The kernel takes at most 128 KiB in one argument; what is longer goes to stdin where the agent reads it. */
const longestArgument = 120_000

/** The system prompt, a blank line, and the prompt. */
export function combined(request: Pick<AgentRequest, 'system' | 'prompt'>): string {
  return request.system.trim() === '' ? request.prompt : `${request.system}\n\n${request.prompt}`
}

/** Text that is safe as one argument: it cannot be taken for an option, and holds no NUL. */
export function asArgument(text: string): string {
  const clean = text.replaceAll('\0', '\uFFFD')
  return clean.startsWith('-') ? ` ${clean}` : clean
}

/** Whether a text fits into one argument. */
export function fitsArgument(text: string): boolean {
  return text.length <= longestArgument && new TextEncoder().encode(text).length <= longestArgument
}
