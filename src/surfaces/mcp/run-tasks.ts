import {
  acceptedContent,
  type InputRequests,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { openAsks } from '../../compose/answer.ts'
import { driveBehind } from '../../compose/behind.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import type { RunView } from '../../core/view.ts'
import { canAsk, nameOfClient } from './client.ts'
import { answersIn, formOf } from './form.ts'
import { outcomeOf } from './outcome.ts'
import { giveAnswers } from './questions.ts'
import type { TaskFacts, TaskSource, TaskState } from './tasks.ts'
import { facts } from './tool.ts'
import { type McpWorld, withApp } from './world.ts'

/**
 * Every run is a task, by its own id. Nothing is kept here: how a task stands is read from its run, so that a server which starts anew
 * tells the same. One whose run is resumed works again.
 */
export function tasksOfRuns(world: McpWorld): TaskSource {
  const ofRun = async <T>(id: string, call: (app: App, run: RunRecord) => Promise<T>) =>
    await withApp(world, {}, async (app) => {
      const run = await app.store.getRun(id)
      return run && (await call(app, run))
    })
  return {
    get: async (id, call) => await ofRun(id, async (app, run) => await taskOf(app, run, world, call)),
    update: async (id, call) => await ofRun(id, async (app, run) => await update(app, run, world, call)),
    cancel: async (id) =>
      await ofRun(id, async (app, run) => {
        if (['running', 'waiting', 'queued'].includes(run.status) && !app.runs.interrupted(run))
          await stop(app, run, world)
      }),
  }
}

/** Why a run is paused whose question nobody will answer. */
const calledOff = 'called off'

/** A run as a task. */
export async function taskOf(app: App, run: RunRecord, world: McpWorld, call: ServerContext): Promise<TaskFacts> {
  const view = await app.view(run.id)
  const result = await app.result(run.id)
  const state = await stateOf(app, run, world, call)
  const { id, createdAt, updatedAt } = run
  return { id, createdAt, updatedAt, message: messageOf(view, state, result.summary), state }
}

async function stateOf(app: App, run: RunRecord, world: McpWorld, call: ServerContext): Promise<TaskState> {
  const outcome = async (): Promise<TaskState> => ({
    status: 'completed',
    result: facts(await outcomeOf(app, run.id, world)),
  })
  const failed = (message: string): TaskState => ({
    status: 'failed',
    error: { code: ProtocolErrorCode.InternalError, message: `${message}; orchestrate_resume goes on with it` },
  })
  switch (run.status) {
    case 'queued':
      return { status: 'working' }
    case 'running':
      return app.runs.interrupted(run) ? failed('the process that drove it is gone') : { status: 'working' }
    case 'waiting': {
      if (run.reason !== 'input') return { status: 'working' }
      const open = await openAsks(app, run.id)
      if (open.length === 0) return { status: 'working' }
      // Who has nobody to ask gets the questions as any other client does.
      if (!canAsk(call)) return await outcome()
      const inputRequests: InputRequests = Object.fromEntries(open.map((ask) => [ask.id, formOf(run.id, ask)]))
      return { status: 'input_required', inputRequests }
    }
    case 'paused':
      if (run.reason === calledOff) return { status: 'cancelled' }
      return run.reason === 'interrupted' ? failed('it was interrupted') : await outcome()
    case 'failed':
      return failed(oneLine(run.reason ?? 'it failed', 400))
    case 'stopped':
      return run.reason === 'stopped' ? { status: 'cancelled' } : await outcome()
    case 'cancelled':
    case 'killed':
      return { status: 'cancelled' }
    default:
      return await outcome()
  }
}

function messageOf(view: RunView, { status }: TaskState, summary: string): string {
  if (status === 'input_required') return 'it asks before it goes on'
  if (status === 'working')
    return view.iteration === 0 ? 'it begins' : `iteration ${view.iteration}: ${view.phase ?? 'at work'}`
  return summary
}

/** Takes answers to the open asks of a run, and sets it going once none is open. What nobody asked is passed over. */
async function update(app: App, run: RunRecord, world: McpWorld, call: ServerContext): Promise<void> {
  if (run.status !== 'waiting' || run.reason !== 'input') return
  const { inputResponses = {} } = call.mcpReq
  const said = (await openAsks(app, run.id)).filter(({ id }) => Object.hasOwn(inputResponses, id))
  for (const ask of said) {
    const content = acceptedContent(inputResponses, ask.id)
    // A user who will not answer does not want it done.
    if (!content) return await stop(app, run, world)
    await giveAnswers(app, { run: run.id, ask: ask.id }, answersIn(content), nameOfClient(call))
  }
  if ((await openAsks(app, run.id)).length === 0) await driveBehind(app, world.env, run)
}

async function stop(app: App, run: RunRecord, world: McpWorld): Promise<void> {
  // What nobody has begun can only be called off for good.
  if (run.status === 'queued') return await app.runs.cancel(run.id)
  if (run.status !== 'waiting' || run.reason !== 'input') return await app.runs.stop(run.id)
  // A stop ends work, and this run waits: it is laid aside with its question. Nobody drives it, so somebody must, for it to hear of this.
  await app.runs.pause(run.id, calledOff)
  await driveBehind(app, world.env, run)
}
