import {
  judgeRound,
  metricText,
  onlyBaselineFails,
  type RoundFacts,
  type StageResult,
  stageError,
} from '../../core/round.ts'
import type { ChangePolicy, RepairSpec, StageName } from '../../core/spec/repair.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { Knowledge } from './knowledge.ts'
import { measure } from './measure.ts'
import type { Ratchet, RolledBack } from './ratchet.ts'
import { checking, describeStage, performStage, wishOf } from './stages.ts'

/** What a round begins with. */
export interface RoundStart {
  readonly loop: LoopContext
  readonly spec: RepairSpec
  readonly number: number
  readonly last: Round | undefined
  readonly ratchet: Ratchet
  readonly knowledge: Knowledge
  /** Where the metric went so far, in a line. */
  readonly metric: string
}

/** One round under way. A stage that is not configured, or that a stop leaves out, has no result. */
export class Round {
  readonly #start: RoundStart
  #facts: RoundFacts
  #lessons: readonly string[] = []
  #rolledBack: RolledBack | undefined
  #cut = false
  /** Whether play and scan saw the files as they are now. */
  #fresh = true

  constructor(start: RoundStart) {
    this.#start = start
    const { baseline } = start.spec
    this.#facts = { measured: baseline?.enabled === true, breaches: [], logged: false }
  }

  get facts(): RoundFacts {
    return this.#facts
  }

  /** What agents want the next round to know. */
  get lessons(): readonly string[] {
    return this.#lessons
  }

  /** Whether a stop left something out: the round says nothing about the work then. */
  get cut(): boolean {
    return this.#cut
  }

  /** Whether verify failed on the files as they are at the end of this round. */
  get brokenVerify(): StageResult | undefined {
    const { verify } = this.#facts
    return verify?.ok === false && this.#rolledBack === undefined ? verify : undefined
  }

  get needsFix(): boolean {
    return this.#failed().length > 0
  }

  /** Only the metric is wanting, and nothing was undone for it. */
  get needsImproving(): boolean {
    return this.#rolledBack === undefined && !this.#cut && onlyBaselineFails(this.#facts)
  }

  get healthy(): boolean {
    return this.#rolledBack === undefined && !this.#cut && judgeRound(this.#facts).complete
  }

  async hook(name: 'beforeIteration' | 'beforeAccept'): Promise<void> {
    const { blocked, feedback } = await this.#start.loop.hooks(name)
    if (blocked) this.#facts = { ...this.#facts, hook: feedback }
  }

  async play(): Promise<void> {
    await this.#stage('play')
  }

  async scan(): Promise<void> {
    await this.#stage('scan')
  }

  async fix(): Promise<void> {
    await this.#work('fix')
  }

  async verify(): Promise<void> {
    await this.#stage('verify')
  }

