import type { Transport } from '@modelcontextprotocol/client'
import { messageOf } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { SourceName } from '../core/triage/pattern.ts'
import type { Source } from '../core/triage/ports.ts'
import type { Supervise } from '../process/supervise.ts'
import { digest, source } from './look.ts'
import { type McpProcess, McpProcessTransport } from './mcp-process.ts'

export interface McpSourceOptions {
  /** What the user calls it; part of every id: `linear`. */
  readonly connector: string
  /** Which kind of findings it gives, so that the patterns that look for them see it; `issues` by default. */
  readonly as?: SourceName
  /** A process of ours, or a server at an address. */
  readonly server: McpProcess | { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** What is read there: a tool's answer, or a resource. */
  readonly read:
    | { readonly tool: string; readonly arguments?: Readonly<Record<string, unknown>> }
    | { readonly resource: string }
  /** Starts the process; what confines where the server comes with a confinement. */
  readonly supervise: Supervise
  /** Milliseconds for each answer; 60,000 by default. */
  readonly timeoutMs?: number
}

const mostText = 4 * 1024 * 1024
const mostItems = 1000

/**
 * Findings from a server of the Model Context Protocol: a JSON list of `{ id, title, url, body, labels }`, or a line of text each. The
 * server is asked one thing and ended.
 */
export function mcpSource(options: McpSourceOptions): Source {
  const { connector, read, server, as = 'issues' } = options
  return source(as, async (signal) => {
    const { Client, deserializeMessage, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
    const client = new Client({ name: 'loopwright', version: '1' })
    const process =
      'argv' in server ? new McpProcessTransport(server, options.supervise, deserializeMessage) : undefined
    const patience = { timeout: options.timeoutMs ?? 60_000, signal }
    try {
      const transport: Transport = process ?? remote(server as { url: string }, StreamableHTTPClientTransport)
      await client.connect(transport, patience)
      if ('tool' in read) {
        const result = await client.callTool({ name: read.tool, arguments: { ...read.arguments } }, patience)
        const texts = (result.content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : []))
        if (result.isError === true)
          return { why: `${connector}: ${read.tool} failed: ${oneLine(texts.join(' '), 200)}` }
        return { findings: findingsIn(connector, as, result.structuredContent, texts) }
      }
      const { contents } = await client.readResource({ uri: read.resource }, patience)
      const texts = contents.flatMap((part) => ('text' in part && typeof part.text === 'string' ? [part.text] : []))
      return { findings: findingsIn(connector, as, undefined, texts) }
    } catch (error) {
      return { why: `${connector}: ${process?.ended ?? messageOf(error)}` }
    } finally {
      await client.close().catch(() => {})
      // A client that never connected does not close it.
      await process?.close()
    }
  })
}

/** A server elsewhere gets its headers, and nobody it sends us to does. */
function remote(
  server: { readonly url: string; readonly headers?: Readonly<Record<string, string>> },
  Http: typeof import('@modelcontextprotocol/client').StreamableHTTPClientTransport,
): Transport {
  const url = new URL(server.url)
  const local = /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local)) throw new Error('its address is not https')
  return new Http(url, {
    requestInit: { headers: { ...server.headers }, redirect: 'error' },
    fetch: (input, init) => fetch(input, { ...init, redirect: 'error' }),
  })
}

function findingsIn(connector: string, as: SourceName, structured: unknown, texts: readonly string[]): Finding[] {
  const items = listIn(structured) ?? texts.flatMap((text) => itemsOf(text.slice(0, mostText)))
  return items.slice(0, mostItems).flatMap((item) => findingOf(connector, as, item) ?? [])
}

/** A JSON list, alone or as the first list of an object, or the lines of a text. */
function itemsOf(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    const list = listIn(value)
    if (list !== undefined) return list
    if (typeof value === 'object' && value !== null) return [value]
  } catch {
    // Text, then.
  }
  return text.split('\n').filter((line) => line.trim() !== '')
}

function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  if (typeof value !== 'object' || value === null) return undefined
  return Object.values(value).find((one) => Array.isArray(one))
}

function findingOf(connector: string, as: SourceName, item: unknown): Finding | undefined {
  const fields: Readonly<Record<string, unknown>> =
    typeof item === 'string'
      ? { title: item.replace(/^\s*[-*•]\s*/, '') }
      : typeof item === 'object' && item !== null
        ? { ...item }
        : {}
  const first = (...names: string[]) =>
    names
      .map((name) => fields[name])
      .find((value) => (typeof value === 'string' && value.trim() !== '') || typeof value === 'number')
  const title = oneLine(String(first('title', 'name', 'summary', 'text', 'subject') ?? ''), 250)
  if (title === '') return undefined
  const [id, url, body, author, priority] = [
    first('id', 'identifier', 'key', 'number'),
    first('url', 'html_url', 'link', 'permalink'),
    first('body', 'description', 'content'),
    first('author', 'user', 'assignee'),
    first('weight', 'priority', 'severity'),
  ]
  const labels = Array.isArray(fields.labels) ? fields.labels.slice(0, 50).flatMap(labelOf) : []
  return {
    id: `mcp:${connector}:${id === undefined ? digest(title) : oneLine(String(id), 100)}`,
    source: as,
    title,
    ...(body === undefined ? {} : { body: String(body).slice(0, 6000) }),
    ...(/^https?:\/\/[!-~]{1,2000}$/.test(String(url)) ? { url: String(url) } : {}),
    ...(author === undefined ? {} : { author: oneLine(String(author), 100) }),
    ...(labels.length === 0 ? {} : { labels }),
    weight: /^(?:high|urgent|critical|p0|p1)$/i.test(String(priority))
      ? 'high'
      : /^low$/i.test(String(priority))
        ? 'low'
        : 'normal',
  }
}

function labelOf(label: unknown): string[] {
  const name = typeof label === 'object' && label !== null && 'name' in label ? label.name : label
  return typeof name === 'string' && name.trim() !== '' ? [oneLine(name, 100)] : []
}
