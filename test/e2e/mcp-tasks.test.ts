import { Client, type ClientOptions } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openApp } from '../../src/compose.ts'
import { launcher, mcpScene } from '../fixtures/mcp.ts'

const extension = 'io.modelcontextprotocol/tasks'
const asks = `
acceptOnIteration: 1
subgoals: [the work]
questions: [Which colour?, Which size?]
replies:
  - { role: worker, text: written, edits: [{ write: out.txt, content: "hello\\n" }] }
`
const slow = `
acceptOnIteration: 1
subgoals: [the work]
replies:
  - { role: worker, text: written, delayMs: 600000 }
`
const broken = `
acceptOnIteration: 1
subgoals: [the work]
replies:
  - { role: worker, outcome: auth }
`
const task = z.looseObject({
  taskId: z.string(),
  status: z.enum(['working', 'input_required', 'completed', 'failed', 'cancelled']),
  createdAt: z.iso.datetime(),
  lastUpdatedAt: z.iso.datetime(),
  ttlMs: z.null(),
  pollIntervalMs: z.int(),
  inputRequests: z.record(z.string(), z.looseObject({ method: z.string() })).optional(),
  result: z.looseObject({ structuredContent: z.looseObject({}) }).optional(),
  error: z.looseObject({ code: z.number(), message: z.string() }).optional(),
})
const over = ['completed', 'failed', 'cancelled', 'input_required']
const begun = z.object({ result: z.looseObject({ resultType: z.literal('task') }) })

/** A client that takes tasks, and what it does with them. */
async function tasksOf(
  scene: ReturnType<typeof mcpScene>,
  capabilities: ClientOptions['capabilities'] = { extensions: { [extension]: {} }, elicitation: {} },
) {
  const env = scene.env
  const transport = new StdioClientTransport({
    ...{ command: process.execPath, args: [launcher, 'mcp', 'serve'], cwd: scene.repository, env, stderr: 'ignore' },
  })
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  await client.connect(transport)
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  const request = async <T extends z.ZodType>(method: string, params: Record<string, unknown>, result: T) =>
    await client.request({ method, params }, result)
  const get = async (taskId: string) => await request('tasks/get', { taskId }, task)
  return {
    client,
    pid: () => transport.pid ?? 0,
    /** Calls a tool that answers with a task. The client of the SDK knows none so far: the answer is taken as it comes in. */
    async begin(name = 'orchestrate', input: Record<string, unknown> = goal) {
      const hear = transport.onmessage
      let taken: unknown
      transport.onmessage = (message, ...more) => {
        const { success, data } = begun.safeParse(message)
        if (success) taken = data.result
        hear?.(message, ...more)
      }
      await client.callTool({ name, arguments: input }, { timeout: 60_000 }).catch(() => {})
      if (hear) transport.onmessage = hear
      return task.extend({ structuredContent: z.looseObject({ run_id: z.string() }) }).parse(taken)
    },
    get,
    update: async (taskId: string, inputResponses: object) =>
      await request('tasks/update', { taskId, inputResponses }, z.looseObject({})),
    cancel: async (taskId: string) => await request('tasks/cancel', { taskId }, z.looseObject({})),
    /** How a task stands once it does not work any more. */
    async settled(taskId: string) {
      await expect
        .poll(async () => (await get(taskId)).status, { timeout: 30_000 })
        .toSatisfy((is) => over.includes(is))
      return await get(taskId)
    },
    [Symbol.asyncDispose]: async () => await client.close(),
  }
}

test('long work is a task by the id of its run, and ends with the result of the call', async () => {
  await using scene = mcpScene()
  await using one = await tasksOf(scene)
  const { taskId, status, structuredContent } = await one.begin()
  expect(status).toBe('working')
  expect(structuredContent).toMatchObject({ run_id: taskId, status: 'running' })
  const done = await one.settled(taskId)
  expect(done).toMatchObject({
    status: 'completed',
    statusMessage: expect.stringContaining('completed in 2'),
    result: { structuredContent: { completed: true, iterations: 2, run_id: taskId } },
  })
  // What is over stays as it is.
  expect(await one.cancel(taskId)).not.toHaveProperty('status')
  expect(await one.update(taskId, { nobody: { action: 'accept', content: {} } })).not.toHaveProperty('status')
  expect(await one.get(taskId)).toEqual(done)
})

test('a server that starts anew knows every task', async () => {
  await using scene = mcpScene(slow)
  const first = await tasksOf(scene)
  const { taskId } = await first.begin()
  process.kill(first.pid(), 'SIGKILL')
  await using next = await tasksOf(scene)
  expect(await next.get(taskId)).toMatchObject({ taskId, status: 'working' })
  await next.cancel(taskId)
  expect(await next.settled(taskId)).toMatchObject({ status: 'cancelled' })
  // The run can be taken up again. That is another task: what was over stays over, whatever becomes of its run.
  const over = await next.get(taskId)
  const again = await next.begin('orchestrate_resume', { token: taskId, detach: false })
  expect(again).toMatchObject({ status: 'working', structuredContent: { run_id: taskId } })
  expect(again.taskId).not.toBe(taskId)
  expect(await next.get(taskId)).toMatchObject({ status: 'cancelled', statusMessage: over.statusMessage })
  await next.cancel(taskId)
  expect(await next.get(again.taskId)).toMatchObject({ status: 'working' })
  process.kill(next.pid(), 'SIGKILL')
  await using last = await tasksOf(scene)
  expect(await last.get(again.taskId)).toMatchObject({ status: 'working' })
  await last.cancel(again.taskId)
  expect((await last.settled(again.taskId)).status).toBe('cancelled')
  await expect(last.get(`${taskId}~99999`)).rejects.toMatchObject({ code: -32602 })
  await first.client.close()
})

