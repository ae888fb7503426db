import type { App } from '../app.ts'
import { type PreparedLoop, prepareLoop } from '../config/prepare.ts'
import { usesAgents } from '../core/spec/loop.ts'

/** The loop as it will run. The agent is settled now, so that a resume elsewhere uses the same. Rejects as `prepareLoop` does. */
export async function prepareHere(
  app: App,
  flags: Readonly<Record<string, unknown>>,
  files: { readonly file?: string | undefined; readonly plan?: string | undefined },
): Promise<PreparedLoop> {
  const prepared = await prepareLoop({ config: app.config, flags, ...files })
  const { agent, agentCommand } = prepared.spec
  if (agent !== undefined || agentCommand !== undefined || !usesAgents(prepared.spec)) return prepared
  const [attempting] = (prepared.spec.kind === 'goal' && prepared.spec.attemptAgents) || []
  const { name, because } =
    attempting === undefined ? app.agents.choose() : { name: attempting, because: 'the first of the attempts' }
  return {
    ...prepared,
    spec: { ...prepared.spec, agent: name },
    origins: new Map([...prepared.origins, ['agent', `found: ${because}`]]),
  }
}
