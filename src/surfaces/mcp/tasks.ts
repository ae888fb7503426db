import {
  type InputRequests,
  type McpServer,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { isLoopwrightError, messageOf } from '../../core/errors.ts'
import { plainText } from '../../core/plain.ts'
import { takesTasks, tasksExtension } from './client.ts'

/** How often a client should ask, in milliseconds. */
const pollIntervalMs = 1_000

/** What became of a task: with what it asks, answers or failed with. */
export type TaskState =
  | { readonly status: 'working' | 'cancelled' }
  | { readonly status: 'input_required'; readonly inputRequests: InputRequests }
  | { readonly status: 'completed'; readonly result: object }
  | { readonly status: 'failed'; readonly error: { readonly code: number; readonly message: string } }

export interface TaskFacts {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  /** One line for people. */
  readonly message?: string | undefined
  readonly state: TaskState
}

/** Where tasks are: every method finds them by id alone, so that a server which starts anew knows them all. */
export interface TaskSource {
  /** Undefined: there is no such task. */
  get(id: string, call: ServerContext): Promise<TaskFacts | undefined>
  /** Takes what the client's user said (`call.mcpReq.inputResponses`); what nobody asked is passed over. */
  update(id: string, call: ServerContext): Promise<void>
  /** Asks for an end; a task that is over stays as it is. */
  cancel(id: string, call: ServerContext): Promise<void>
}

/** A task as an answer to the call that began it, beside what a client that knows no tasks would read. */
export function begunTask(task: TaskFacts): Record<string, unknown> {
  return { resultType: 'task', ...shared(task), status: task.state.status }
}

/** Serves `tasks/get`, `tasks/update` and `tasks/cancel`. */
export function offerTasks(server: McpServer, source: TaskSource): void {
  server.server.registerCapabilities({ extensions: { [tasksExtension]: {} } })
  const serve = (name: string, perform: (task: TaskFacts, call: ServerContext) => Promise<object>) =>
    server.server.setRequestHandler(name, { params: asked }, async ({ taskId }, call) => {
      if (!takesTasks(call)) throw new MissingRequiredClientCapabilityError({ requiredCapabilities: required })
      const task = await source.get(taskId, call)
      if (!task) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'there is no such task')
      return { ...(await perform(task, call)) }
    })
  serve('tasks/get', async (task) => ({ ...shared(task), ...task.state }))
  serve('tasks/update', async ({ id }, call) => {
    await source.update(id, call).catch(refused)
    return {}
  })
  serve('tasks/cancel', async ({ id }, call) => {
    await source.cancel(id, call).catch(refused)
    return {}
  })
}

const asked = z.looseObject({ taskId: z.string().min(1).max(200) })
const required = { extensions: { [tasksExtension]: {} } }

function shared(task: TaskFacts): Record<string, unknown> {
  return {
    taskId: task.id,
    ...(task.message === undefined ? {} : { statusMessage: task.message }),
    createdAt: new Date(task.createdAt).toISOString(),
    lastUpdatedAt: new Date(task.updatedAt).toISOString(),
    // Runs stay until somebody removes them.
    ttlMs: null,
    pollIntervalMs,
  }
}

/** What cannot be done is the request's fault; anything else is ours. */
function refused(error: unknown): never {
  if (!isLoopwrightError(error)) throw error
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, plainText(messageOf(error)))
}
