import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CustomAgent } from './agents/registry.ts'
import type { App, StartLoop } from './app.ts'
import { browserRunner } from './checks/browser.ts'
import { checkRunner } from './checks/command.ts'
import { systemClock as clock } from './clock.ts'
import { AgentShop } from './compose/agents.ts'
import { Confiner } from './compose/confine.ts'
import { driversOfThisMachine } from './compose/drivers.ts'
import { loopFolderOf, RunFolders } from './compose/folders.ts'
import { loopFolders } from './compose/loop-folders.ts'
import { reportOf } from './compose/report.ts'
import { Sandboxes } from './compose/sandboxes.ts'
import { markStory } from './config/plan.ts'
import { requireTrust, trust, trustState } from './config/trust.ts'
import { ensureHome, isInside, loadConfig, type SourceFile } from './config.ts'
import { capsOf } from './core/caps.ts'
import type { Json } from './core/json.ts'
import {
  type Agent,
  finalStatuses,
  type RunCommand,
  type RunRecord,
  type Workspace,
  type WorkspaceSpec,
} from './core/ports.ts'
import { usageAmounts } from './core/price.ts'
import { createRedact } from './core/redact.ts'
import { rehydrate, runResult } from './core/result.ts'
import { type RunSettings, settingsOf } from './core/settings.ts'
import { approvalPolicy } from './core/spec/confine.ts'
import { type LoopSpec, usesAgents } from './core/spec/loop.ts'
import { rolesOf } from './core/spec/repair.ts'
import { emptyView, fold } from './core/view.ts'
import type { ActivationLimits } from './engine/activation.ts'
import type { AnyLoop } from './engine/define.ts'
import { Runs } from './engine/runs.ts'
import type { Services } from './engine/services.ts'
import { rebuildFolder } from './folder/follow.ts'
import { findFolder } from './folder/place.ts'
import { coordinator } from './loops/coordinator.ts'
import { goal } from './loops/goal.ts'
import { repair } from './loops/repair.ts'
import { commandRunner } from './process/command.ts'
import { confined } from './process/sandbox/confined.ts'
import { supervise } from './process/supervise.ts'
import { fileBlobs } from './store/blobs.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { createGit } from './workspace/git.ts'
import { type ProjectFilesQuery, projectFiles } from './workspace/project-files.ts'
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
  const sandboxes = new Sandboxes(childEnv, warn)
  const confining = confined(supervise, sandboxes.of)
  const run: RunCommand = commandRunner(childEnv, redact, confining)
  const browser = browserRunner({ path: childEnv.PATH ?? '', home: config.userHome, run: confining, redact })
  const git = createGit({ env })
  const workspaces = createWorkspaces({ home: config.home, env, run })
  const prices = config.prices
  const agents = new AgentShop({
    config,
    env: childEnv,
    cwd,
    custom: options.agents ?? {},
    supervise: (call) => confining({ ...call, redact }),
  })
  const confiner = new Confiner({ config, sandboxOf: sandboxes.of })
  const blobs = fileBlobs({ folder: (id) => join(config.home, 'runs', id) })
  const drivers = driversOfThisMachine()
  const kept = new RunFolders({ store, home: config.home, drivers, warn })

  const servicesOf = (record: RunRecord): Services => {
    const settings = settingsOf(record)
    const { folder, loop } = kept.open(record) ?? {}
    const confine = confiner.of(settings)
    let workspace: Promise<Workspace> | undefined
    return {
      role: (name) => {
        const own = settings.roles?.[name]
        const fallback = own?.fallback ?? settings.fallback ?? config.fallback
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
        const first = agents.get(settings, own?.agent)
        const other = fallback === undefined ? undefined : agents.get(settings, fallback)
        return {
          ...shared,
          agent: first,
          ...(model === undefined ? {} : { model }),
          // Another agent knows other models.
          ...(other === undefined || other === first ? {} : { fallback: { ...shared, agent: other } }),
        }
      },
      workspace: () => {
        workspace ??= workspaces.open({ ...workspaceSpec(record, settings), ...(confine ? { confine } : {}) })
        return workspace
      },
      ...(confine ? { confine } : {}),
      runCheck: checkRunner(run),
      runCommand: run,
      amounts: (usage) => usageAmounts(usage ?? {}, prices),
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
      onDelta: (delta) => options.onDelta?.(record.id, delta),
    }
  }

  const runs = new Runs({
    store,
    clock,
    blobs,
    redact,
    drivers,
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    loops: [goal, repair, coordinator, ...(options.loops ?? [])],
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

  const agentFiles = async ({ base, ...query }: Omit<ProjectFilesQuery, 'base'> & { base: string | undefined }) =>
    query.names.length === 0 ? [] : await projectFiles(git, { ...query, ...(base === undefined ? {} : { base }) })

  /** What of a project's own files can run commands in this run: nothing of it runs before its owner said so. */
  const trustedFiles = async ({ spec, source, project = cwd }: StartLoop): Promise<SourceFile[]> => {
    const own = usesAgents(spec) && spec.agentCommand === undefined ? [spec.agent ?? config.agent] : []
    const names = [...own, ...namesOf(spec, config.fallback)]
    const files: SourceFile[] = []
    if (config.projectFile && agents.isOfProject(names)) files.push(config.projectFile)
    if (source && isInside(config.project, source.path)) files.push(source)
    const { isolation, base } = spec
    const { copy: copied } = spec.workspace
    const led = [...names, ...agents.namesIn(spec.agentCommand)]
    const ofAgents = await agentFiles({
      project: resolve(project),
      isolation,
      base,
      copied,
      names: agents.projectFiles(led),
    })
    return [...files, ...ofAgents]
  }

  /** Says now, not in the first step, that something is not trusted, an agent does not exist or cannot be confined. Answers the run's agent. */
  const admit = async (request: StartLoop): Promise<Agent | undefined> => {
    const { spec } = request
    await requireTrust({ home: config.home, project: config.project, files: await trustedFiles(request) })
    const settings = settingsOf({ kind: spec.kind, spec })
    const own = usesAgents(spec) ? agents.get(settings) : undefined
    const others = namesOf(spec, config.fallback).map((name) => agents.get(settings, name))
    await confiner.demand(settings, own === undefined ? others : [own, ...others])
    return own
  }

  const viewOf = async (id: string) => {
    const record = await runs.get(id)
    return fold(emptyView(record), await store.read(id))
  }

  const workDiff = async (id: string, maxBytes?: number): Promise<string> => {
    const asked = await runs.get(id)
    const record = await runs.get(chosenRun(asked.result) ?? id)
    return await (await workspaces.open(workspaceSpec(record, settingsOf(record)))).diff(maxBytes)
  }

  return {
    config,
    runs,
    store,
    agents: agents.known,
    sandbox: (mode = config.sandbox.mode ?? 'auto') => sandboxes.of(mode),
    async start(request: StartLoop) {
      const { spec } = request
      const own = await admit(request)
      return await runs.start({
        loop: spec.kind,
        spec,
        project: resolve(request.project ?? cwd),
        labels: { ...spec.labels, ...request.labels },
        caps: capsOf(spec),
        scopes: ['all'],
        ...(request.id === undefined ? {} : { id: request.id }),
        meta: { ...request.meta, ...(own === undefined ? {} : { agent: own.name }) },
      })
    },
    async startTogether({ loops, concurrency, caps }) {
      for (const one of loops) await admit(one)
      return await runs.start({
        loop: coordinator.name,
        spec: {
          loops: loops.map(({ name, spec, project }) => ({ name, spec, project: resolve(project ?? cwd) })),
          ...(concurrency === undefined ? {} : { concurrency }),
        },
        project: resolve(cwd),
        caps,
        scopes: ['all'],
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
    async report(id, path) {
      const run = await runs.get(id)
      const view = await viewOf(id)
      const result = runResult(view, rehydrate(run, runs.interrupted(run)))
      // The worktree may be gone, and a run may never have had one: then there is no diff to show.
      const diff = await workDiff(id).catch(() => undefined)
      return reportOf({ run, view, result, diff, path, redact, now: clock.now() })
    },
    async diff(id, maxBytes) {
      return await workDiff(id, maxBytes)
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
    loopFolders: loopFolders(drivers),
    trust: {
      state: (files) => trustState({ home: config.home, project: config.project, files }),
      give: (files) => trust({ home: config.home, project: config.project, files }),
      filesOf: trustedFiles,
      filesForAgents: ({ base, isolation = config.isolation } = {}) =>
        agentFiles({
          project: cwd,
          isolation,
          copied: 'any',
          names: agents.projectFiles(),
          base,
        }),
    },
    async close() {
      await runs.close()
      kept.close()
      await store.close()
    },
  }
}

/** The agents a run may call besides its own. */
function namesOf(spec: LoopSpec, fallback: string | undefined): string[] {
  const own: RunSettings['roles'] = spec.kind === 'repair' ? rolesOf(spec) : spec.roles
  const roles = Object.values(own ?? {}).flatMap((role) => [role?.agent, role?.fallback])
  const attempts = spec.kind === 'repair' ? [] : (spec.attemptAgents ?? [])
  const named = [...roles, ...attempts, spec.fallback ?? fallback]
  return [...new Set(named.filter((name) => name !== undefined))]
}

function workspaceSpec(run: RunRecord, settings: RunSettings): WorkspaceSpec {
  const base = typeof run.meta?.base === 'string' ? run.meta.base : settings.base
  const loopFolder = loopFolderOf(run)
  return {
    run: run.id,
    project: run.project,
    isolation: settings.isolation ?? 'worktree',
    ...(base === undefined ? {} : { base }),
    ...(loopFolder === undefined ? {} : { loopFolder }),
    ...(settings.workspace ? { setup: settings.workspace.setup, copy: settings.workspace.copy } : {}),
  }
}

/** With several attempts, the run whose branch holds the chosen work. */
function chosenRun(result: Json | undefined): string | undefined {
  const chosen = (result as { readonly chosen?: unknown } | undefined)?.chosen
  return typeof chosen === 'string' ? chosen : undefined
}
