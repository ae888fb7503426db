import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CustomAgent } from './agents/registry.ts'
import type { App, StartGoal } from './app.ts'
import { checkRunner } from './checks/command.ts'
import { systemClock as clock } from './clock.ts'
import { AgentShop } from './compose/agents.ts'
import { driversOfThisMachine } from './compose/drivers.ts'
import { RunFolders } from './compose/folders.ts'
import { markStory } from './config/plan.ts'
import { requireTrust, trust, trustState } from './config/trust.ts'
import { type Config, ensureHome, isInside, loadConfig, type SourceFile } from './config.ts'
import { capsOf } from './core/caps.ts'
import type { Json } from './core/json.ts'
import { finalStatuses, type RunCommand, type RunRecord, type Workspace, type WorkspaceSpec } from './core/ports.ts'
import { usageAmounts } from './core/price.ts'
import { createRedact } from './core/redact.ts'
import { rehydrate, runResult } from './core/result.ts'
import { type RunSettings, settingsOf } from './core/settings.ts'
import { emptyView, fold } from './core/view.ts'
import type { ActivationLimits } from './engine/activation.ts'
import type { AnyLoop } from './engine/define.ts'
import { Runs } from './engine/runs.ts'
import type { Services } from './engine/services.ts'
import { rebuildFolder } from './folder/follow.ts'
import { findFolder } from './folder/place.ts'
import { goal } from './loops/goal.ts'
import { commandRunner } from './process/command.ts'
import { fileBlobs } from './store/blobs.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { createGit } from './workspace/git.ts'
import { discard, listWorktrees, removeStale } from './workspace/prune.ts'
import { mergeIntoUser } from './workspace/user.ts'
import { createWorkspaces } from './workspace/workspaces.ts'

export interface OpenOptions {
  /** The directory a run is about, unless it says otherwise; absolute. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Parsed flags by path into the configuration, as `{ agent: 'codex' }`. */
  readonly flags?: Readonly<Record<string, unknown>>
  /** Agents made in code, by name. */
  readonly agents?: Readonly<Record<string, CustomAgent>>
  /** Loops of one's own, besides the ones that come with loopwright. */
  readonly loops?: readonly AnyLoop[]
  /** Hears what people should know and no run depends on. */
  readonly warn?: (message: string) => void
  /** Hears what agents say while they say it. */
  readonly onDelta?: (run: string, delta: Readonly<Record<string, unknown>>) => void
  /** How long a driver that does not renew may hold a run, in milliseconds; default 30,000. */
  readonly leaseMs?: number
  /** How long to try while another program holds the database, in milliseconds; default 30,000. */
  readonly lockPatienceMs?: number
  /** Bounds of each activation, where the defaults do not fit. */
  readonly limits?: Partial<ActivationLimits>
}

