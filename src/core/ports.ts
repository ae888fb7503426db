import type { BrowserFinding } from './browser.ts'
import type { Amounts, Caps, Refusal, Spend } from './budget.ts'
import type { BlobRef, EventBody, JournalEvent, Signal, StepKey } from './event.ts'
import type { Json, JsonObject } from './json.ts'

// ─── Store ──────────────────────────────────────────────────────────────────

/**
 * queued: made, never driven · running: a driver holds it · waiting: every branch is parked · paused: a person paused it ·
 * stopped: a guard (budget, stop request) ended the iterations, resumable · the rest is final.
 * A run that is `running` under a dead driver is shown as interrupted.
 */
export type RunStatus =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'stopped'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'killed'

/** Statuses that nothing continues. `failed` is not among them: a run that failed on an error can be resumed. */
export const finalStatuses: readonly RunStatus[] = ['done', 'cancelled', 'killed']

/** Who drives a run: a process on a host. `startedAt` tells a reused pid from the same process. */
export interface DriverId {
  readonly id: string
  readonly host: string
  readonly pid: number
  /** The kernel's start time of the process (clock ticks since boot on Linux), as text; empty where unknown. */
  readonly started: string
}

export interface NewRun {
  readonly id: string
  /** The registered name of the loop definition. */
  readonly loop: string
  readonly kind: string
  readonly version: string
  readonly spec: Json
  readonly labels?: Readonly<Record<string, string>>
  /** The directory the run is about; absolute. */
  readonly project: string
  readonly parent?: { readonly run: string; readonly key: StepKey }
  readonly caps?: Caps
  /** The ledger scopes every reservation of this run is counted in, its own (`run:<id>`) first. */
  readonly scopes: readonly string[]
  /** Whatever a surface wants to find again (isolation, agent names …); never read by the engine. */
  readonly meta?: JsonObject
}

export interface RunRecord extends NewRun {
  readonly labels: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
  readonly status: RunStatus
  /** Why it is in this status, for people: `goal_complete`, `max_iterations (4) reached` … */
  readonly reason?: string
  readonly wakeAt?: number
  readonly epoch: number
  readonly driver?: DriverId
  readonly leaseUntil?: number
  /** The seq at which the current journal segment starts. */
  readonly segmentSeq: number
  readonly lastSeq: number
  readonly activeMs: number
  readonly result?: Json
}

/** A change of the run's row, made in the same transaction as an append. `null` clears a field. */
export interface RunPatch {
  readonly status?: RunStatus
  readonly reason?: string | null
  readonly wakeAt?: number | null
  readonly activeMs?: number
  readonly result?: Json | null
  /** Sets the segment start to the seq of the last event of this append. */
  readonly newSegment?: boolean
  /** Gives the run up: the driver and its lease are cleared. */
  readonly release?: boolean
}

/** One thing to append. A reservation that a cap refuses leaves its own entry out and nothing else. */
export interface Entry {
  readonly event: EventBody
  readonly reserve?: { readonly step: StepKey; readonly attempt: number; readonly amounts: Amounts }
  readonly settle?: { readonly step: StepKey; readonly attempt: number; readonly amounts: Amounts }
  /** Marks this inbox signal consumed. */
  readonly consume?: string
  /** Replaces caps of the run's own scope; absent dimensions stay. */
  readonly caps?: Caps
}

export type Appended =
  | { readonly ok: true; readonly event: JournalEvent }
  | { readonly ok: false; readonly refusal: Refusal }

export interface RunFilter {
  readonly status?: readonly RunStatus[]
  readonly labels?: Readonly<Record<string, string>>
  readonly project?: string
  readonly parent?: string
  readonly loop?: string
  readonly limit?: number
}

export interface Claim {
  readonly run: RunRecord
  readonly epoch: number
  /** The driver that held the run before and had not released it, if any. */
  readonly previous?: DriverId
}

/**
 * Where journals live. Every method may reject with `store_locked`, `store_full`, `store_readonly`, `store_newer`,
 * `store_corrupt`; `append`, `renew` also with `fenced`. One contract suite (test/contract/store.ts) runs on every implementation.
 */
