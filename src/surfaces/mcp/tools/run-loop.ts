import { resolve } from 'node:path'
import type { McpServer } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { App } from '../../../app.ts'
import { prepareHere } from '../../../compose/prepared.ts'
import { namesPattern } from '../../../config/loops.ts'
import { findLoopFile } from '../../../config.ts'
import { LoopwrightError } from '../../../core/errors.ts'
import { tickSettings } from '../../../core/triage/settings.ts'
import { type Carrier, carry, goOn } from '../carry.ts'
import { howFlags } from '../how.ts'
import { grantedLevel } from '../level.ts'
import { outcomeOf } from '../outcome.ts'
import { returned } from '../questions.ts'
import * as shapes from '../shapes.ts'
import { type Answer, offer } from '../tool.ts'
import { type McpWorld, withApp, workDirectory } from '../world.ts'

type Input = z.output<typeof shapes.loop>

/** The tool that runs loops of a project: files, folders, and triage patterns. */
export function offerLoops(server: McpServer, world: McpWorld): void {
  offer(
    server,
    world,
    {
      name: 'run_loop',
      title: 'Run a loop',
      description:
        'Runs a loop of the project in the background (detach false: until it is over): a YAML file, a loop folder, or one tick of a triage pattern, which may commit and open a pull request at L2. list_loops shows what there is.',
      input: shapes.loop,
      output: shapes.outcome,
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    async (input, call) => {
      const carrier: Carrier = { world, server, call }
      const back = returned(call)
      const cwd = workDirectory(world, input.cwd)
      return await withApp(world, { cwd, caller: input.caller_agent }, async (app) => {
        if (back) return await goOn(app, back, carrier, false)
        return namesPattern(input.loop, cwd) ? await tick(app, input, carrier) : await file(app, input, cwd, carrier)
      })
    },
  )
}

async function file(app: App, input: Input, cwd: string, carrier: Carrier): Promise<Answer> {
  const only = (['level', 'dry_run', 'item'] as const).find((name) => input[name] !== undefined)
  if (only !== undefined) {
    throw new LoopwrightError('bad_input', `${only} goes with a triage pattern, and ${input.loop} is a file`, {
      hint: 'list_loops shows the patterns',
    })
  }
  const found = await findLoopFile(resolve(cwd, input.loop))
  const { spec, source, project } = await prepareHere(app, howFlags(carrier.world, input), { file: found })
  const run = await app.start({ spec, project: project ?? cwd, ...(source ? { source } : {}) })
  return await carry(app, run.id, carrier, input.detach)
}

async function tick(app: App, input: Input, carrier: Carrier): Promise<Answer> {
  const { call, world } = carrier
  if (input.isolate === false) {
    throw new LoopwrightError('bad_input', 'a triage loop always works in a worktree', { hint: 'leave isolate out' })
  }
  const pattern = await app.triage.pattern(input.loop)
  const request = {
    pattern,
    level: grantedLevel(app, pattern, input.level),
    dryRun: input.dry_run === true,
    settings: tickSettings(howFlags(world, input)),
    ...(input.item === undefined ? {} : { item: input.item }),
  }
  if (request.dryRun && !(await app.triage.hasRepository())) {
    // Where it is rehearsed goes away with this process.
    const signal = AbortSignal.any([call.mcpReq.signal, world.closing])
    const { run } = await app.triage.tick({ ...request, signal })
    return await outcomeOf(app, run, world)
  }
  const run = await app.triage.begin(request)
  if (['stopped', 'paused'].includes(run.status)) await app.runs.reopen(run.id)
  return await carry(app, run.id, carrier, input.detach)
}
