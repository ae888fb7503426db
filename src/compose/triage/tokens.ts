import type { Agent, RunCommand } from '../../core/ports.ts'
import { isWriteToken } from '../../core/write-tokens.ts'

type Env = Readonly<Record<string, string>>

/** The variables of an environment that may push, publish or deploy, and those that `also` names, each emptied. */
export function emptiedTokens(env: Env, also: ReadonlySet<string>): Env {
  return Object.fromEntries(
    Object.keys(env).flatMap((name) => (isWriteToken(name) || also.has(name) ? [[name, '']] : [])),
  )
}

/** The agent without them. */
export function tokenless(agent: Agent, emptied: Env): Agent {
  return {
    name: agent.name,
    ...(agent.spawns === undefined ? {} : { spawns: agent.spawns }),
    run: (request, call) => agent.run({ ...request, env: { ...request.env, ...emptied } }, call),
  }
}

/** Commands without them. */
export function withoutTokens(run: RunCommand, emptied: Env): RunCommand {
  return (command, options) => run(command, { ...options, env: { ...options.env, ...emptied } })
}
