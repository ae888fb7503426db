import type { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { eventsAfter, findRun, isUnderWay, listFacts, shownOf, statusOf } from '../../../compose/look.ts'
import { withToken } from '../questions.ts'
import * as shapes from '../shapes.ts'
import { offer } from '../tool.ts'
import { type McpWorld, withApp } from '../world.ts'

const looks = { readOnlyHint: true, idempotentHint: true, openWorldHint: false }

/** Bytes of a diff that are given where nobody asks for more. */
const usualDiff = 100_000

/** Tools that look at runs. */
export function offerLooking(server: McpServer, world: McpWorld): void {
  offer(
    server,
    world,
    {
      name: 'orchestrate_status',
      title: 'Status of a run',
      description: 'How a run stands: phase, iteration, whether it runs, why it stopped, what it asks, what it spent.',
      input: z.strictObject({ run_id: shapes.runId }),
      output: shapes.status,
      annotations: looks,
    },
    async ({ run_id }) =>
      await withApp(world, {}, async (app) => {
        const run = await findRun(app, run_id)
        const { questions, token } = await withToken(world, await app.result(run.id))
        return { ...(await statusOf(app, run)), ...(token === undefined ? {} : { questions, token }) }
      }),
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_tail',
      title: 'Events of a run',
      description:
        'What happened in a run since a cursor. Give the cursor of the answer back to read on; running false and more false: that was all.',
      input: z.strictObject({
        run_id: shapes.runId,
        cursor: z.int().min(0).default(0).describe('the seq of the last event you have; 0: from the start'),
        limit: z.int().min(1).max(1_000).default(200).describe('at most so many events'),
      }),
      output: shapes.page,
      annotations: looks,
    },
    async ({ run_id, cursor, limit }) =>
      await withApp(world, {}, async (app) => {
        const run = await findRun(app, run_id)
        return { run_id: run.id, ...(await eventsAfter(app, run, cursor, limit)), running: isUnderWay(app, run) }
      }),
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_list',
      title: 'All runs',
      description: 'The runs on this machine, newest first, whoever began them.',
      input: z.strictObject({ limit: z.int().min(1).max(1_000).default(20).describe('at most so many') }),
      output: shapes.runs,
      annotations: looks,
    },
    async ({ limit }) =>
      await withApp(world, {}, async (app) => {
        const all = await app.runs.list()
        return { runs: all.slice(0, limit).map((run) => listFacts(shownOf(app, run))), total: all.length }
      }),
  )
  offer(
    server,
    world,
    {
      name: 'orchestrate_diff',
      title: 'What a run changed',
      description: 'The work of a run against its base, as a unified diff.',
      input: z.strictObject({
        run_id: shapes.runId,
        max_bytes: z.int().min(1).max(5_000_000).default(usualDiff).describe('cut the diff after so many bytes'),
      }),
      output: shapes.diff,
      annotations: looks,
    },
    async ({ run_id, max_bytes }) =>
      await withApp(world, {}, async (app) => {
        const { id } = await findRun(app, run_id)
        const text = await app.diff(id, max_bytes)
        const { changedFiles } = await app.view(id)
        return {
          run_id: id,
          diff: text,
          changed_files: changedFiles,
          truncated: Buffer.byteLength(text) >= max_bytes,
        }
      }),
  )
}
