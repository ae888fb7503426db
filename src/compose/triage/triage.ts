import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { requireTrust } from '../../config/trust.ts'
import type { Config } from '../../config.ts'
import { toCaps } from '../../core/caps.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { type Clock, finalStatuses, type RunRecord, type Store } from '../../core/ports.ts'
import { parseTriage } from '../../core/spec/loop.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import { type Level, lowerLevel } from '../../core/triage/level.ts'
import type { Pattern } from '../../core/triage/pattern.ts'
import { buildPlan, type Plan } from '../../core/triage/plan.ts'
import type { TickResult } from '../../core/triage/tick.ts'
import type { TickRequest, TriageTicks } from '../../core/triage/ticks.ts'
import { unknownPattern } from '../../core/triage/unknown-pattern.ts'
import type { Runs } from '../../engine/runs.ts'
import type { Git } from '../../workspace/git.ts'
import { withLock } from '../../workspace/lock.ts'
import type { Admission } from '../admission.ts'
import { dayScope, projectKey } from './days.ts'
import { pastTicks, tickResultOf } from './memory.ts'
import { loadProject, type TriageProject } from './project.ts'
import { isRepository, prefixOf, rehearse } from './rehearsal.ts'

export interface TriageOptions {
  readonly config: Config
  readonly root: string
  readonly git: Git
  readonly store: Store
  readonly clock: Clock
  readonly runs: Runs
  readonly admission: Admission
  /** The agent that is taken where nobody names one. */
  readonly chooseAgent: () => string
  readonly warn: (message: string) => void
}

/** The triage loops of one project: its patterns, and their ticks, each a run of its own. */
export class Triage implements TriageTicks {
  readonly #options: TriageOptions

  constructor(options: TriageOptions) {
    this.#options = options
  }

