import type { z } from 'zod'
import type * as shapes from './shapes.ts'
import { agentIn, type McpWorld } from './world.ts'

/** What a call says of how a run shall work, as settings by path. */
export function howFlags(
  world: McpWorld,
  input: Omit<z.output<typeof shapes.loop>, 'loop' | 'level' | 'dry_run' | 'item'>,
): Record<string, unknown> {
  return {
    agent: agentIn(world, input.cwd, input.backend),
    model: input.model,
    timeout: input.timeout,
    skipPermissions: input.skip_permissions,
    isolation: input.isolate === undefined ? undefined : input.isolate ? 'worktree' : 'inplace',
    'budget.iterations': input.max_iterations,
    'budget.seconds': input.max_seconds,
  }
}
