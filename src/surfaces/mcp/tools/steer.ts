import type { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { findRun } from '../../../compose/look.ts'
import { wake } from '../carry.ts'
import { nameOfClient } from '../client.ts'
import { giveAnswers, meantBy } from '../questions.ts'
import * as shapes from '../shapes.ts'
import { offer } from '../tool.ts'
import { type McpWorld, withApp } from '../world.ts'

/** Tools that steer a run that others drive. */
export function offerSteering(server: McpServer, world: McpWorld): void {
  offer(
    server,
    world,
    {
      name: 'orchestrate_stop',
      title: 'Stop a run',
      description: 'Stops a run and its calls in flight. What is done stays, and orchestrate_resume goes on with it.',
      input: z.strictObject({ run_id: shapes.runId }),
      output: shapes.said,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
    async ({ run_id }) =>
      await withApp(world, {}, async (app) => {
        const run = await findRun(app, run_id)
        const interrupted = app.runs.interrupted(run)
        if (!['running', 'waiting', 'queued'].includes(run.status) || interrupted) {
          const status = interrupted ? 'interrupted' : run.status
          return { run_id: run.id, status, message: `it is ${status}: nothing is under way` }
        }
        await app.runs.stop(run.id)
        return { run_id: run.id, status: run.status, message: 'asked to stop; orchestrate_status shows when it has' }
      }),
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_approve',
      title: 'Answer a run',
      description:
        'Answers the open question of a run without waiting for what comes of it: "yes" where no answers are given, but for what was escalated, which needs a plain word. Approves or denies what a triage loop escalated: ask your user first, then "yes" or "no", and a note if there is one. A run in the background goes on.',
      input: z.strictObject({
        run_id: shapes.token.describe('a run id, or the token that came with the question'),
        answers: shapes.answers.min(1).optional(),
      }),
      output: shapes.said,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    async ({ run_id, answers }, call) =>
      await withApp(world, {}, async (app) => {
        const { id } = await giveAnswers(app, await meantBy(world, run_id), answers, nameOfClient(call, server))
        const woken = await wake(app, id, world)
        const { status } = await app.runs.get(id)
        const message =
          woken || status === 'running' ? 'answered; it goes on' : 'answered; orchestrate_resume goes on with it'
        return { run_id: id, status, message }
      }),
  )
}