  /** What the project's own files say; those of its registry come before the ones that come with loopwright. */
  async project(): Promise<TriageProject> {
    return await loadProject(this.#options.root)
  }

  async patterns(): Promise<readonly Pattern[]> {
    return (await this.project()).patterns
  }

  async active(): Promise<readonly string[]> {
    return (await this.project()).active
  }

  /** Rejects with `not_found` for a pattern nobody knows. */
  async pattern(id: string): Promise<Pattern> {
    const { patterns } = await this.project()
    const found = patterns.find((one) => one.id === id)
    if (found !== undefined) return found
    throw unknownPattern(
      id,
      patterns.map((one) => one.id),
    )
  }

  async plan(id: string, level?: Level): Promise<Plan> {
    const pattern = await this.pattern(id)
    return buildPlan(pattern, { level: level ?? this.levelOf(pattern) })
  }

  /** The level that ticks of a pattern work at where nobody names one: the configured one, else the pattern's own. */
  levelOf(pattern: Pattern): Level {
    return this.#options.config.triage.level ?? pattern.weekOneMode
  }

  /** Whether there is a repository to work in: without one a tick can be rehearsed only. */
  async hasRepository(): Promise<boolean> {
    return await isRepository(this.#options.git, this.#options.root)
  }

  async history(id: string): Promise<readonly TickResult[]> {
    const { store, root, clock } = this.#options
    return (await pastTicks(store, root, id, clock.now())).map(({ result }) => result)
  }

  /**
   * Makes a tick a run of its own and drives it until it is over or waits for a person. One that a dead process left half-done is
   * gone on with instead. Rejects with `conflict` while another tick of the pattern is under way, `untrusted`, `killed`, and as agents do.
   */
  async tick(request: TickRequest): Promise<TickResult> {
    const { git, config, root, store } = this.#options
    const { dryRun = false } = request
    const known = request.id === undefined ? undefined : await store.getRun(request.id)
    if (known !== undefined && !(isOpen(known) && (await this.#givenUp(known, await this.#specOf(request))))) {
      return await this.#drive(known.id, request.signal)
    }
    const there = await isRepository(git, root)
    const rehearsal = dryRun && !there ? await rehearse(git, config.home) : undefined
    try {
      const project = rehearsal?.path ?? root
      const spec = await this.#specOf(request)
      if (!there && rehearsal === undefined) throw noRepository(root)
      const { id: _, ...anew } = request
      const own = known === undefined ? request : anew
      const run = await this.#begin(own, spec, project)
      const result = await this.#drive(run.id, request.signal)
      // What was left half-done goes first; what somebody asked for is not lost by that.
      if (request.item === undefined || request.item === (run.spec as unknown as TriageSpec).item) return result
      return await this.#drive((await this.#begin(own, spec, project)).id, request.signal)
    } finally {
      await rehearsal?.remove()
    }
  }

  /**
   * Makes a tick a run of its own, which others drive; answers the one that was left half-done where there is one, to be reopened if it
   * was stopped. Rejects as `tick`, and with `bad_input` outside of a repository, dry run or not.
   */
  async begin(request: TickRequest): Promise<RunRecord> {
    const { git, root } = this.#options
    const spec = await this.#specOf(request)
    if (!(await isRepository(git, root))) throw noRepository(root)
    return await this.#begin(request, spec, root)
  }

  async #specOf(request: TickRequest): Promise<TriageSpec> {
    const { config, root, git, chooseAgent } = this.#options
    const { pattern, dryRun = false, settings = {} } = request
    const project = await this.project()
    const { verify, deliver, maxLines } = config.triage
    const { gate } = project
    const scripted = dryRun && settings.agent === undefined && settings.agentCommand === undefined
    const level = request.level ?? this.levelOf(pattern)
    const limits = project.limitsOf(pattern, level)
    return parseTriage({
      sandbox: config.sandbox,
      ...(config.model === undefined ? {} : { model: config.model }),
      ...(config.fallback === undefined ? {} : { fallback: config.fallback }),
      ...(deliver === undefined ? {} : { deliver }),
      verify: verify ?? [],
      stall: config.stall,
      // Nobody is there to be asked: so it acts in a sandbox, or not at all.
      ...(level === 'L3' ? { skipPermissions: true } : {}),
      ...settings,
      kind: 'triage',
      name: `${pattern.name} [${level}]`,
      pattern,
      level,
      dryRun,
      root,
      own: [join(await prefixOf(git, root), pattern.state)],
      gate: maxLines === undefined ? gate : { ...gate, maxLines: Math.min(maxLines, gate.maxLines ?? maxLines) },
      rules: [...project.rules],
      skills: await project.skillsOf(pattern),
      maxAttempts: project.maxAttempts,
      reportOnlyAt: project.reportOnlyAt,
      ...(limits.runsPerDay === undefined ? {} : { runsPerDay: limits.runsPerDay }),
      budget: { ...(limits.agentCalls === undefined ? {} : { agentCalls: limits.agentCalls }), ...settings.budget },
      ...(request.tick === undefined ? {} : { tick: request.tick }),
      ...(request.item === undefined ? {} : { item: request.item }),
      ...(request.asked === undefined ? {} : { request: request.asked }),
      // Said now, so that a resume elsewhere uses the same. A rehearsal that names nobody costs nothing.
      ...(settings.agentCommand === undefined
        ? { agent: settings.agent ?? (scripted ? 'scripted' : (config.agent ?? chooseAgent())) }
        : {}),
    })
  }

  /** Makes the run, unless one of this pattern is there to be gone on with; one at a time, whoever asks. */
  async #begin(request: TickRequest, spec: TriageSpec, project: string): Promise<RunRecord> {
    const { config, root, store, clock, runs, admission } = this.#options
    const { pattern, dryRun } = spec
    await this.#trusted(spec)
    const agent = await admission.admit({ spec, project })
    const { tokensPerDay: cap } = (await this.project()).limitsOf(pattern)
    const scope = dryRun ? `rehearsal:${request.session ?? runs.newId()}` : dayScope(root, pattern.id, clock.now())
    await store.setCaps(scope, cap === null ? {} : { tokens: cap })
    const start = async () =>
      await runs.start({
        loop: 'triage',
        spec,
        project,
        labels: { ...spec.labels, pattern: pattern.id, ...(dryRun ? {} : { triage: root }) },
        caps: toCaps(spec.budget),
        scopes: ['all', scope],
        ...(request.id === undefined ? {} : { id: request.id }),
        meta: agent === undefined ? {} : { agent: agent.name },
      })
    if (dryRun) return await start()
    const folder = join(config.home, 'triage')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return await withLock(join(folder, `${projectKey(root)}.${pattern.id}.lock`), async () => {
      const left = await this.#underWay(pattern.id)
      return left !== undefined && !(await this.#givenUp(left, spec)) ? left : await start()
    })
  }

  /** Ends a tick that was left half-done when it would go by what is no longer so: a higher level, another gate, the budget of another day. */
  async #givenUp(run: RunRecord, now: TriageSpec): Promise<boolean> {
    const { clock, root, runs, warn } = this.#options
    if (run.status === 'running' && !runs.interrupted(run)) return false
    const before = run.spec as unknown as TriageSpec
    const why =
      lowerLevel(before.level, now.level) !== before.level
        ? `it was begun at ${before.level}, and ${now.level} is all that it may now`
        : before.deliver !== now.deliver || JSON.stringify(before.gate) !== JSON.stringify(now.gate)
          ? 'what changes may do is no longer what it was begun with'
          : run.scopes.includes(dayScope(root, now.pattern.id, clock.now()))
            ? undefined
            : 'the day (UTC) in whose budget it counts is over'
    if (why === undefined) return false
    await runs.kill(run.id, why)
    warn(`the tick ${run.id} is not gone on with: ${why}`)
    return true
  }

  /** A tick of the pattern that somebody left half-done; rejects when one is being worked on. */
  async #underWay(pattern: string): Promise<RunRecord | undefined> {
    const { store, root, runs } = this.#options
    const open = (await store.listRuns({ loop: 'triage', labels: { pattern, triage: root } })).filter(
      (run) => isOpen(run) && run.status !== 'failed',
    )
    for (const run of open) {
      const interrupted = runs.interrupted(run)
      if (run.status === 'running' && !interrupted) {
        throw new LoopwrightError('conflict', `a tick of ${pattern} is under way: ${run.id}`, {
          data: { underWay: run.id },
          hint: `loopwright watch ${run.id}`,
        })
      }
    }
    return open.at(0)
  }

  async #trusted(spec: TriageSpec): Promise<void> {
    const { config } = this.#options
    const { projectFile } = config
    const from = config.sources.get('triage.verify')
    if (projectFile === undefined || spec.verify.length === 0 || from?.layer !== 'project') return
    await requireTrust({ home: config.home, project: config.project, files: [projectFile] })
  }

  async #drive(id: string, signal: AbortSignal | undefined): Promise<TickResult> {
    const { runs } = this.#options
    const before = await runs.get(id)
    if (['stopped', 'paused', 'failed'].includes(before.status)) await runs.reopen(id)
    const run = finalStatuses.includes(before.status) ? before : await runs.drive(id, signal ? { signal } : {})
    const result = tickResultOf(run)
    if (result !== undefined) return result
    const said = run.reason ?? run.status
    if (run.status === 'killed') throw new LoopwrightError('killed', `the tick ${id} was killed: ${said}`)
    throw new LoopwrightError('conflict', `the tick ${id} has no result: ${said}`, { hint: `loopwright status ${id}` })
  }
}

/** Whether a tick has not come to a result yet. */
function isOpen(run: RunRecord): boolean {
  return !finalStatuses.includes(run.status) && tickResultOf(run) === undefined
}

function noRepository(root: string): LoopwrightError {
  return new LoopwrightError('bad_input', `${root} is in no git repository with a commit`, {
    hint: 'triage works in worktrees: run it in a repository, or try it with --dry-run',
  })
}
