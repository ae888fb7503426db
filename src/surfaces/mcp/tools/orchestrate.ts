import type { McpServer, ServerContext } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { openAsks } from '../../../compose/answer.ts'
import { findRun } from '../../../compose/look.ts'
import { prepareHere } from '../../../compose/prepared.ts'
import { checkOf } from '../../../core/check-text.ts'
import { attend, type Carrier, carry, goOn, outcomeOrQuestion } from '../carry.ts'
import { nameOfClient } from '../client.ts'
import { howFlags } from '../how.ts'
import { outcomeOf } from '../outcome.ts'
import { giveAnswers, meantBy, returned } from '../questions.ts'
import * as shapes from '../shapes.ts'
import { type Answer, listed, offer } from '../tool.ts'
import { type McpWorld, withApp, workDirectory } from '../world.ts'

const begins = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true }

/** Seconds that `orchestrate_result` waits by default: less than most hosts give a request. */
const usualWait = 50

/** Tools that begin runs, and go on with them. */
export function offerOrchestration(server: McpServer, world: McpWorld): void {
  const carrier = (call: ServerContext): Carrier => ({ world, server, call })

  offer(
    server,
    world,
    {
      name: 'orchestrate',
      title: 'Reach a goal',
      description:
        'Takes a goal to a verified git branch: agents do the work in a worktree, your checks and a review decide when it is done. Works in the background and answers at once with a run_id; with detach false it answers when it is over.',
      input: shapes.goal,
      output: shapes.outcome,
      annotations: begins,
    },
    async (input, call) => {
      const back = returned(call)
      return await withApp(world, { cwd: workDirectory(world, input.cwd), caller: input.caller_agent }, async (app) => {
        if (back) return await goOn(app, back, carrier(call), false)
        const { spec, source, project } = await prepareHere(app, goalFlags(world, input), {})
        const where = project ?? workDirectory(world, input.cwd)
        const run = await app.start({ spec, project: where, ...(source ? { source } : {}) })
        return await carry(app, run.id, carrier(call), input.detach)
      })
    },
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_resume',
      title: 'Answer or go on',
      description:
        'Answers the questions of a run and goes on with it; without answers, goes on with a run that was stopped, paused, interrupted or failed.',
      input: z.strictObject({
        token: shapes.token.describe('the token that came with the questions, or a run id'),
        answers: shapes.answers.optional(),
        detach: shapes.detach,
      }),
      output: shapes.outcome,
      annotations: begins,
    },
    async ({ token, answers, detach }, call) => {
      const back = returned(call)
      return await withApp(world, {}, async (app): Promise<Answer> => {
        if (back) return await goOn(app, back, carrier(call), false)
        const meant = await meantBy(world, token)
        if (answers !== undefined && answers.length > 0) {
          const { id } = await giveAnswers(app, meant, answers, nameOfClient(call, server))
          return await carry(app, id, carrier(call), detach)
        }
        const run = await findRun(app, meant.run)
        // One that was answered, and that nobody set going then, has nothing more to ask.
        if (run.status === 'waiting' && run.reason === 'input' && (await openAsks(app, run.id)).length > 0)
          return await outcomeOrQuestion(app, run.id, carrier(call))
        if (run.status === 'running' && !app.runs.interrupted(run)) return await outcomeOf(app, run.id, world)
        if (['stopped', 'paused', 'failed', 'running'].includes(run.status)) await app.runs.reopen(run.id)
        return await carry(app, run.id, carrier(call), detach)
      })
    },
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_result',
      title: 'Result of a run',
      description:
        'What a run came to: completed, iterations, stop_reason, final_output, summary, history, worktree. With wait, waits until it is over, or timeout seconds are.',
      input: z.strictObject({
        run_id: shapes.runId,
        wait: z.boolean().default(false).describe('wait until it is over'),
        timeout: z
          .number()
          .positive()
          .max(86_400)
          .default(usualWait)
          .describe('seconds to wait at most (default 50: less than most hosts give a request)'),
      }),
      output: shapes.outcome,
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    },
    async ({ run_id, wait, timeout }, call) => {
      const back = returned(call)
      return await withApp(world, {}, async (app): Promise<Answer> => {
        if (back) {
          await goOn(app, back, carrier(call), true)
          return await attend(app, (await findRun(app, run_id)).id, carrier(call), timeout)
        }
        const { id } = await findRun(app, run_id)
        return wait ? await attend(app, id, carrier(call), timeout) : await outcomeOf(app, id, world)
      })
    },
  )
}

function goalFlags(world: McpWorld, input: z.output<typeof shapes.goal>): Record<string, unknown> {
  return {
    ...howFlags(world, input),
    goal: input.goal,
    criteria: listed(input.success_criteria),
    verify: listed(input.verify_commands)?.map(checkOf),
    verifyTimeout: input.verify_timeout,
    playwright: input.playwright,
    ask: input.ask,
  }
}
