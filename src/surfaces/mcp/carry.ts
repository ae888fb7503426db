import type { McpServer, ServerContext } from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { driveBehind, wasDetached } from '../../compose/behind.ts'
import { isUnderWay, untilStill } from '../../compose/look.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import { finalStatuses } from '../../core/ports.ts'
import { tellProgress } from './progress.ts'
import { ask, canAsk, giveAnswers, type Returned, withToken } from './questions.ts'
import type { Answer } from './tool.ts'
import type { McpWorld } from './world.ts'

/** A call that has to do with a run that works. */
export interface Carrier {
  readonly world: McpWorld
  readonly server: McpServer
  readonly call: ServerContext
}

/** Sets a run going: in a process of its own, or here until it is over or asks something. */
export async function carry(app: App, id: string, carrier: Carrier, detach: boolean): Promise<Answer> {
  const run = await app.runs.get(id)
  if (finalStatuses.includes(run.status)) return await outcomeOf(app, id, carrier.world)
  if (detach) {
    const { world } = carrier
    const facts = await driveBehind(app, world.env, run)
    return {
      ...facts,
      message:
        'It works in the background and outlives this server. orchestrate_tail and orchestrate_status follow it; orchestrate_result with wait gives its result.',
    }
  }
  const { call, world } = carrier
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
  if (back.answers === undefined) return await outcomeOf(app, back.asked.run, carrier.world)
  const run = await giveAnswers(app, back.asked, back.answers)
  return await carry(app, run.id, carrier, detach)
}

/** Sets a run going that waits for an answer it has got now, if nobody else drives it. */
export async function wake(app: App, id: string, world: McpWorld): Promise<boolean> {
  const run = await app.runs.get(id)
  if (run.status !== 'waiting' || !wasDetached(app, run)) return false
  await driveBehind(app, world.env, run)
  return true
}

/** What a run came to so far, with its questions where it waits for answers. */
export async function outcomeOf(app: App, id: string, world: McpWorld): Promise<object> {
  const run = await app.runs.get(id)
  const result = await withToken(world, await app.result(id))
  const status = result.token === undefined ? result.status : 'needs_input'
  const underWay = isUnderWay(app, run)
  return {
    ...result,
    status,
    ...(underWay ? { message: 'It is not over yet.' } : {}),
    ...(status === 'needs_input'
      ? { message: 'Answer with orchestrate_resume: this token, and one answer per question.' }
      : {}),
  }
}

/** What a run came to so far; its questions go to the client's user, where the client can ask. */
export async function outcomeOrQuestion(app: App, id: string, { world, server, call }: Carrier): Promise<Answer> {
  const run = await app.runs.get(id)
  if (run.status === 'waiting' && canAsk(call, server.server.getClientCapabilities())) {
    const asking = await ask(world, await app.view(id), call)
    if (asking) return asking
  }
  return await outcomeOf(app, id, world)
}
