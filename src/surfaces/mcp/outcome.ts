import type { App } from '../../app.ts'
import { isUnderWay } from '../../compose/look.ts'
import type { RunRecord } from '../../core/ports.ts'
import type { RunResult } from '../../core/result.ts'
import { withToken } from './questions.ts'
import type { McpWorld } from './world.ts'

/** What a run came to so far, with its questions where it waits for answers. */
export async function outcomeOf(app: App, id: string, world: McpWorld): Promise<object> {
  const run = await app.runs.get(id)
  return await outcomeFrom(world, run, await app.result(id), isUnderWay(app, run))
}

/** The same of what is known already. */
export async function outcomeFrom(
  world: McpWorld,
  run: RunRecord,
  said: RunResult,
  underWay: boolean,
): Promise<object> {
  const result = await withToken(world, said)
  const status = result.token === undefined ? result.status : 'needs_input'
  return {
    ...result,
    status,
    ...(underWay ? { message: 'It is not over yet.' } : {}),
    ...(status === 'needs_input' ? { message: run.kind === 'triage' ? decide : answer } : {}),
  }
}

const answer = 'Answer with orchestrate_resume: this token, and one answer per question.'
const decide =
  'A person decides this: show your user the question and orchestrate_diff, then orchestrate_approve with this token and "yes" or "no", and a note.'