export interface Store {
  /** Makes the run, its caps and nothing else. The same id again returns the run that is there (idempotent). */
  createRun(run: NewRun): Promise<RunRecord>
  getRun(id: string): Promise<RunRecord | undefined>
  /** Newest first. */
  listRuns(filter?: RunFilter): Promise<RunRecord[]>
  /**
   * Takes the run for a driver and raises its epoch. Rejects with `conflict` while another driver holds an unexpired lease,
   * unless `force` (the caller has made sure that the other is dead or gone). Status becomes running.
   */
  claim(
    id: string,
    driver: DriverId,
    options: { readonly leaseUntil: number; readonly force?: boolean },
  ): Promise<Claim>
  /** Extends the lease. Rejects with `fenced` when the epoch is no longer ours. */
  renew(id: string, epoch: number, leaseUntil: number): Promise<void>
  /**
   * Appends in one transaction: the epoch is checked, refused reservations are left out, seqs are assigned, ledger, inbox and
   * row are updated. Answers one result per entry, in order; durable when it resolves. Reserving or settling the same
   * (step, attempt) twice counts once.
   */
  append(id: string, epoch: number, entries: readonly Entry[], patch?: RunPatch): Promise<Appended[]>
  /** Events in journal order. `from`/`to` are seqs, both inclusive. */
  read(id: string, range?: { readonly from?: number; readonly to?: number }): Promise<JournalEvent[]>
  /** Puts a signal in the inbox; false when its id was there before. Rejects with `not_found`. */
  post(id: string, signal: Signal): Promise<boolean>
  /** Signals not consumed yet, in arrival order. */
  inbox(id: string): Promise<Signal[]>
  /**
   * Calls back after appends and posts to this run (also by other processes, then with some delay). `append` says that it was an
   * append through this very store, which puts nothing in the inbox. Returns the way to stop.
   */
  subscribe(id: string, onChange: (by?: 'append') => void): () => void
  /** Runs that should be driven now: queued, due by `wakeAt`, or waiting with something in the inbox. */
  due(now: number): Promise<RunRecord[]>
  /** What a scope has used. */
  spend(scope: string): Promise<Spend>
  caps(scope: string): Promise<Caps>
  /** Sets caps of a scope that is not a run's own (a pattern and day, everything). */
  setCaps(scope: string, caps: Caps): Promise<void>
  /** The kill switch: while on, every reservation is refused. Survives restarts. */
  killSwitch(set?: boolean): Promise<boolean>
  /** Copies events up to `to` (and their ledger as settled history, not counted again) into the new, empty run. */
  copyJournal(from: string, into: string, to: number): Promise<void>
  /** Removes a final run with everything of it. */
  deleteRun(id: string): Promise<void>
  /** Integrity, schema version, counts. */
  check(): Promise<StoreHealth>
  close(): Promise<void>
}

export interface StoreHealth {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly path?: string
  readonly bytes?: number
  readonly runs: number
  readonly schemaVersion: number
}

// ─── Clock, blobs, redaction ────────────────────────────────────────────────

/** Time and randomness come in through here, so that a simulator can own them. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  /** Calls back once after `ms` (at least 0); returns the way to call it off. */
  after(ms: number, call: () => void): () => void
}

/** Keeps values too large for the journal. `get` rejects with `not_found` when the file is gone or its hash differs. */
export interface Blobs {
  put(run: string, text: string): Promise<BlobRef>
  get(run: string, ref: BlobRef): Promise<string>
}

/** Takes secrets out of a text before it is stored or shown. */
export type Redact = (text: string) => string

// ─── Agents ─────────────────────────────────────────────────────────────────

export type AgentOutcome =
  | 'done'
  | 'refused'
  | 'failed'
  | 'rate_limited'
  | 'auth'
  | 'stalled'
  | 'timeout'
  | 'oom'
  /** It printed more than a process may. */
  | 'flood'
  /** It did the same thing with the same result again and again. */
  | 'stuck'
  | 'killed'

