import { McpServer } from '@modelcontextprotocol/server'
import { offerPrompts } from './prompts.ts'
import { stateCodec } from './questions.ts'
import { offerResources } from './resources.ts'
import { tasksOfRuns } from './run-tasks.ts'
import { offerTasks } from './tasks.ts'
import { offerAbout } from './tools/about.ts'
import { offerDesign } from './tools/design.ts'
import { offerLooking } from './tools/look.ts'
import { offerOrchestration } from './tools/orchestrate.ts'
import { offerLoops } from './tools/run-loop.ts'
import { offerSteering } from './tools/steer.ts'
import type { McpWorld } from './world.ts'

const instructions = `loopwright takes a goal to a verified git branch. orchestrate starts a run in the background and answers with its run_id;
orchestrate_tail and orchestrate_status follow it, orchestrate_result with wait gives the result. status needs_input: put the questions to your
user, then orchestrate_resume with the token and the answers. The work is on its own branch until somebody merges it.`

/** A server for one connection, or one request: everything it knows is in the store. */
export function createServer(world: McpWorld): McpServer {
  const server = new McpServer(
    { name: 'loopwright', title: 'loopwright', version: world.version },
    {
      instructions,
      // What can be listed changes only with the version, but for runs, which nobody need hear of.
      capabilities: {
        tools: { listChanged: false },
        prompts: { listChanged: false },
        resources: { listChanged: false },
      },
      maxToolInputElements: 2_000,
      requestState: { verify: async (state, call) => await (await stateCodec(world)).verify(state, call) },
    },
  )
  offerOrchestration(server, world)
  offerLoops(server, world)
  offerLooking(server, world)
  offerSteering(server, world)
  offerAbout(server, world)
  offerDesign(server, world)
  offerResources(server, world)
  offerPrompts(server, world)
  offerTasks(server, tasksOfRuns(world))
  return server
}
