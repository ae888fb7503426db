import type { Config } from '../config.ts'
import { messageOf } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { objectOf } from '../core/peek.ts'
import type { Confine, RunRecord, Workspace, WorkspaceSpec, Workspaces } from '../core/ports.ts'
import { type RunSettings, settingsOf } from '../core/settings.ts'
import type { Git } from '../workspace/git.ts'
import { discard, listWorktrees } from '../workspace/prune.ts'
import { type MergedIntoUser, mergeIntoUser } from '../workspace/user.ts'
import { loopFolderOf } from './folders.ts'

export interface RunWorkOptions {
  readonly config: Pick<Config, 'home' | 'cleanup'>
  readonly git: Git
  readonly workspaces: Workspaces
  readonly warn: (message: string) => void
}

/** The work of runs: the workspace it is done in, what came of it, and how it goes away. */
export class RunWork {
  readonly #options: RunWorkOptions

  constructor(options: RunWorkOptions) {
    this.#options = options
  }

  async open(run: RunRecord, confine?: Confine): Promise<Workspace> {
    return await this.#options.workspaces.open({
      ...workspaceSpec(run, settingsOf(run)),
      ...(confine ? { confine } : {}),
    })
  }

  /** Closes the workspace of a run that has ended, where it is over or is always to be cleaned up. What fails is a warning. */
  async close(run: RunRecord): Promise<void> {
    const { config, warn } = this.#options
    const settings = settingsOf(run)
    const over = run.status === 'done' || run.status === 'cancelled' || run.status === 'killed'
    // What a tick left half-done, or a person decides about, is in its worktree.
    if (!over && (settings.cleanup !== 'always' || run.kind === 'triage')) return
    if (run.kind === 'triage' && !keepsWork(run)) return await this.#throwAway(run.id)
    // A run that never opened its workspace is not given one to close.
    if (!(await listWorktrees(config.home)).some((tree) => (tree.run ?? tree.name) === run.id)) return
    try {
      const workspace = await this.open(run)
      const said = new Set(workspace.warnings)
      const closed = await workspace.close(settings.cleanup ?? config.cleanup)
      for (const note of workspace.warnings) if (!said.has(note)) warn(note)
      if (!closed.kept && closed.branch === undefined) warn(`nothing changed: the worktree of ${run.id} was removed`)
    } catch (error) {
      warn(`the workspace of ${run.id} could not be closed: ${messageOf(error)}`)
    }
  }

  /** What a tick leaves that nobody wants: nothing but its record. */
  async #throwAway(run: string): Promise<void> {
    const { git, config, warn } = this.#options
    if (!(await listWorktrees(config.home)).some((tree) => (tree.run ?? tree.name) === run)) return
    try {
      await discard(git, config.home, run)
    } catch (error) {
      warn(`the worktree of ${run} could not be removed: ${messageOf(error)}`)
    }
  }

  /** Against its base, as a unified diff. */
  async diff(run: RunRecord, maxBytes?: number): Promise<string> {
    return await (await this.open(run)).diff(maxBytes)
  }

  /** Merges a run's branch into the branch the user is on. */
  async merge(run: RunRecord): Promise<MergedIntoUser> {
    const { git, config } = this.#options
    return await mergeIntoUser({
      git,
      home: config.home,
      project: run.project,
      branch: `loopwright/${chosenRun(run) ?? run.id}`,
    })
  }

  /** Throws the work of a run and of its attempts away. Of several attempts each has its own worktree; the run itself may have none. */
  async discard(run: string, attempts: readonly string[]): Promise<{ readonly branches: readonly string[] }> {
    const { git, config } = this.#options
    const trees = (await listWorktrees(config.home)).map((tree) => tree.run ?? tree.name)
    const there = [run, ...attempts].filter((one) => attempts.length === 0 || trees.includes(one))
    const branches: string[] = []
    for (const one of there) branches.push(...(await discard(git, config.home, one)).branches)
    return { branches }
  }

  /** Removes the worktree of a run; answers why it stays, when it holds work that is in no commit. */
  async remove(run: RunRecord): Promise<string | undefined> {
    const trees = await listWorktrees(this.#options.config.home)
    if (!trees.some((tree) => tree.run === run.id && tree.status === 'ok')) return undefined
    const opened = await this.open(run)
    const closed = await opened.close('always')
    return closed.kept ? `its worktree holds work that is in no commit: ${closed.path ?? opened.path}` : undefined
  }
}

/** Whether a tick's change is of use to anybody: it was let through. */
function keepsWork({ result }: RunRecord): boolean {
  const { outcome } = objectOf(result)
  return outcome === 'committed' || outcome === 'proposed' || outcome === 'merged'
}

/** With several attempts, the run whose branch holds the chosen work. */
export function chosenRun({ result }: { readonly result?: Json }): string | undefined {
  const chosen = (result as { readonly chosen?: unknown } | undefined)?.chosen
  return typeof chosen === 'string' ? chosen : undefined
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
    // A tick's change was looked at as it was committed: nothing else may join it.
    ...(run.kind === 'triage' ? { sealed: true } : {}),
    ...(settings.workspace ? { setup: settings.workspace.setup, copy: settings.workspace.copy } : {}),
  }
}