export interface AgentRequest {
  readonly role: string
  readonly system: string
  readonly prompt: string
  /** Structured facts behind the prompt (goal, subgoal, iteration …), for agents that are functions. */
  readonly context?: JsonObject
  readonly expectsJson?: boolean
  readonly model?: string
  /** Where the agent works; absolute. */
  readonly cwd: string
  /** What it works on, where that is in memory and `cwd` leads nowhere: for agents that are functions. */
  readonly files?: MemoryFiles
  /** Added to the agent's environment (LOOPWRIGHT_RUN …). */
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds; absent = no cap per call. */
  readonly timeoutMs?: number
  /** Milliseconds without output and without work of its processes after which the call ends as stalled; absent or 0 = never. */
  readonly stallMs?: number
  /** The agent's own session to go on with. */
  readonly sessionId?: string
  /** What that session had used before, as `AgentResponse.sessionTotals` of its last call said. */
  readonly sessionTotals?: Usage
  /** The agent's full output goes to this file, as it comes. */
  readonly outputPath?: string
  /** The agent acts without asking. */
  readonly skipPermissions?: boolean
  /** What is answered to an agent that asks for permission; absent = `edits`. */
  readonly approvals?: ApprovalPolicy
  /** How the agent's processes are confined; absent = not at all. */
  readonly confinement?: Confinement
  /** Tokens and money this call may use; past it the agent is stopped. */
  readonly allowance?: Amounts
}

export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly cacheReadTokens?: number
  readonly cacheWriteTokens?: number
  /** US dollars, when the agent says so itself. */
  readonly costUsd?: number
  readonly model?: string
}

/** `text` is all a custom agent must give; the rest has defaults (outcome `done`). */
export interface AgentResponse {
  readonly text: string
  readonly outcome?: AgentOutcome
  /** Of this call alone. */
  readonly usage?: Usage
  readonly sessionId?: string
  /** What the agent counts for its whole session, where it counts that way. */
  readonly sessionTotals?: Usage
  /** What went wrong and what to do, for outcomes other than done. */
  readonly message?: string
  /** rate_limited: when to try again, milliseconds since 1970. */
  readonly resetAt?: number
  /** Characters the agent put out in all. */
  readonly chars?: number
  readonly raw?: Json
}

export interface AgentCall {
  readonly signal: AbortSignal
  readonly onDelta?: (delta: AgentDelta) => void
}

/**
 * What an agent says while it works, in one vocabulary for all agents. `usage` is the running total of the call. A tool's `id` joins its
 * start and its result; `input` and `output` are bounded texts.
 */
export type AgentDelta =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thought'; readonly text: string }
  | {
      readonly type: 'tool'
      readonly name: string
      readonly id?: string
      /** For people, one line: the file, the command … */
      readonly detail?: string
      readonly input?: string
    }
  | {
      readonly type: 'tool_result'
      readonly name: string
      readonly id?: string
      readonly ok: boolean
      readonly output?: string
    }
  | { readonly type: 'permission'; readonly title: string; readonly decision: 'allow' | 'deny' }
  /** Something people should know: a warning of the supervisor. */
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'usage'; readonly usage: Usage }

/** What does work on a request: an adapter, never a role. Expected failure is an outcome; a throw becomes outcome `failed`. */
export interface Agent {
  readonly name: string
  /** It starts processes, which can and, acting without asking, must be confined. */
  readonly spawns?: boolean
  run(request: AgentRequest, call: AgentCall): Promise<AgentResponse>
}

/** What an agent asks permission for, in the terms of the Agent Client Protocol. */
export interface PermissionQuestion {
  readonly kind: 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'other'
  /** What it says it wants to do: the command line, the file. */
  readonly title: string
  /** Files it is about; absolute. */
  readonly paths: readonly string[]
}

/** `*` in a match stands for any text. */
export interface ApprovalRule {
  readonly decision: 'allow' | 'deny'
  readonly kind?: PermissionQuestion['kind']
  /** Compared with the title and with each path. */
  readonly match?: string
}

/** The first rule that fits decides; without one the mode does: `edits` allows to read, search and change files of the workspace. */
export interface ApprovalPolicy {
  readonly mode: 'none' | 'edits' | 'all'
  readonly rules: readonly ApprovalRule[]
}

// ─── Confinement ────────────────────────────────────────────────────────────

/**
 * What a confined process can reach. Everything it can see is read-only but `writable`; paths are absolute, the longest one that fits
 * a file decides, and of equal ones the stricter.
 */
