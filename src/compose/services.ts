import { join } from 'node:path'
import type { RunBrowser } from '../checks/browser.ts'
import { checkRunner } from '../checks/command.ts'
import { markStory } from '../config/plan.ts'
import type { Config } from '../config.ts'
import type { Agent, Confine, RunCommand, RunRecord, Workspace } from '../core/ports.ts'
import { usageAmounts } from '../core/price.ts'
import { type RunSettings, settingsOf } from '../core/settings.ts'
import { approvalPolicy } from '../core/spec/confine.ts'
import type { TickDesk } from '../core/triage/ports.ts'
import type { RoleSettings, Services, ServicesOf } from '../engine/services.ts'
import type { Admission } from './admission.ts'
import type { AgentShop } from './agents.ts'
import type { Confiner } from './confine.ts'
import { loopFolderOf, type RunFolders } from './folders.ts'
import { held } from './triage/held.ts'
import { emptiedTokens, tokenless, withoutTokens } from './triage/tokens.ts'
import type { RunWork } from './work.ts'

export interface ServicesOptions {
  readonly config: Config
  /** What agents and commands start with. */
  readonly env: Readonly<Record<string, string>>
  readonly agents: AgentShop
  readonly confiner: Confiner
  readonly admission: Admission
  readonly work: RunWork
  readonly folders: RunFolders
  readonly runCommand: RunCommand
  readonly browser: RunBrowser
  readonly deskOf: (
    run: RunRecord,
    workspace: () => Promise<Workspace>,
    confine: Confine | undefined,
  ) => TickDesk | undefined
  readonly onDelta: ((run: string, delta: Readonly<Record<string, unknown>>) => void) | undefined
}

/** What a run's effects use: its agents, workspace and commands, confined as it is, and its folders. */
export function runServices(options: ServicesOptions): ServicesOf {
  const { config, env, agents, confiner, admission, work, folders, runCommand, browser, onDelta, deskOf } = options
  return (record: RunRecord): Services => {
    const settings = settingsOf(record)
    const { folder, loop } = folders.open(record) ?? {}
    const confine = confiner.of(settings, loopFolderOf(record))
    let opened: Promise<Workspace> | undefined
    const workspace = () => {
      opened ??= work.open(record, confine)
      return opened
    }
    const desk = deskOf(record, workspace, confine)
    // No agent and no check of a triage tick holds a token that can write: what leaves the machine is the desk's to say.
    const emptied = desk === undefined ? {} : emptiedTokens(env, config.connectorVariables)
    const run = desk === undefined ? runCommand : withoutTokens(runCommand, emptied)
    const deskless = desk === undefined
    const known = new Map<Agent, Agent>()
    const admitted = (agent: Agent): Agent => {
      const plain = deskless ? agent : tokenless(agent, emptied)
      const guarded = known.get(agent) ?? guard(plain, () => admission.admitAgent(agent.name, settings, record.project))
      known.set(agent, guarded)
      return guarded
    }
    return {
      role: (name) => roleOf(name, settings, config, (named) => admitted(agents.get(settings, named))),
      workspace: desk === undefined ? workspace : async () => held(await workspace()),
      ...(desk === undefined ? {} : { desk, oneAtATime: true }),
      ...(confine ? { confine } : {}),
      runCheck: checkRunner(run),
      runCommand: run,
      amounts: (usage) => usageAmounts(usage ?? {}, config.prices),
      outputPath: (name) => folder?.workersPath(name),
      hooks: settings.hooks ?? {},
      playBrowser: async (play, { prefix, ...call }) =>
        await browser(play, {
          ...call,
          prefix,
          artifacts: folder?.artifactsPath() ?? join(config.home, 'runs', record.id),
        }),
      ...(loop === undefined
        ? {}
        : { onCommand: (facts) => loop.onCommand(facts), knowledge: async () => loop.knowledge() }),
      markStory: async (mark) => await markStory({ ...mark, project: record.project }),
      onDelta: (delta) => onDelta?.(record.id, delta),
    }
  }
}

/** The agent, admitted before its first call; one that is a function runs no project's commands. */
function guard(agent: Agent, admit: () => Promise<void>): Agent {
  if (!agent.spawns) return agent
  let asked: Promise<void> | undefined
  return {
    name: agent.name,
    spawns: true,
    async run(request, call) {
      asked ??= admit()
      await asked
      return await agent.run(request, call)
    },
  }
}

/** How agents are called in one role of a run: what the role says of its own, else the run, else the configuration. */
function roleOf(
  name: string,
  settings: RunSettings,
  config: Config,
  agentOf: (named: string | undefined) => Agent,
): RoleSettings {
  const own = settings.roles?.[name]
  const stall = settings.stall ?? config.stall
  const shared = {
    retries: settings.retries ?? config.retries,
    ...(own?.instructions === undefined ? {} : { instructions: own.instructions }),
    ...(settings.timeout === undefined ? {} : { timeoutMs: settings.timeout * 1000 }),
    ...(stall > 0 ? { stallMs: stall * 1000 } : {}),
    ...(settings.skipPermissions === undefined ? {} : { skipPermissions: settings.skipPermissions }),
    ...(settings.approvals === undefined ? {} : { approvals: approvalPolicy(settings.approvals) }),
  }
  const model = own?.model ?? settings.model
  const agent = agentOf(own?.agent)
  const fallback = own?.fallback ?? settings.fallback ?? config.fallback
  const other = fallback === undefined ? undefined : agentOf(fallback)
  return {
    ...shared,
    agent,
    ...(model === undefined ? {} : { model }),
    // Another agent knows other models.
    ...(other === undefined || other === agent ? {} : { fallback: { ...shared, agent: other } }),
  }
}
