import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CustomAgent } from './agents/registry.ts'
import type { App } from './app.ts'
import { browserRunner } from './checks/browser.ts'
import { systemClock as clock } from './clock.ts'
import { Admission } from './compose/admission.ts'
import { AgentShop } from './compose/agents.ts'
import { Confiner } from './compose/confine.ts'
import { problemOf } from './compose/design.ts'
import { driversOfThisMachine } from './compose/drivers.ts'
import { RunFolders } from './compose/folders.ts'
import { loopFolders } from './compose/loop-folders.ts'
import { noticesFor } from './compose/notify.ts'
import { reportOf } from './compose/report.ts'
import { Sandboxes } from './compose/sandboxes.ts'
import { runServices } from './compose/services.ts'
import { gateOf } from './compose/triage/gate.ts'
import { Triage } from './compose/triage/triage.ts'
import { deskOf } from './compose/triage/wiring.ts'
import { chosenRun, RunWork } from './compose/work.ts'
import { ensureHome, loadConfig } from './config.ts'
import { capsOf } from './core/caps.ts'
import { finalStatuses, type RunRecord } from './core/ports.ts'
import { createRedact } from './core/redact.ts'
import { rehydrate, runResult } from './core/result.ts'
import type { Notice } from './core/triage/ports.ts'
import { emptyView, fold, type RunView } from './core/view.ts'
import type { ActivationLimits } from './engine/activation.ts'
import type { AnyLoop } from './engine/define.ts'
import { Runs } from './engine/runs.ts'
import { rebuildFolder } from './folder/follow.ts'
import { findFolder } from './folder/place.ts'
import { coordinator } from './loops/coordinator.ts'
import { designer } from './loops/design.ts'
import { goal } from './loops/goal.ts'
import { repair } from './loops/repair.ts'
import { triage } from './loops/triage.ts'
import { commandRunner } from './process/command.ts'
import { confined } from './process/sandbox/confined.ts'
import { supervise } from './process/supervise.ts'
import { fileBlobs } from './store/blobs.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { createGit } from './workspace/git.ts'
import { listWorktrees, removeStale } from './workspace/prune.ts'
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
    Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined && !config.withheld.has(one[0])),
  )
  const redact = createRedact({ values: [...config.secrets] })
  const sandboxes = new Sandboxes(childEnv, warn)
  const confining = confined(supervise, sandboxes.of)
  const runCommand = commandRunner(childEnv, redact, confining)
  const browser = browserRunner({
    path: childEnv.PATH ?? '',
    env: childEnv,
    home: config.userHome,
    run: confining,
    redact,
  })
  const git = createGit({ env })
  const workspaces = createWorkspaces({ home: config.home, env, run: runCommand })
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
  const folders = new RunFolders({ store, home: config.home, drivers, warn })
  const work = new RunWork({ config, git, workspaces, warn })
  const admission = new Admission({ config, cwd, git, agents, confiner })
  const { onDelta } = options
  const notices = noticesFor({ config, env: childEnv, warn })
  const desk = {
    ...{ config, env: childEnv, store, clock, git, work, runCommand, warn },
    tell: (notice: Notice) => notices.tell(notice),
  }
  const runs = new Runs({
    store,
    clock,
    blobs,
    redact,
    drivers,
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    loops: [goal, repair, triage, coordinator, designer(problemOf), ...(options.loops ?? [])],
    servicesOf: runServices({
      ...{ config, env: childEnv, agents, confiner, admission, work, folders, runCommand, browser, onDelta },
      deskOf: (run, workspace, confine) => deskOf(desk, run, workspace, confine),
    }),
    onEnding: async (run) => {
      await work.close(run)
      await folders.finish(run)
    },
  })

  const viewOf = async (id: string) => {
    const run = await runs.get(id)
    return fold(emptyView(run), await store.read(id))
  }
  const resultOf = (run: RunRecord, view: RunView) => runResult(view, rehydrate(run, runs.interrupted(run)))
  const diffOf = async (id: string, maxBytes?: number) => {
    const asked = await runs.get(id)
    return await work.diff(await runs.get(chosenRun(asked) ?? id), maxBytes)
  }

  const patterns = new Triage({
    ...{ config, git, store, clock, runs, admission, warn },
    root: config.project,
    chooseAgent: () => agents.known.choose().name,
  })

  return {
    config,
    runs,
    store,
    agents: agents.known,
    sandbox: (mode = config.sandbox.mode ?? 'auto') => sandboxes.of(mode),
    async start(request) {
      const { spec } = request
      const agent = await admission.admit(request)
      return await runs.start({
        loop: spec.kind,
        spec,
        project: resolve(request.project ?? cwd),
        labels: { ...spec.labels, ...request.labels },
        caps: capsOf(spec),
        scopes: ['all'],
        ...(request.id === undefined ? {} : { id: request.id }),
        meta: { ...request.meta, ...(agent === undefined ? {} : { agent: agent.name }) },
      })
    },
    async startTogether({ loops, concurrency, caps }) {
      for (const one of loops) await admission.admit(one)
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
    result: async (id) => resultOf(await runs.get(id), await viewOf(id)),
    runFolder: (run) => findFolder({ run, home: config.home }) ?? join(run.project, '.loopwright', 'runs', run.id),
    rebuild: async (id) => (await rebuildFolder({ run: await runs.get(id), home: config.home, store, blobs })).path,
    async report(id, path) {
      const run = await runs.get(id)
      const view = await viewOf(id)
      // The worktree may be gone, and a run may never have had one: then there is no diff to show.
      const diff = await diffOf(id).catch(() => undefined)
      return reportOf({ run, view, result: resultOf(run, view), diff, path, redact, now: clock.now() })
    },
    diff: diffOf,
    merge: async (id) => await work.merge(await runs.get(id)),
    async discard(id) {
      const attempts = (await runs.list()).filter((run) => run.parent?.run === id).map((run) => run.id)
      return await work.discard(id, attempts)
    },
    async remove(id) {
      const run = await runs.get(id)
      const held = await work.remove(run)
      if (held !== undefined) return held
      if (!finalStatuses.includes(run.status)) await runs.kill(id, 'removed')
      const folder = findFolder({ run, home: config.home })
      await store.deleteRun(id)
      for (const path of [folder, join(config.home, 'runs', id)]) {
        if (path !== undefined) await rm(path, { recursive: true, force: true })
      }
      return undefined
    },
    worktrees: () => listWorktrees(config.home),
    removeStale: () => removeStale(config.home),
    loopFolders: loopFolders(drivers),
    trust: admission.trust,
    triage: patterns,
    initTriage: async (project, request) =>
      await (await import('./compose/triage/init.ts')).initTriage(project, request),
    gate: gateOf({
      ...{ git, root: config.project, home: config.home, maxLines: config.triage.maxLines },
      own: async () => (await patterns.patterns()).map(({ state }) => state),
    }),
    async close() {
      await runs.close()
      await notices.settle(15_000)
      notices.close()
      folders.close()
      await store.close()
    },
  }
}