export interface Confinement {
  readonly writable: readonly string[]
  /** Seen, read-only, also inside of what is hidden or writable. */
  readonly readable: readonly string[]
  /** Directories and files that are seen as they are; what is written there is gone afterwards. Of a file that holds for its directory too. */
  readonly fleeting?: readonly string[]
  /** Not seen at all. */
  readonly hidden: readonly string[]
  /**
   * `open`, `none`, or the hosts that may be reached: `api.example.com`, `*.example.com` (subdomains only), each with `:port` or for 443 and 80;
   * `localhost:11434` for a server on this machine.
   */
  readonly network: 'open' | 'none' | readonly string[]
  /** Names of variables that come through; a `*` at the end stands for any rest. */
  readonly env: readonly string[]
  /** With what; `auto` by default. */
  readonly by?: Exclude<SandboxMode, 'none'>
}

/** `auto` takes what works on this machine. */
export type SandboxMode = 'auto' | 'bwrap' | 'srt' | 'none'

// ─── Workspaces ─────────────────────────────────────────────────────────────

export type Isolation = 'worktree' | 'inplace'
export type Cleanup = 'auto' | 'always' | 'never'

export interface WorkspaceSpec {
  readonly run: string
  /** Where the user started the run; absolute; may be a subdirectory of a repository, or no repository at all. */
  readonly project: string
  readonly isolation: Isolation
  /** The branch or commit to start from; default HEAD. A forked run starts at a checkpoint. */
  readonly base?: string
  /** Commands for a fresh worktree (install dependencies …), already trusted. Each is argv or a shell string. */
  readonly setup?: readonly CommandSpec[]
  /** Untracked files to copy from the project into a fresh worktree, as paths or globs relative to the repository's root. */
  readonly copy?: readonly string[]
  /** How the setup commands are confined; absent: not at all. */
  readonly confine?: Confine
  /** The loop folder the run keeps, absolute; what a run writes there is no work of it. */
  readonly loopFolder?: string
  /**
   * Only what a checkpoint took is ever delivered: commits of agents' own are folded into it, what is written after it gets into no commit,
   * and a diff is the checkpoint's.
   */
  readonly sealed?: boolean
}

/** Where a workspace is, as its confinement needs to know. */
export interface WorkspacePlace {
  /** The top of the worktree (or the directory itself). */
  readonly root: string
  /** Repositories behind it that git in a sandbox has to read and nobody may write; absolute. */
  readonly repositories: readonly string[]
  /** The user's own copy, which a worktree stands for; absent when the work happens in place. */
  readonly original?: string
}

/**
 * How the processes that work in a workspace are confined; undefined: they are not. Rejects with `missing_tool` where they have to be
 * and nothing here can do it.
 */
export type Confine = (workspace: WorkspacePlace) => Promise<Confinement | undefined>

/** Opens workspaces. Rejects with `workspace`, `missing_tool` (git) or `bad_input` (no such directory). */
export interface Workspaces {
  /**
   * The run's workspace, made if need be: the same run again finds its worktree; a worktree folder that was deleted is made
   * anew at the branch's last checkpoint.
   */
  open(spec: WorkspaceSpec): Promise<Workspace>
}

export interface Checkpoint {
  /** Absent when nothing had changed. */
  readonly commit?: string
  readonly changedFiles: readonly string[]
  /** Changed against the run's base, in all. */
  readonly totalChangedFiles: readonly string[]
}

export interface MergeOutcome {
  readonly id: string
  readonly merged: boolean
  readonly commit?: string
  /** Paths in conflict; the worker's branch is kept, nothing of the run's workspace was touched. */
  readonly conflicts: readonly string[]
  /** For people: what the worker changed. */
  readonly changedFiles: readonly string[]
}

/** Files that are in no directory on disk. Paths are relative to where the agent works, with `/`. */
export interface MemoryFiles {
  read(path: string): string | undefined
  write(path: string, text: string): void
  /** Nothing where there is none. */
  remove(path: string): void
  list(): readonly string[]
}

