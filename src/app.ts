import type { AgentListing } from './agents/registry.ts'
import type { Gate } from './compose/triage/gate.ts'
import type { TriageInitDone, TriageInitRequest } from './compose/triage/init.ts'
import type { Triage } from './compose/triage/triage.ts'
import type { TrustState } from './config/trust.ts'
import type { Config, SourceFile } from './config.ts'
import type { Caps } from './core/budget.ts'
import type { JsonObject } from './core/json.ts'
import type { Isolation, RunRecord, SandboxMode } from './core/ports.ts'
import type { RunResult } from './core/result.ts'
import type { LoopSpec } from './core/spec/loop.ts'
import type { RunView } from './core/view.ts'
import type { Runs } from './engine/runs.ts'
import type { LoopFolderStatus } from './folder/loop/status.ts'
import type { SandboxState } from './process/sandbox/sandbox.ts'
import type { SqliteStore } from './store/sqlite.ts'
import type { WorktreeInfo } from './workspace/prune.ts'
import type { MergedIntoUser } from './workspace/user.ts'

export interface StartLoop {
  readonly spec: LoopSpec
  /** Absolute; the directory the app was opened in by default. */
  readonly project?: string
  readonly labels?: Readonly<Record<string, string>>
  /** The file the spec was read from: when it lies in the project, its owner has to trust it first. */
  readonly source?: SourceFile
  readonly id?: string
  readonly meta?: JsonObject
}

export interface StartTogether {
  readonly loops: readonly (StartLoop & { readonly name: string })[]
  readonly concurrency?: number
  /** Of all of them together. */
  readonly caps: Caps
}

/** Everything a surface needs, wired. Surfaces hold no logic of their own: they call this. */
export interface App {
  readonly config: Config
  readonly runs: Runs
  readonly store: SqliteStore
  readonly agents: {
    readonly names: readonly string[]
    choose(name?: string): { readonly name: string; readonly because: string }
    list(): Promise<AgentListing[]>
  }
  /** What confines processes on this machine, proved by starting something in it; `problem` says why nothing does. */
  sandbox(mode?: SandboxMode): Promise<SandboxState>
  /** Makes one run of several loops, each a child of its own, under one budget besides their own; queued. Rejects as `start`. */
  startTogether(request: StartTogether): Promise<RunRecord>
  /** Makes the run of a loop, queued. Rejects with `untrusted`, `bad_input` (unknown agent), `missing_tool`. */
  start(request: StartLoop): Promise<RunRecord>
  view(id: string): Promise<RunView>
  result(id: string): Promise<RunResult>
  /** Where the run's derived folder is, or would be; absolute. */
  runFolder(run: RunRecord): string
  /** Derives the folder from the journal anew and returns its path. */
  rebuild(id: string): Promise<string>
  /** The run as one page of HTML that needs nothing else; `path` is where it will stand, for links to what lies beside it. */
  report(id: string, path: string): Promise<string>
  /** The work of a run against its base, as a unified diff. */
  diff(id: string, maxBytes?: number): Promise<string>
  /** Merges the run's branch into the branch the user is on. */
  merge(id: string): Promise<MergedIntoUser>
  /** Throws a run's work away: worktrees and branches. */
  discard(id: string): Promise<{ readonly branches: readonly string[] }>
  /**
   * Removes a run with its journal, folder and worktree; its branch stays. One that is not over is killed first. Answers why it
   * stays, when its worktree holds work that is in no commit.
   */
  remove(id: string): Promise<string | undefined>
  worktrees(): Promise<WorktreeInfo[]>
  /** Removes what crashes left half-made; answers what it removed. */
  removeStale(): Promise<string[]>
  /** Folders that hold a loop of their own. */
  readonly loopFolders: {
    /** Makes one for a repair loop; answers the paths of its files, relative. Rejects with `conflict` for what is there, unless forced. */
    make(
      folder: string,
      options: { readonly mission?: string; readonly projectRoot: string; readonly force?: boolean },
    ): Promise<string[]>
    /** How the loop of one stands, and whether its file is valid. */
    status(folder: string): Promise<LoopFolderStatus>
    /** The same for people. */
    statusText(status: LoopFolderStatus, width?: number): string
  }
  readonly trust: {
    state(files: readonly SourceFile[]): Promise<TrustState>
    give(files: readonly SourceFile[]): Promise<void>
    /** The files of the project that can run commands in a run of this loop. */
    filesOf(request: StartLoop): Promise<SourceFile[]>
    /** Those among them that make any agent we know run commands, at a branch or commit (default HEAD), or in place. */
    filesForAgents(where?: { readonly base?: string; readonly isolation?: Isolation }): Promise<SourceFile[]>
  }
  /** The triage loops of the project: patterns, plans, ticks. */
  readonly triage: Triage
  /** Sets a project up for a triage loop. Rejects with `not_found` for a pattern there is not, `workspace` for links in the way. */
  initTriage(project: string, request: TriageInitRequest): Promise<TriageInitDone>
  /** What the project's gate says of changes. */
  readonly gate: Gate
  /** Pauses what this process drives and closes the store. */
  close(): Promise<void>
}
