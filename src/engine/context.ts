import type { BrowserPlay } from '../core/browser.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type {
  Checkpoint,
  CheckResult,
  CommandOptions,
  CommandResult,
  CommandSpec,
  MergeOutcome,
  PlayResult,
  Workspace,
} from '../core/ports.ts'
import type { Role, RoleResult } from '../core/role.ts'
import { callAgent } from './agent-call.ts'
import type { Branch, ChildResult, Continuation, StepCall, StepOptions } from './branch.ts'
import type { ChildOptions } from './children.ts'
import { Desk } from './desk.ts'
import { type HookResult, runHooks } from './hooks.ts'
import type { HookName, Services } from './services.ts'

/** How many files of a checkpoint are named where they are too many for the journal. */
const shownFiles = 200

/** What a loop is told about its run. */
export interface RunFacts {
  readonly id: string
  readonly project: string
  readonly labels: Readonly<Record<string, string>>
}

/** What the run's workspace is, as the journal keeps it. Paths are looked up anew by each driver, not replayed. */
export interface WorkspaceFacts {
  readonly [key: string]: Json | undefined
  readonly path: string
  readonly branch?: string
  readonly base?: string
  readonly isolated: boolean
  readonly warnings: readonly string[]
}

export interface AgentOptions {
  /** Tries after the first; the role's setting by default. */
  readonly retries?: number
  /** Name of the file that takes the full output. */
  readonly output?: string
  /** Shown with the step, and given to the agent's environment: which subgoal this is. */
  readonly subgoal?: { readonly id: string; readonly description: string }
}

export interface ExecOptions {
  /** Shown with the step; the command's own by default. */
  readonly name?: string
  /** Name of the file that takes the full output. */
  readonly log?: string
  readonly timeoutMs?: number
  readonly stallMs?: number
  readonly tailChars?: number
  /** Puts into the command what is only known where it runs, such as the workspace's path. */
  readonly fill?: (command: CommandSpec, path: string) => CommandSpec
  /** Added to the command's environment, by the workspace's path. */
  readonly env?: (path: string) => Readonly<Record<string, string>>
}

export interface PlayOptions {
  /** Shown with the step. */
  readonly name: string
  /** Name of the log, and what the names of its pictures begin with. */
  readonly log: string
  /** Puts into the play what is only known where it runs, such as the workspace's path. */
  readonly fill?: (play: BrowserPlay, path: string) => BrowserPlay
  /** Added to the environment of the play's server, by the workspace's path. */
  readonly env?: (path: string) => Readonly<Record<string, string>>
}

/** How much of a diff is counted. */
const diffBytes = 8 * 1024 * 1024

/**
 * All that a loop has of the world. Everything it does is recorded in the run's journal, performed once, and read from there on
 * resume. One thing at a time: what shall overlap goes through `parallel` or `race`, which hand out a context per branch.
 */
export class LoopContext {
  readonly #branch: Branch
  readonly #services: Services
  readonly #workspace: () => Promise<Workspace>
  readonly run: RunFacts
  /** The iteration under way; 0 before the first. */
  readonly #iteration: { number: number }

  constructor(parts: {
    readonly branch: Branch
    readonly services: Services
    readonly run: RunFacts
    readonly workspace?: () => Promise<Workspace>
    readonly iteration?: { number: number }
  }) {
    this.#branch = parts.branch
    this.#services = parts.services
    this.#workspace = parts.workspace ?? parts.services.workspace
    this.run = parts.run
    this.#iteration = parts.iteration ?? { number: 0 }
  }

  /** The state this segment began with (`continueAs`); undefined in the first. */
  get state(): Json | undefined {
    return this.#branch.state
  }

  /** Performs `fn` once and records what it returns or throws. */
  step<T>(name: string, fn: (call: StepCall) => T | Promise<T>, options?: StepOptions<T>): Promise<T> {
    return this.#branch.step(name, fn, options)
  }

  /**
   * Begins the next iteration and returns its number, from 1. When the budget allows no more, or a stop was asked for, it does
   * not return: the run stops here, and goes on from here when it is resumed with a larger budget.
   */
  async iteration(): Promise<number> {
    this.#iteration.number = await this.#branch.iteration()
    return this.#iteration.number
  }

  /** The number of the iteration under way; 0 before the first. */
  get iterationNumber(): number {
    return this.#iteration.number
  }

  /** True once a stop was asked for or a cap refused something: no agent is called any more, and no iteration begins. */
  get stopping(): boolean {
    return this.#branch.stopping
  }