export interface Workspace extends WorkspacePlace {
  /** The files themselves, where they are in memory and `path` leads nowhere. */
  readonly files?: MemoryFiles
  /** Where agents and checks run: the worktree, in the same subdirectory the user started from. */
  readonly path: string
  readonly branch?: string
  readonly base?: string
  readonly isolated: boolean
  /** For people: `not a git repository: working in place, nothing can be undone` … */
  readonly warnings: readonly string[]
  /** A worker's own worktree on its own branch, from the run's current checkpoint. The same id finds it again, dirty as it was. */
  fork(id: string): Promise<Workspace>
  /**
   * Commits everything that changed (untracked files too; ignored ones not). `step` makes it idempotent: a commit that carries it
   * already is returned instead of a second one. In place or outside git it only reports changes where it can.
   */
  checkpoint(message: string, step: string): Promise<Checkpoint>
  /** Commits each worker's work and merges it into this workspace, in this order; removes the worktrees that merged. Idempotent by `step`. */
  merge(workers: readonly { readonly id: string; readonly title: string }[], step: string): Promise<MergeOutcome[]>
  /**
   * Brings the files back to how a checkpoint (or the base) has them, in a new commit on top: what is rolled back, uncommitted work
   * too, stays in the branch's history. Ignored files stay as they are. Idempotent by `step`. In place it rejects with `workspace`.
   */
  restore(commit: string, message: string, step: string): Promise<Checkpoint>
  /** Throws away a worker's worktree with all that is in it, and its branch; nothing where there is none. */
  drop(id: string): Promise<void>
  changedFiles(): Promise<readonly string[]>
  /** Against the run's base, as a unified diff, bounded to `maxBytes` (default 1 MiB): of a checkpoint's commit, or of the files as they are. */
  diff(maxBytes?: number, commit?: string): Promise<string>
  /** Makes the branch visible in the user's repository (idempotent). */
  publish(): Promise<void>
  /** Ends the workspace as the policy says. Never deletes uncommitted or untracked work; says what it kept. */
  close(policy: Cleanup): Promise<{ readonly kept: boolean; readonly path?: string; readonly branch?: string }>
}

// ─── Commands and checks ────────────────────────────────────────────────────

/** A command: argv without a shell, or `shell` explicitly. */
export interface CommandSpec {
  readonly name?: string
  readonly argv?: readonly string[]
  readonly shell?: string
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

/** Why a command did not end well by itself, told apart by evidence and never by its exit code alone. */
export type CommandFailure = 'timeout' | 'stalled' | 'oom' | 'flood' | 'crash'

export interface CommandResult {
  readonly exitCode: number | null
  readonly signal?: string
  /** Absent: it ended by itself, with whatever exit code, or was cancelled, or never started. `crash`: a signal nobody of us sent. */
  readonly failure?: CommandFailure
  /** The last part of what it printed (default 6,000 characters each). */
  readonly stdout: string
  readonly stderr: string
  /** Seconds. */
  readonly duration: number
  readonly timedOut: boolean
  /** Why it could not run or was ended: `timed out after 60s`, `command not found: foo`. */
  readonly error?: string
  readonly outputPath?: string
}

export interface CommandOptions {
  readonly cwd: string
  /** What it works on, where that is in memory and `cwd` leads nowhere. */
  readonly files?: MemoryFiles
  readonly signal: AbortSignal
  readonly env?: Readonly<Record<string, string>>
  readonly outputPath?: string
  readonly stdin?: string
  readonly timeoutMs?: number
  /** Milliseconds without output and without work of its processes after which it is ended; absent or 0 = never. */
  readonly stallMs?: number
  readonly tailChars?: number
  readonly confinement?: Confinement
  /** Hears how it goes: once when it has started, then about once a second. It must not throw. */
  readonly onProgress?: (progress: CommandProgress) => void
}

/** A command under way. */
export interface CommandProgress {
  readonly pid: number
  /** Printed so far, on both streams. */
  readonly bytes: number
  readonly elapsedMs: number
}

/** Runs a command in its own process group; never rejects for what the command does. */
export type RunCommand = (command: CommandSpec, options: CommandOptions) => Promise<CommandResult>

/** The field names are those of the result shape that clients know. */
export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly exit_code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly error: string | null
  /** Seconds. */
  readonly duration: number
  /** Exit 0, but the runner said that it ran no test: not a pass. */
  readonly vacuous?: boolean
  readonly output_path?: string
}

export type RunCheck = (check: CommandSpec, options: CommandOptions) => Promise<CheckResult>

/** What playing a page came to. `stdout` is the log. */
export interface PlayResult extends CheckResult {
  readonly failure?: CommandFailure
  /** What should not be, in the order it was seen. */
  readonly findings: readonly BrowserFinding[]
  readonly screenshots: readonly { readonly name: string; readonly path: string; readonly step: number }[]
}
