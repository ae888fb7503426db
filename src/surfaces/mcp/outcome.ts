import type { App } from '../../app.ts'
import { isUnderWay } from '../../compose/look.ts'
import { withToken } from './questions.ts'
import type { McpWorld } from './world.ts'

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
    ...(status === 'needs_input' ? { message: run.kind === 'triage' ? decide : answer } : {}),
  }
}

const answer = 'Answer with orchestrate_resume: this token, and one answer per question.'
const decide =
  'A person decides this: show your user the question and orchestrate_diff, then orchestrate_approve with this token and "yes" or "no", and a note.'
