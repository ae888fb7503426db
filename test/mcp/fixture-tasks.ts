import { acceptedContent, inputRequired, type McpServer, type ServerContext } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { takesTasks } from '../../src/surfaces/mcp/client.ts'
import { begunTask, offerTasks, type TaskFacts, type TaskState } from '../../src/surfaces/mcp/tasks.ts'

/** Tasks that end by the clock or by an answer, for the conformance suite, behind the same handlers as the tasks of runs. */

interface Kept {
  readonly id: string
  readonly createdAt: number
  /** Milliseconds since 1970 at which it is over by itself. */
  readonly due: number
  readonly ending: TaskState
  /** Questions nobody answered yet. */
  readonly open: Set<string>
  cancelled: boolean
}

const kept = new Map<string, Kept>()
const said = (text: string, isError = false) => ({ content: [{ type: 'text' as const, text }], isError })
const yes = inputRequired.elicit({
  mode: 'form',
  message: 'Go on?',
  requestedSchema: { type: 'object', properties: { confirm: { type: 'boolean' } }, required: ['confirm'] },
})

function begin(ending: TaskState, seconds = 0, open: readonly string[] = []) {
  const createdAt = Date.now()
  const id = `task-${crypto.randomUUID()}`
  const task = { id, createdAt, due: createdAt + seconds * 1000, ending, open: new Set(open), cancelled: false }
  kept.set(id, task)
  return { content: [], ...begunTask(factsOf(task)) }
}

function factsOf(task: Kept): TaskFacts {
  return { id: task.id, createdAt: task.createdAt, updatedAt: Date.now(), state: stateOf(task) }
}

function stateOf({ cancelled, open, due, ending }: Kept): TaskState {
  if (cancelled) return { status: 'cancelled' }
  if (open.size > 0)
    return { status: 'input_required', inputRequests: Object.fromEntries([...open].map((key) => [key, yes])) }
  return Date.now() < due ? { status: 'working' } : ending
}

export function offerFixtureTasks(server: McpServer): void {
  offerTasks(server, {
    get: async (id) => {
      const task = kept.get(id)
      return task && factsOf(task)
    },
    update: async (id, { mcpReq }) => {
      for (const key of Object.keys(mcpReq.inputResponses ?? {})) kept.get(id)?.open.delete(key)
    },
    cancel: async (id) => {
      const task = kept.get(id)
      if (task && ['working', 'input_required'].includes(stateOf(task).status)) task.cancelled = true
    },
  })
  const completed = (result: object): TaskState => ({ status: 'completed', result })
  const tool = (name: string, state: TaskState, seconds: number, open: readonly string[] = []) =>
    server.registerTool(name, { description: name, inputSchema: z.looseObject({}) }, async (_, call) =>
      takesTasks(call) ? begin(state, seconds, open) : said('done here'),
    )
  server.registerTool(
    'greet',
    { description: 'Answers at once', inputSchema: z.object({ name: z.string() }) },
    async ({ name }) => said(`Hello, ${name}!`),
  )
  server.registerTool(
    'slow_compute',
    { description: 'Takes its time', inputSchema: z.looseObject({ seconds: z.number() }) },
    async ({ seconds }, call) => (takesTasks(call) ? begin(completed(said('computed')), seconds) : said('computed')),
  )
  tool('failing_job', completed(said('it went wrong', true)), 1)
  tool('protocol_error_job', { status: 'failed', error: { code: -32603, message: 'it broke' } }, 1)
  tool('confirm_delete', completed(said('deleted')), 0, ['confirm'])
  tool('multi_input', completed(said('both')), 0, ['first', 'second'])
  server.registerTool('test_tool_with_task', { description: 'Asks, then works' }, async (call: ServerContext) => {
    const name = acceptedContent<{ name: string }>(call.mcpReq.inputResponses, 'user_name')?.name
    if (name !== undefined) return begin(completed(said(`Hello, ${name}!`)))
    const asked = inputRequired.elicit({
      mode: 'form',
      message: 'What is your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    })
    return inputRequired({ inputRequests: { user_name: asked } })
  })
}