test('a task asks, and goes on with the answers', async () => {
  await using scene = mcpScene(asks)
  await using one = await tasksOf(scene)
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false, ask: true }
  const { taskId } = await one.begin('orchestrate', goal)
  const { status, inputRequests = {} } = await one.settled(taskId)
  expect(status).toBe('input_required')
  const [[key = '', form] = []] = Object.entries(inputRequests)
  expect(form).toMatchObject({
    method: 'elicitation/create',
    params: { requestedSchema: { required: ['answer_1', 'answer_2'] } },
  })
  await one.update(taskId, { nobody: { action: 'accept', content: { answer_1: 'x' } } })
  await expect(one.update(taskId, { [key]: { action: 'accept', content: { answer_1: 'red' } } })).rejects.toThrow(
    'not answered',
  )
  expect((await one.get(taskId)).inputRequests).toEqual(inputRequests)
  await one.update(taskId, { [key]: { action: 'accept', content: { answer_2: 'large', answer_1: 'red' } } })
  expect(await one.get(taskId)).not.toHaveProperty('inputRequests')
  expect(await one.settled(taskId)).toMatchObject({
    status: 'completed',
    result: { structuredContent: { completed: true } },
  })
})

test('a user who will not answer stops the task', async () => {
  await using scene = mcpScene(asks)
  await using one = await tasksOf(scene)
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false, ask: true }
  const { taskId } = await one.begin('orchestrate', goal)
  const { inputRequests = {} } = await one.settled(taskId)
  await one.update(taskId, { [Object.keys(inputRequests)[0] ?? '']: { action: 'decline' } })
  await expect.poll(async () => (await one.get(taskId)).status, { timeout: 20_000 }).toBe('cancelled')
  // The question stays for whoever takes it up again.
  const again = await one.begin('orchestrate_resume', { token: taskId, detach: false })
  await expect.poll(async () => (await one.get(again.taskId)).inputRequests, { timeout: 20_000 }).toEqual(inputRequests)
  expect(await one.get(taskId)).toMatchObject({ status: 'cancelled' })
  await one.cancel(again.taskId)
  await expect.poll(async () => (await one.get(again.taskId)).status, { timeout: 20_000 }).toBe('cancelled')
})

test('a client without forms gets the questions of its task, and a token, as its result', async () => {
  await using scene = mcpScene(asks)
  await using one = await tasksOf(scene, { extensions: { [extension]: {} } })
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false, ask: true }
  const { taskId } = await one.begin('orchestrate', goal)
  const { status, result } = await one.settled(taskId)
  expect(status).toBe('completed')
  expect(result?.structuredContent).toMatchObject({
    status: 'needs_input',
    questions: ['Which colour?', 'Which size?'],
  })
  const answered = { token: result?.structuredContent.token, answers: ['red', 'large'], detach: false }
  const again = await one.begin('orchestrate_resume', answered)
  expect((await one.settled(again.taskId)).result?.structuredContent).toMatchObject({ completed: true, run_id: taskId })
  expect((await one.get(taskId)).result?.structuredContent).toMatchObject({ status: 'needs_input' })
})

test('a run that cannot go on is a task whose result says why', async () => {
  await using scene = mcpScene(broken)
  await using one = await tasksOf(scene)
  const { taskId } = await one.begin()
  expect(await one.settled(taskId)).toMatchObject({
    status: 'completed',
    result: { structuredContent: { status: 'failed', completed: false, stop_reason: 'loop_agent_error' } },
  })
})

test('a task whose process is killed has failed, and stays so when its run is taken up again', async () => {
  await using scene = mcpScene(slow)
  await using one = await tasksOf(scene)
  const { taskId } = await one.begin()
  const app = await openApp({ cwd: scene.repository, env: scene.env })
  const { driver } = await app.runs.get(taskId)
  await app.close()
  process.kill(driver?.pid ?? 0, 'SIGKILL')
  const failed = { status: 'failed', error: { code: -32603, message: expect.stringContaining('orchestrate_resume') } }
  expect(await one.settled(taskId)).toMatchObject(failed)
  const again = await one.begin('orchestrate_resume', { token: taskId, detach: false })
  expect(await one.get(again.taskId)).toMatchObject({ status: 'working' })
  expect(await one.get(taskId)).toMatchObject(failed)
  await one.cancel(again.taskId)
  expect(await one.settled(again.taskId)).toMatchObject({ status: 'cancelled' })
})

test('who does not take tasks gets none, and a task that is none is refused', async () => {
  await using scene = mcpScene()
  await using plain = await tasksOf(scene, {})
  const goal = { goal: 'write', success_criteria: 'x', backend: scene.backend, detach: false }
  const { structuredContent } = await plain.client.callTool(
    { name: 'orchestrate', arguments: goal },
    { timeout: 60_000 },
  )
  expect(structuredContent).toMatchObject({ completed: true })
  await expect(plain.get('last')).rejects.toMatchObject({
    code: -32021,
    data: { requiredCapabilities: { extensions: { [extension]: {} } } },
  })
  await using one = await tasksOf(scene)
  for (const id of ['last', 'nobody', '../x', '\0']) {
    await expect(one.get(id)).rejects.toMatchObject({ code: -32602 })
    await expect(one.cancel(id)).rejects.toMatchObject({ code: -32602 })
    await expect(one.update(id, {})).rejects.toMatchObject({ code: -32602 })
  }
  // What works in the background anyway is answered as ever.
  const behind = await one.client.callTool({ name: 'orchestrate', arguments: { ...goal, detach: true } })
  expect(behind.structuredContent).toMatchObject({ status: 'running' })
  const { run_id: id } = behind.structuredContent as { run_id: string }
  expect((await one.settled(id)).status).toBe('completed')
})
