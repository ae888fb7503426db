import type { McpServer, ServerContext } from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { driveBehind, wasDetached } from '../../compose/behind.ts'
import { isUnderWay, untilStill } from '../../compose/look.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import { finalStatuses } from '../../core/ports.ts'
import { canAsk, nameOfClient, takesTasks } from './client.ts'
import { outcomeOf } from './outcome.ts'
import { tellProgress } from './progress.ts'
import { ask, giveForm, type Returned } from './questions.ts'
import { taskOf } from './run-tasks.ts'
import type { Answer } from './tool.ts'
import type { McpWorld } from './world.ts'

/** A call that has to do with a run that works. */
export interface Carrier {
  readonly world: McpWorld
  readonly server: McpServer
  readonly call: ServerContext
}

/** Sets a run going: in a process of its own, where the client wants that or takes a task, or here until it is over or asks something. */
export async function carry(app: App, id: string, carrier: Carrier, detach: boolean): Promise<Answer> {
  const run = await app.runs.get(id)
  if (finalStatuses.includes(run.status)) return await outcomeOf(app, id, carrier.world)
  const { call, world } = carrier
  const asTask = !detach && takesTasks(call)
  if (detach || asTask) {
    const facts = await driveBehind(app, world.env, run)
    const message =
      'It works in the background and outlives this server. orchestrate_tail and orchestrate_status follow it; orchestrate_result with wait gives its result.'
    const answer = { ...facts, message }
    return asTask ? { begun: await taskOf(app, { run: id, from: run.lastSeq }, world, call), facts: answer } : answer
  }
  const progress = await tellProgress(app, id, call)
  try {
    await app.runs.drive(id, { signal: AbortSignal.any([call.mcpReq.signal, world.closing]) })
  } catch (error) {
    // Somebody else drives it: its result is looked at all the same.
    if (!isLoopwrightError(error, 'fenced')) throw error
  } finally {
    await progress.finish()
  }
  return await outcomeOrQuestion(app, id, carrier)
}

/** Waits for a run that others drive, at most so many seconds; answers what it came to, or that it goes on. */
export async function attend(app: App, id: string, carrier: Carrier, timeout: number): Promise<Answer> {
  const { call, world } = carrier
  const progress = await tellProgress(app, id, call)
  try {
    const signal = AbortSignal.any([call.mcpReq.signal, world.closing, AbortSignal.timeout(timeout * 1000)])
    if (isUnderWay(app, await app.runs.get(id))) await untilStill(app, id, signal)
  } finally {
    await progress.finish()
  }
  return await outcomeOrQuestion(app, id, carrier)
}

/** Takes what the client's user said to the questions of a run, and sets the run going again as it went before. */
export async function goOn(app: App, back: Returned, carrier: Carrier, detach: boolean): Promise<Answer> {
  if (back.content === undefined) return await outcomeOf(app, back.asked.run, carrier.world)
  const { call, server } = carrier
  const run = await giveForm(app, back.asked, back.content, nameOfClient(call, server))
  return await carry(app, run.id, carrier, detach)
}

/** Sets a run going that waits for an answer it has got now, if nobody else drives it: one in the background, or a tick. */
export async function wake(app: App, id: string, world: McpWorld): Promise<boolean> {
  const run = await app.runs.get(id)
  if (run.status !== 'waiting' || (run.kind !== 'triage' && !wasDetached(app, run))) return false
  await driveBehind(app, world.env, run)
  return true
}

/** What a run came to so far; its questions go to the client's user, where the client can ask. */
export async function outcomeOrQuestion(app: App, id: string, { world, server, call }: Carrier): Promise<Answer> {
  const run = await app.runs.get(id)
  if (run.status === 'waiting' && canAsk(call, server)) {
    const asking = await ask(app, world, id, call)
    if (asking) return asking
  }
  return await outcomeOf(app, id, world)
}