  /** Plays and scans once more what a fix changed since, where nothing but that is open. */
  async confirm(): Promise<void> {
    const { play, scan, verify } = this.#facts
    const passed = [play, scan, verify].every((stage) => stage?.ok !== false)
    if (this.#fresh || !verify || !passed) return
    await this.#stage('play', true)
    if (this.#facts.play?.ok !== false) await this.#stage('scan', true)
    this.#fresh = true
  }

  async measure(): Promise<void> {
    const { loop, spec, number, ratchet } = this.#start
    const { baseline } = spec
    if (!baseline?.enabled || this.#facts.verify?.ok !== true || this.#stopped()) return
    const measured = await measure(loop, spec, baseline, {
      round: number,
      lastError: this.#lastError(),
      marks: ratchet.marks,
    })
    if (measured === undefined) this.#cut = true
    else this.#facts = { ...this.#facts, baseline: measured.stage, metric: measured.metric }
  }

  /** Goes back to the last good files, if these are worse. */
  async ratchet(): Promise<RolledBack | undefined> {
    const { verify, play, scan, metric } = this.#facts
    const { ratchet, number, spec } = this.#start
    if (this.#cut || verify === undefined) return undefined
    // The stages themselves may have changed files; a state to come back to has to be committed.
    const breaches = await ratchet.keep(`loopwright: round ${number}`)
    const both = play?.ok !== false && scan?.ok !== false
    const sound = both && (this.#fresh || (!spec.stages.play && !spec.stages.scan))
    this.#rolledBack = await ratchet.see({ round: number, verified: verify.ok, sound, metric })
    this.#facts = { ...this.#facts, breaches: [...this.#facts.breaches, ...breaches] }
    return this.#rolledBack
  }

  async improve(): Promise<void> {
    await this.#work('improve')
  }

  /** A stage that changes files: what it did is committed, and undone when it changed what it must not. */
  async #work(name: 'fix' | 'improve'): Promise<void> {
    const { ratchet, number } = this.#start
    await this.#stage(name)
    const done = this.#facts[name]
    if (done === undefined) return
    const breaches = await ratchet.keep(`loopwright: round ${number}, ${name}`)
    const error = breaches.join('; ')
    if (breaches.length > 0) this.#facts = { ...this.#facts, [name]: { ...done, ok: false, error } }
    if (name === 'fix') this.#fresh = false
  }

  async #stage(name: StageName, again = false): Promise<void> {
    const { loop, spec, number, knowledge, metric } = this.#start
    const stage = spec.stages[name]
    if (stage === undefined || this.#stopped()) return
    const failed = name === 'fix' ? this.#failed() : []
    const now = this.#facts.metric
    const checks = checking.flatMap((one) => describeStage(spec.stages[one]) ?? [])
    const input = {
      stage: name,
      mission: spec.mission,
      wish: wishOf(stage),
      round: number,
      failed,
      metric: [name === 'improve' && now ? metricText(now) : '', metric].filter((part) => part !== '').join('\n'),
      lessons: name === 'fix' || name === 'improve' ? knowledge.text : '',
      checks: name === 'fix' || name === 'improve' ? checks : [],
      limits: name === 'fix' || name === 'improve' ? limitsText(spec.changes) : '',
    }
    const done = await performStage(loop, spec, stage, { input, lastError: this.#lastError(), again })
    // What a stop ended says nothing about the work.
    if (this.#stopped() && !done.result.ok) return
    this.#facts = { ...this.#facts, [name]: done.result, logged: this.#facts.logged || done.result.log !== null }
    if (done.lesson !== undefined) this.#lessons = [...this.#lessons, done.lesson]
  }

  #stopped(): boolean {
    if (this.#start.loop.stopping) this.#cut = true
    return this.#cut
  }

  /** What a fix is for. */
  #failed(): StageResult[] {
    const { play, scan } = this.#facts
    const now = [play, scan].filter((stage) => stage?.ok === false)
    return [...now, this.#start.last?.brokenVerify].filter((stage) => stage !== undefined)
  }

  /** What failed last, for commands. */
  #lastError(): string {
    const { verify, metric } = this.#facts
    const failed = this.#failed()[0] ?? (verify?.ok === false ? verify : undefined)
    if (failed !== undefined) return `${stageError(failed)}\n${failed.output}`.trim()
    if (metric !== undefined && !metric.ok) return metricText(metric)
    const before = this.#start.last?.facts
    if (before?.baseline?.ok === false) return stageError(before.baseline)
    return before?.metric !== undefined && !before.metric.ok ? metricText(before.metric) : ''
  }
}

function limitsText(changes: ChangePolicy): string {
  const lines = [
    ...(changes.deny.length === 0 ? [] : [`do not change: ${changes.deny.join(', ')}`]),
    ...(changes.allow.length === 0 ? [] : [`change only: ${changes.allow.join(', ')}`]),
    ...(changes.maxFiles === undefined ? [] : [`change at most ${changes.maxFiles} files in all`]),
    ...(changes.maxLines === undefined ? [] : [`change at most ${changes.maxLines} lines in all`]),
  ]
  return lines.length === 0 ? '' : `Limits: ${lines.join('; ')}. What goes past them is undone.`
}