/** Wires everything on this machine. Rejects with `bad_input` for a wrong configuration and with the store's errors. */
export async function openApp(options: OpenOptions): Promise<App> {
  const { cwd, env, flags = {}, warn = () => {} } = options
  const config = await loadConfig({ cwd, env, flags })
  await ensureHome(config.home)
  const { lockPatienceMs: patienceMs } = options
  const store = await openSqliteStore({
    path: join(config.home, 'loopwright.db'),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  })
  const childEnv = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const redact = createRedact({ values: [...config.secrets] })
  const run: RunCommand = commandRunner(childEnv, redact)
  const git = createGit({ env })
  const workspaces = createWorkspaces({ home: config.home, env, run })
  const prices = config.prices
  const agents = new AgentShop({ config, env: childEnv, cwd, custom: options.agents ?? {}, redact })
  const blobs = fileBlobs({ folder: (id) => join(config.home, 'runs', id) })
  const kept = new RunFolders(store, config.home, warn)

  const servicesOf = (record: RunRecord): Services => {
    const settings = settingsOf(record)
    const folder = kept.open(record)
    let workspace: Promise<Workspace> | undefined
    return {
      role: (name) => {
        const own = settings.roles?.[name]
        const model = own?.model ?? settings.model
        return {
          agent: agents.get(settings, own?.agent),
          retries: settings.retries ?? config.retries,
          ...(model === undefined ? {} : { model }),
          ...(own?.instructions === undefined ? {} : { instructions: own.instructions }),
          ...(settings.timeout === undefined ? {} : { timeoutMs: settings.timeout * 1000 }),
          ...(settings.skipPermissions === undefined ? {} : { skipPermissions: settings.skipPermissions }),
        }
      },
      workspace: () => {
        workspace ??= workspaces.open(workspaceSpec(record, settings))
        return workspace
      },
      runCheck: checkRunner(run),
      runCommand: run,
      amounts: (usage) => usageAmounts(usage ?? {}, prices),
      outputPath: (name) => folder?.workersPath(name),
      hooks: settings.hooks ?? {},
      markStory: async (mark) => await markStory({ ...mark, project: record.project }),
      onDelta: (delta) => options.onDelta?.(record.id, delta),
    }
  }

  const runs = new Runs({
    store,
    clock,
    blobs,
    redact,
    drivers: driversOfThisMachine(),
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    loops: [goal, ...(options.loops ?? [])],
    servicesOf,
    onEnding: async (record) => {
      const settings = settingsOf(record)
      const over = record.status === 'done' || record.status === 'cancelled' || record.status === 'killed'
      // A run that never opened its workspace is not given one to close.
      const opened = (await listWorktrees(config.home)).some((tree) => (tree.run ?? tree.name) === record.id)
      if (opened && (over || settings.cleanup === 'always')) {
        try {
          const workspace = await workspaces.open(workspaceSpec(record, settings))
          const said = new Set(workspace.warnings)
          const closed = await workspace.close(settings.cleanup ?? config.cleanup)
          for (const note of workspace.warnings) if (!said.has(note)) warn(note)
          if (!closed.kept) warn(`nothing changed: the worktree of ${record.id} was removed`)
        } catch (error) {
          warn(`the workspace of ${record.id} could not be closed: ${error instanceof Error ? error.message : error}`)
        }
      }
      await kept.finish(record)
    },
  })

  const viewOf = async (id: string) => {
    const record = await runs.get(id)
    return fold(emptyView(record), await store.read(id))
  }

  return {
    config,
    runs,
    store,
    agents: agents.known,
    async startGoal(request: StartGoal) {
      await demandTrust(config, request)
      // Say now, not in the first step, that an agent does not exist.
      const agent = agents.get(request.spec)
      for (const role of Object.values(request.spec.roles)) if (role?.agent) agents.get(request.spec, role.agent)
      const caps = capsOf(request.spec)
      return await runs.start({
        loop: 'goal',
        spec: request.spec,
        project: resolve(request.project ?? cwd),
        labels: { ...request.spec.labels, ...request.labels },
        caps,
        scopes: ['all'],
        ...(request.id === undefined ? {} : { id: request.id }),
        meta: { ...request.meta, agent: agent.name },
      })
    },
    view: viewOf,
    async result(id) {
      const record = await runs.get(id)
      return runResult(await viewOf(id), rehydrate(record, runs.interrupted(record)))
    },
    runFolder: (record) =>
      findFolder({ run: record, home: config.home }) ?? join(record.project, '.loopwright', 'runs', record.id),
    rebuild: async (id) => (await rebuildFolder({ run: await runs.get(id), home: config.home, store, blobs })).path,
    async diff(id, maxBytes) {
      const asked = await runs.get(id)
      const record = await runs.get(chosenRun(asked.result) ?? id)
      const opened = await workspaces.open(workspaceSpec(record, settingsOf(record)))
      return await opened.diff(maxBytes)
    },
    async merge(id) {
      const record = await runs.get(id)
      const chosen = chosenRun(record.result) ?? id
      return await mergeIntoUser({ git, home: config.home, project: record.project, branch: `loopwright/${chosen}` })
    },
    async discard(id) {
      // Of several attempts each has its own worktree, and the run that made them may have none.
      const attempts = (await runs.list()).filter((run) => run.parent?.run === id).map((run) => run.id)
      const trees = (await listWorktrees(config.home)).map((tree) => tree.run ?? tree.name)
      const there = [id, ...attempts].filter((run) => attempts.length === 0 || trees.includes(run))
      const branches: string[] = []
      for (const run of there) branches.push(...(await discard(git, config.home, run)).branches)
      return { branches }
    },
    async remove(id) {
      const record = await runs.get(id)
      if ((await listWorktrees(config.home)).some((one) => one.run === id && one.status === 'ok')) {
        const opened = await workspaces.open(workspaceSpec(record, settingsOf(record)))
        const closed = await opened.close('always')
        if (closed.kept) return `its worktree holds work that is in no commit: ${closed.path ?? opened.path}`
      }
      if (!finalStatuses.includes(record.status)) await runs.kill(id, 'removed')
      const folder = findFolder({ run: record, home: config.home })
      await store.deleteRun(id)
      for (const path of [folder, join(config.home, 'runs', id)]) {
        if (path !== undefined) await rm(path, { recursive: true, force: true })
      }
      return undefined
    },
    worktrees: () => listWorktrees(config.home),
    removeStale: () => removeStale(config.home),
    trust: {
      state: (files) => trustState({ home: config.home, project: config.project, files }),
      give: (files) => trust({ home: config.home, project: config.project, files }),
    },
    async close() {
      await runs.close()
      kept.close()
      await store.close()
    },
  }
}

/** The commands a project's own files give are not run before its owner said so. */
async function demandTrust(config: Config, request: StartGoal): Promise<void> {
  const { agent, roles } = request.spec
  const named = [agent, config.agent, ...Object.values(roles).map((role) => role?.agent)]
  const files: SourceFile[] = []
  if (config.projectFile && named.some((name) => name !== undefined && config.projectAgents.includes(name))) {
    files.push(config.projectFile)
  }
  if (request.source && isInside(config.project, request.source.path)) files.push(request.source)
  if (files.length > 0) await requireTrust({ home: config.home, project: config.project, files })
}

function workspaceSpec(run: RunRecord, settings: RunSettings): WorkspaceSpec {
  const base = typeof run.meta?.base === 'string' ? run.meta.base : settings.base
  return {
    run: run.id,
    project: run.project,
    isolation: settings.isolation ?? 'worktree',
    ...(base === undefined ? {} : { base }),
    ...(settings.workspace ? { setup: settings.workspace.setup, copy: settings.workspace.copy } : {}),
  }
}

/** With several attempts, the run whose branch holds the chosen work. */
function chosenRun(result: Json | undefined): string | undefined {
  const chosen = (result as { readonly chosen?: unknown } | undefined)?.chosen
  return typeof chosen === 'string' ? chosen : undefined
}
