import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { Json } from '../../core/json.ts'
import { objectOf, textOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'

/** The extension by which long calls are answered with a task that the client looks after. */
export const tasksExtension = 'io.modelcontextprotocol/tasks'

/** Whether the client of this request takes a task for an answer. */
export function takesTasks(call: ServerContext): boolean {
  return objectOf(objectOf(said(call, CLIENT_CAPABILITIES_META_KEY)).extensions)[tasksExtension] !== undefined
}

/**
 * Whether the client can put questions to its user.
 *
 * @param server where clients before revision 2026-07-28 said so, when they connected
 */
export function canAsk(call: ServerContext, server?: McpServer): boolean {
  const connected: unknown = server?.server.getClientCapabilities()
  const { elicitation } = objectOf(said(call, CLIENT_CAPABILITIES_META_KEY) ?? (connected as Json | undefined))
  if (typeof elicitation !== 'object' || elicitation === null) return false
  return 'form' in elicitation || !('url' in elicitation)
}

/** The client as records name it, by what it calls itself. No name of a person looks like this. */
export function nameOfClient(call: ServerContext, server?: McpServer): string {
  const connected = server?.server.getClientVersion()?.name
  const own = oneLine(textOf(objectOf(said(call, CLIENT_INFO_META_KEY)).name) ?? connected ?? '', 60)
  return own === '' ? 'an MCP client' : `${own} (MCP client)`
}

/** What the client says of itself with this call. */
function said(call: ServerContext, key: string): Json | undefined {
  const envelope: Readonly<Record<string, unknown>> = { ...call.mcpReq.envelope }
  return envelope[key] as Json | undefined
}