  /** Puts a role's prompt to its agent; waits out rate limits and retries failures. Every call counts in the budget. */
  agent<Input, Output>(
    role: Role<Input, Output>,
    input: Input,
    options: AgentOptions = {},
  ): Promise<RoleResult<Output>> {
    return callAgent(
      {
        branch: this.#branch,
        services: this.#services,
        workspace: this.#workspace,
        run: this.run.id,
        iteration: this.#iteration.number,
      },
      role,
      input,
      options,
    )
  }

  /** Runs every check, one after the other, in the workspace. A check that fails is a result, never an error. */
  async checks(checks: readonly CommandSpec[], options: { readonly timeoutMs?: number } = {}): Promise<CheckResult[]> {
    const results: CheckResult[] = []
    for (const check of checks) {
      const name = checkName(check)
      const output = `iter${this.#iteration.number}_check${results.length + 1}`
      results.push(
        await this.#branch.step(
          `check ${name}`,
          async ({ signal }) => {
            const outputPath = this.#services.outputPath(output)
            return await this.#services.runCheck(
              { ...check, name },
              {
                ...(await this.#place()),
                signal,
                env: this.#env('check'),
                ...(outputPath === undefined ? {} : { outputPath }),
                ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
              },
            )
          },
          { effect: 'check', input: check, detail: { name } },
        ),
      )
    }
    return results
  }

  /** Runs a command in the workspace. What it does is a result, never an error. */
  exec(command: CommandSpec, options: ExecOptions = {}): Promise<CommandResult> {
    const name = options.name ?? checkName(command)
    return this.#branch.step(
      `exec ${name}`,
      async ({ key, signal }) => {
        const place = await this.#place()
        const filled = options.fill?.(command, place.cwd) ?? command
        const outputPath = options.log === undefined ? undefined : this.#services.outputPath(options.log)
        const facts = {
          step: key,
          name,
          iteration: this.#iteration.number,
          command: filled.argv?.join(' ') ?? filled.shell ?? name,
          ...(outputPath === undefined ? {} : { outputPath }),
        }
        const tell = this.#services.onCommand
        tell?.({ ...facts, state: 'starting' })
        const result = await this.#services.runCommand(filled, {
          ...place,
          signal,
          env: { ...this.#env('exec'), ...options.env?.(place.cwd) },
          ...(outputPath === undefined ? {} : { outputPath }),
          ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
          ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
          ...(options.tailChars === undefined ? {} : { tailChars: options.tailChars }),
          ...(tell === undefined ? {} : { onProgress: (progress) => tell({ ...facts, state: 'running', progress }) }),
        })
        tell?.({ ...facts, state: 'ended', result })
        return result
      },
      { effect: 'exec', input: command, detail: { name } },
    )
  }

  /** Plays a page in a real browser, and runs its server in the workspace. Rejects with `missing_tool` where there is no browser. */
  playBrowser(play: BrowserPlay, options: PlayOptions): Promise<PlayResult> {
    return this.#branch.step(
      `browser ${options.name}`,
      async ({ signal }) => {
        const { playBrowser } = this.#services
        if (playBrowser === undefined) throw new LoopwrightError('missing_tool', 'no browser can be led here')
        const { cwd, confinement } = await this.#place()
        const outputPath = this.#services.outputPath(options.log)
        return await playBrowser(options.fill?.(play, cwd) ?? play, {
          cwd,
          env: { ...this.#env('exec'), ...options.env?.(cwd) },
          name: options.name,
          prefix: options.log,
          signal,
          ...(outputPath === undefined ? {} : { outputPath }),
          ...(confinement === undefined ? {} : { confinement }),
        })
      },
      { effect: 'exec', input: play, detail: { name: options.name } },
    )
  }

  /** What earlier runs of this loop learnt; empty where nothing is kept. */
  knowledge(): Promise<string> {
    return this.#branch.step('knowledge', async () => (await this.#services.knowledge?.()) ?? '', {
      effect: 'knowledge',
    })
  }

  /** The people's own commands around this moment; the first that exits 2 blocks, and what it printed is feedback. */
  hooks(name: HookName, env: Readonly<Record<string, string>> = {}): Promise<HookResult> {
    return runHooks(this, name, this.#services.hooks[name] ?? [], async (command, signal) =>
      this.#services.runCommand(command, {
        cwd: (await this.#workspace()).path,
        signal,
        env: { ...this.#env('hook'), LOOPWRIGHT_HOOK: name, ...env },
      }),
    )
  }

  /** Opens the workspace and says what it is. */
  workspace(): Promise<WorkspaceFacts> {
    return this.#branch.step(
      'workspace',
      async () => {
        const workspace = await this.#workspace()
        return {
          path: workspace.path,
          isolated: workspace.isolated,
          warnings: workspace.warnings,
          ...(workspace.branch === undefined ? {} : { branch: workspace.branch }),
          ...(workspace.base === undefined ? {} : { base: workspace.base }),
        }
      },
      { effect: 'workspace' },
    )
  }

  /** Commits what changed in the workspace; done once, however often the step is tried. */
  checkpoint(message: string): Promise<Checkpoint> {
    return this.#branch.step(
      'checkpoint',
      async ({ key }) => {
        const workspace = await this.#workspace()
        const made = await workspace.checkpoint(message, `${this.run.id}/${key}`)
        if (made.commit !== undefined) await workspace.publish()
        return made
      },
      { effect: 'checkpoint', input: message, digest: checkpointDigest },
    )
  }

  /** Brings the workspace's files back to how a checkpoint has them; the branch keeps what is rolled back in its history. */
  restore(commit: string, message: string): Promise<Checkpoint> {
    return this.#branch.step(
      'restore',
      async ({ key }) => {
        const workspace = await this.#workspace()
        const made = await workspace.restore(commit, message, `${this.run.id}/${key}`)
        if (made.commit !== undefined) await workspace.publish()
        return made
      },
      { effect: 'checkpoint', input: [commit, message], digest: checkpointDigest },
    )
  }

  /**
   * What the run has changed in all, as a unified diff of at most 8 MiB (`cut`: there is more), and how many lines it added and
   * removed; up to a checkpoint's commit, or what the files are now. `found` is what `inspect` makes of it: what is recorded has its
   * secrets taken out, and only `inspect` sees the text as it is.
   */
  diff<T>(
    inspect: (diff: string) => T,
    commit?: string,
  ): Promise<{ readonly diff: string; readonly lines: number; readonly cut: boolean; readonly found: T }> {
    return this.#branch.step(
      'diff',
      async () => {
        const diff = await (await this.#workspace()).diff(diffBytes, commit)
        return {
          diff,
          lines: countLines(diff),
          cut: new TextEncoder().encode(diff).length >= diffBytes,
          found: inspect(diff),
        }
      },
      { effect: 'diff', digest: ({ lines }) => ({ lines }), ...(commit === undefined ? {} : { input: commit }) },
    )
  }

  /** How many lines the run has added and removed in all; what is past the first 8 MiB of the diff does not count. */
  changedLines(): Promise<number> {
    return this.#branch.step('changed lines', async () => countLines(await (await this.#workspace()).diff(diffBytes)), {
      effect: 'diff',
    })
  }

  /** Throws away what was done in a worker's workspace, and the workspace. */
  drop(id: string): Promise<void> {
    return this.#branch.step('drop', async () => (await this.#workspace()).drop(id), { effect: 'workspace', input: id })
  }

  /** What a triage tick has of the world besides its workspace; rejects with `bad_input` in a run that is none. */
  get desk(): Desk {
    return new Desk(this.#branch, this.#services.desk)
  }

  /** Marks a story as passed in the backlog's file, where the workspace holds that; true when the file says so now. */
  markStory(file: string, story: string): Promise<boolean> {
    return this.#branch.step(
      'mark story',
      async () => {
        const { markStory } = this.#services
        return markStory === undefined ? false : await markStory({ workspace: await this.#workspace(), file, story })
      },
      { effect: 'mark', input: { file, story } },
    )
  }

  /** Merges the workspaces of workers into this one, in this order. A conflict is a result; nothing is lost. */
  merge(workers: readonly { readonly id: string; readonly title: string }[]): Promise<MergeOutcome[]> {
    return this.#branch.step(
      'merge',
      async ({ key }) => (await this.#workspace()).merge(workers, `${this.run.id}/${key}`),
      { effect: 'merge', input: workers },
    )
  }

  /**
   * Calls `fn` for every item in a context of its own, at most `concurrency` at a time; results keep the items' order. With
   * `workspaces`, each item works in its own worktree of that id, from the current checkpoint.
   */
  parallel<I, O>(
    items: readonly I[],
    fn: (loop: LoopContext, item: I, index: number) => Promise<O>,
    options: { readonly concurrency?: number; readonly workspaces?: (item: I, index: number) => string } = {},
  ): Promise<O[]> {
    return this.#branch.parallel(
      items,
      (branch, item, index) => {
        const id = options.workspaces?.(item, index)
        return fn(this.#in(branch, id), item, index)
      },
      options.concurrency === undefined ? {} : { concurrency: options.concurrency },
    )
  }

  /** Calls every function in a context of its own; the first to end decides, the others are cancelled. */
  race<O>(fns: readonly ((loop: LoopContext) => Promise<O>)[]): Promise<O> {
    return this.#branch.race(fns.map((fn) => (branch: Branch) => fn(this.#in(branch, undefined))))
  }

  /** Asks a person and waits, however long; the run holds no memory meanwhile. */
  ask<T = Json>(name: string, request: Json): Promise<T> {
    return this.#branch.ask<T>(name, request)
  }

  /** The next message of this name that is sent to the run. */
  receive<T = Json>(name: string): Promise<T> {
    return this.#branch.receive<T>(name)
  }

  /** Waits `ms` milliseconds, across restarts. */
  sleep(ms: number): Promise<void> {
    return this.#branch.sleep(ms)
  }

  /** Runs another registered loop as a child and waits for its end. */
  child(loop: string, spec: Json, options: ChildOptions = {}): Promise<ChildResult> {
    return this.#branch.run(loop, spec, options)
  }

  /** Milliseconds since 1970, recorded. */
  now(): Promise<number> {
    return this.#branch.now()
  }

  /**
   * Milliseconds of wall clock since the run was started, or last set off again by a resume, an answer or a message; recorded.
   * Time in which nobody worked on the run counts only while it waits by itself (a rate limit, a timer, a child).
   */
  elapsed(): Promise<number> {
    return this.#branch.elapsed()
  }

  /** A number in [0, 1), recorded. */
  random(): Promise<number> {
    return this.#branch.random()
  }

  /** Adds a line to the journal for people to see. */
  emit(name: string, data: object = {}): void {
    this.#branch.emit(name, data)
  }

  /** Keeps what has been achieved so far: it is the run's result if a guard stops it. */
  report(value: unknown): void {
    this.#branch.report(value)
  }

  /** Whether code that was added after runs had begun may run in this one. */
  changed(id: string): boolean {
    return this.#branch.changed(id)
  }

  /** Return this from the loop to start it anew with `state` in a fresh journal segment. */
  continueAs(state: Json): Continuation {
    return this.#branch.continueAs(state)
  }

  #in(branch: Branch, workspace: string | undefined): LoopContext {
    let forked: Promise<Workspace> | undefined
    const open = async () => (await this.#workspace()).fork(workspace ?? '')
    return new LoopContext({
      branch,
      services: this.#services,
      run: this.run,
      iteration: this.#iteration,
      workspace:
        workspace === undefined
          ? this.#workspace
          : () => {
              forked ??= open()
              return forked
            },
    })
  }

  /** Where the commands of the run work, and how they are confined. The people's own hooks are not. */
  async #place(): Promise<Pick<CommandOptions, 'cwd' | 'files' | 'confinement'>> {
    const workspace = await this.#workspace()
    const confinement = await this.#services.confine?.(workspace)
    return {
      cwd: workspace.path,
      ...(workspace.files === undefined ? {} : { files: workspace.files }),
      ...(confinement === undefined ? {} : { confinement }),
    }
  }

  #env(role: string): Record<string, string> {
    return {
      LOOPWRIGHT_RUN: this.run.id,
      LOOPWRIGHT_ROLE: role,
      LOOPWRIGHT_ITERATION: String(this.#iteration.number),
    }
  }
}

function countLines(diff: string): number {
  let count = 0
  let inHunk = false
  for (const line of diff.split('\n')) {
    if (line.startsWith('diff --git ')) inHunk = false
    else if (line.startsWith('@@ ')) inHunk = true
    else if (inHunk && (line.startsWith('+') || line.startsWith('-'))) count++
  }
  return count
}

/** What the journal shows of a checkpoint with too many files to hold: the first of them, and how many there are. */
function checkpointDigest({ commit, changedFiles, totalChangedFiles }: Checkpoint) {
  return {
    ...(commit === undefined ? {} : { commit }),
    changedFiles: changedFiles.slice(0, shownFiles),
    changed: changedFiles.length,
    totalChangedFiles: totalChangedFiles.slice(0, shownFiles),
    totalChanged: totalChangedFiles.length,
  }
}

/** What a command is called where nobody named it. */
export function checkName(command: CommandSpec): string {
  return command.name ?? command.argv?.join(' ') ?? command.shell ?? 'command'
}
