import type {
  CallToolResult,
  InputRequiredResult,
  McpServer,
  ServerContext,
  ToolAnnotations,
} from '@modelcontextprotocol/server'
import type { z } from 'zod'
import { isLoopwrightError, messageOf } from '../../core/errors.ts'
import { plainText } from '../../core/plain.ts'
import { portable } from './portable.ts'
import { begunTask, type TaskFacts } from './tasks.ts'
import type { McpWorld } from './world.ts'

export interface ToolSpec<Input extends z.ZodObject> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Input
  readonly output: z.ZodObject
  readonly annotations: ToolAnnotations
}

/** What a tool answers: facts, or questions that the client shall put to its user before it calls again. */
export type Answer = object | Asking | Begun

/** A task that the client looks after, with what a client without tasks would have got. */
export interface Begun {
  readonly begun: TaskFacts
  readonly facts: object
}

/** Questions for the client's user. */
export interface Asking {
  readonly asking: InputRequiredResult
}

/** Offers a tool. What it throws becomes one clear error: what is wrong, and what to do. */
export function offer<Input extends z.ZodObject>(
  server: McpServer,
  world: McpWorld,
  spec: ToolSpec<Input>,
  perform: (input: z.output<Input>, call: ServerContext) => Promise<Answer>,
): void {
  const config = {
    title: spec.title,
    description: spec.description,
    inputSchema: portable(spec.input as z.ZodObject),
    outputSchema: portable(spec.output),
    annotations: { title: spec.title, ...spec.annotations },
  }
  server.registerTool(spec.name, config, async (input, call) => {
    const performing = perform(input as z.output<Input>, call)
    world.busy.add(performing)
    try {
      const answer = await performing
      if ('asking' in answer) return answer.asking
      return 'begun' in answer ? { ...facts(answer.facts), ...begunTask(answer.begun) } : facts(answer)
    } catch (error) {
      return failure(world, error)
    } finally {
      world.busy.delete(performing)
    }
  })
}

/** Facts as a tool answers with them. */
export function facts(answer: object): CallToolResult {
  const text = JSON.stringify(answer)
  return { content: [{ type: 'text', text }], structuredContent: JSON.parse(text) as Record<string, unknown> }
}

function failure(world: McpWorld, error: unknown): CallToolResult {
  const known = isLoopwrightError(error)
  if (!known) world.warn(error instanceof Error ? (error.stack ?? error.message) : String(error))
  const hint = known ? error.hint : 'this looks like a bug in loopwright; its standard error says more'
  const lines = [plainText(messageOf(error)), ...(hint === undefined ? [] : [`hint: ${plainText(hint)}`])]
  return { isError: true, content: [{ type: 'text', text: lines.join('\n') }] }
}

/** One text or several, without empty ones; undefined where nothing is said. */
export function listed(texts: string | readonly string[] | undefined): readonly string[] | undefined {
  const all = typeof texts === 'string' ? [texts] : texts
  const said = all?.filter((one) => one.trim() !== '')
  return said === undefined || said.length === 0 ? undefined : said
}
