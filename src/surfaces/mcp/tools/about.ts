import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { App } from '../../../app.ts'
import { examine } from '../../../compose/examine.ts'
import { backendFacts } from '../../../compose/look.ts'
import { loopsOf, loopTemplates } from '../../../config/loops.ts'
import { isLoopwrightError } from '../../../core/errors.ts'
import { grantedLevel } from '../level.ts'
import * as shapes from '../shapes.ts'
import { offer } from '../tool.ts'
import { type McpWorld, withApp } from '../world.ts'

const looks = { readOnlyHint: true, idempotentHint: true, openWorldHint: false }

/** Tools that tell what is here: agents, loops, and whether all is well. */
export function offerAbout(server: McpServer, world: McpWorld): void {
  offer(
    server,
    world,
    {
      name: 'list_backends',
      title: 'Agents of this machine',
      description: 'The agents that can do the work, which are installed and logged in, and which one "auto" picks.',
      input: z.strictObject({}),
      output: shapes.backends,
      annotations: looks,
    },
    async () => await withApp(world, {}, backendFacts),
  )
  offer(
    server,
    world,
    {
      name: 'doctor',
      title: 'Is all well?',
      description:
        'Looks at agents, git, state, sandbox and a directory, and says what each time limit means. Changes nothing, calls no agent.',
      input: z.strictObject({
        cwd: shapes.directory.optional(),
        timeout: z.number().positive().max(31_536_000).optional().describe('seconds; what this time limit would mean'),
      }),
      output: shapes.health,
      annotations: looks,
    },
    async ({ cwd, timeout }) => {
      const path = resolve(world.cwd, cwd ?? '.')
      return await withApp(world, existsSync(path) ? { cwd: path } : {}, async (app) => {
        const report = await examine(app, path, { timeout })
        const host = {
          layer: 'request',
          flag: 'timeout of your MCP client',
          seconds: null,
          meaning:
            'the client gives up on a call (error -32001): give it 600000 ms or more, or leave detach true; a detached run goes on',
        }
        return { ...report, timeouts: [...report.timeouts, host] }
      })
    },
  )
  offer(
    server,
    world,
    {
      name: 'list_loops',
      title: 'Loops and templates',
      description: 'The loop files and triage patterns of a project, for run_loop, and templates to write one from.',
      input: z.strictObject({ cwd: shapes.directory.optional() }),
      output: shapes.loops,
      annotations: looks,
    },
    async ({ cwd }) =>
      await withApp(world, { cwd }, async (app) => ({
        loops: await loopsOf(app.config.project),
        templates: loopTemplates(),
        ...(await patternsOf(app)),
      })),
  )
}

/** The triage patterns of a project. One whose registry is broken still has loops. */
async function patternsOf(app: App): Promise<{ readonly patterns: readonly object[]; readonly problem?: string }> {
  try {
    const patterns = await app.triage.patterns()
    return {
      patterns: patterns.map((one) => ({
        id: one.id,
        name: one.name,
        goal: one.goal,
        cadence: one.cadence.text,
        level: grantedLevel(app, one),
        origin: one.origin ?? 'loopwright',
      })),
    }
  } catch (error) {
    if (!isLoopwrightError(error)) throw error
    return { patterns: [], problem: error.message }
  }
}
