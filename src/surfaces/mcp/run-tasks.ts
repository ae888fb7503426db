import {
  acceptedContent,
  type InputRequests,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { openAsks } from '../../compose/answer.ts'
import { driveBehind } from '../../compose/behind.ts'
import { LoopwrightError } from '../../core/errors.ts'
import type { RunRecord } from '../../core/ports.ts'
import type { RunView } from '../../core/view.ts'
import { canAsk, nameOfClient } from './client.ts'
import { answersIn, formOf } from './form.ts'
import { outcomeFrom } from './outcome.ts'
import { giveAnswers } from './questions.ts'
import { readTaskId, type Standing, standingOf, type TaskRef, taskIdOf } from './standing.ts'
import type { TaskFacts, TaskSource, TaskState } from './tasks.ts'
import { facts } from './tool.ts'
import { type McpWorld, withApp } from './world.ts'

/**
 * Every run is a task, by its own id, and another one each time it is taken up again. Nothing is kept here: how a task stands is read
 * from the journal of its run, so that a server which starts anew tells the same.
 */
export function tasksOfRuns(world: McpWorld): TaskSource {
  const standing = async <T>(id: string, call: ServerContext, perform: (app: App, now: Standing) => Promise<T>) =>
    await withApp(world, {}, async (app) => {
      const ref = readTaskId(id)
      const run = ref && (await app.store.getRun(ref.run))
      const now = run && (await standingOf(app, run, ref, canAsk(call)))
      return now && (await perform(app, now))
    })
  return {
    get: async (id, call) => await standing(id, call, async (app, now) => await factsOf(app, id, now, world, call)),
    update: async (id, call) =>
      await standing(id, call, async (app, { run, past }) => {
        if (!past) await update(app, run, world, call)
      }),
    cancel: async (id, call) =>
      await standing(id, call, async (app, { run, past, interrupted }) => {
        if (!past && !interrupted && ['running', 'waiting', 'queued'].includes(run.status)) await stop(app, run, world)
      }),
  }
}

/** Why a run is paused whose question nobody will answer. */
const calledOff = 'called off'

/** The work on a run behind one of its events, as a task. Throws `not_found` where the run was never so far. */
export async function taskOf(app: App, ref: TaskRef, world: McpWorld, call: ServerContext): Promise<TaskFacts> {
  const now = await standingOf(app, await app.runs.get(ref.run), ref, canAsk(call))
  if (!now) throw new LoopwrightError('not_found', `run ${ref.run} has no event ${ref.from}`)
  return await factsOf(app, taskIdOf(ref), now, world, call)
}

async function factsOf(app: App, id: string, now: Standing, world: McpWorld, call: ServerContext): Promise<TaskFacts> {
  const state = await stateOf(app, now, world, call)
  const { createdAt, updatedAt } = now.run
  return { id, createdAt, updatedAt, message: messageOf(now.view, state, now.result.summary), state }
}

async function stateOf(app: App, now: Standing, world: McpWorld, call: ServerContext): Promise<TaskState> {
  const { run, interrupted } = now
  const outcome = async (): Promise<TaskState> => ({
    status: 'completed',
    result: facts(await outcomeFrom(world, run, now.result, false)),
  })
  const failed = (message: string): TaskState => ({
    status: 'failed',
    error: { code: ProtocolErrorCode.InternalError, message: `${message}; orchestrate_resume goes on with it` },
  })
  switch (run.status) {
    case 'queued':
      return { status: 'working' }
    case 'running':
      return interrupted ? failed('the process that drove it is gone') : { status: 'working' }
    case 'waiting': {
      if (run.reason !== 'input') return { status: 'working' }
      // Who has nobody to ask gets the questions as any other client does.
      if (now.past) return await outcome()
      const open = await openAsks(app, run.id)
      if (open.length === 0) return { status: 'working' }
      if (!canAsk(call)) return await outcome()
      const inputRequests: InputRequests = Object.fromEntries(open.map((ask) => [ask.id, formOf(run.id, ask)]))
      return { status: 'input_required', inputRequests }
    }
    case 'paused':
      if (run.reason === calledOff) return { status: 'cancelled' }
      return run.reason === 'interrupted' ? failed('it was interrupted') : await outcome()
    case 'stopped':
      return run.reason === 'stopped' ? { status: 'cancelled' } : await outcome()
    case 'cancelled':
    case 'killed':
      return { status: 'cancelled' }
    // One that failed too: the call was answered, by saying so.
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
    await giveAnswers(app, { run: run.id, ask: ask.id }, answersIn(content, ask), nameOfClient(call))
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
