import type { McpServer, ServerContext } from '@modelcontextprotocol/server'
import type { App } from '../../../app.ts'
import { beginDesign, type DesignLoop, designLoop, endDesign } from '../../../compose/design.ts'
import { tellProgress } from '../progress.ts'
import * as shapes from '../shapes.ts'
import { listed, offer } from '../tool.ts'
import { agentIn, type McpWorld, withApp, workDirectory } from '../world.ts'

/** The tool that writes loop files. */
export function offerDesign(server: McpServer, world: McpWorld): void {
  offer(
    server,
    world,
    {
      name: 'design_loop',
      title: 'Write a loop file',
      description:
        'Writes a valid loop file into .loopwright/loops of the project, never over another: with agent that agent writes it, else a template is filled in. Look at its checks before run_loop runs it.',
      input: shapes.design,
      output: shapes.designed,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    },
    async ({ cwd, agent, model, ...input }, call) =>
      await withApp(world, { cwd: workDirectory(world, cwd) }, async (app) => {
        const design: DesignLoop = {
          goal: input.goal,
          kind: input.kind,
          name: input.name,
          criteria: listed(input.success_criteria),
          verify: listed(input.verify_commands),
          iterations: input.max_iterations,
        }
        const after = 'See that its checks fail now and can pass, then let the user trust it: loopwright trust FILE.'
        if (agent === undefined) {
          const message = `Written from a template, without an agent. ${after}`
          return { ...(await designLoop(app, design)), kind: input.kind, made_by: 'template', message }
        }
        const by = agentIn(world, cwd, agent) ?? app.agents.choose().name
        const { id } = await beginDesign(app, design, { agent: by, model })
        await drive(app, id, call, world)
        const written = await endDesign(app, design, id)
        return { ...written, kind: input.kind, made_by: by, run_id: id, message: `Written by ${by}. ${after}` }
      }),
  )
}

async function drive(app: App, id: string, call: ServerContext, world: McpWorld): Promise<void> {
  const progress = await tellProgress(app, id, call)
  try {
    await app.runs.drive(id, { signal: AbortSignal.any([call.mcpReq.signal, world.closing]) })
  } finally {
    await progress.finish()
  }
}
