import { changeBreaches } from '../../core/changes.ts'
import { bestOf, formatMetric, worsens } from '../../core/metric.ts'
import type { Checkpoint } from '../../core/ports.ts'
import type { MetricResult } from '../../core/round.ts'
import type { RepairSpec } from '../../core/spec/repair.ts'
import type { LoopContext, WorkspaceFacts } from '../../engine/context.ts'
import { aimOf, type Marks } from './measure.ts'

/** The last state that is worth going back to. */
interface Good {
  readonly commit: string
  readonly round: number
  /** Best of what was measured on it. */
  readonly value: number | undefined
  /** Play and scan passed on just these files too. */
  readonly sound: boolean
}

export interface RolledBack {
  readonly to: string
  readonly because: string
}

const nothing: Checkpoint = { changedFiles: [], totalChangedFiles: [] }

/**
 * Keeps what was reached: a round that breaks a verify that passed, or worsens the metric beyond its tolerance, goes back to the last
 * good checkpoint, and so does work that changes what it must not. The branch keeps the failed try. In place nothing goes back.
 */
export class Ratchet {
  readonly #loop: LoopContext
  readonly #spec: RepairSpec
  readonly #isolated: boolean
  /** The commit the files are at; undefined in place. */
  #head: string | undefined
  #good: Good | undefined
  #work: Checkpoint = nothing
  #changed: readonly string[] = []
  #marks: Marks = { first: undefined, best: undefined }
  #warned = false

  constructor(loop: LoopContext, spec: RepairSpec, workspace: WorkspaceFacts) {
    this.#loop = loop
    this.#spec = spec
    this.#isolated = workspace.isolated
    this.#head = workspace.isolated ? workspace.base : undefined
  }

  get marks(): Marks {
    return this.#marks
  }

  get head(): string | undefined {
    return this.#head
  }

  /** Changed against the run's base. */
  get changedFiles(): readonly string[] {
    return this.#work.totalChangedFiles
  }

  /** Changed since this was asked last. */
  takeChanged(): readonly string[] {
    const changed = [...new Set(this.#changed)]
    this.#changed = []
    return changed
  }

  /** Commits what a stage did. Answers why it must not have; then it is undone, where that can be. */
  async keep(message: string): Promise<readonly string[]> {
    const before = this.#head
    await this.#checkpoint(message)
    const breaches = await this.breaches()
    if (breaches.length === 0 || before === undefined || before === this.#head) return breaches
    await this.#restore(before, breaches.join('; '))
    return breaches
  }

  /** What the run changed and must not have, as of the last checkpoint. */
  async breaches(): Promise<readonly string[]> {
    const { changes } = this.#spec
    const files = this.#work.totalChangedFiles
    if (files.length === 0) return []
    const lines = changes.maxLines === undefined ? {} : { lines: await this.#loop.changedLines() }
    return changeBreaches(changes, { files, ...lines })
  }

  /** Judges the files as they were verified and measured in this round. Goes back when they are worse than what was reached. */
  async see(state: {
    readonly round: number
    readonly verified: boolean
    readonly sound: boolean
    readonly metric: MetricResult | undefined
  }): Promise<RolledBack | undefined> {
    const good = this.#good
    const value = state.metric?.value ?? undefined
    const because = good && this.#worse(good, state.verified, value)
    if (this.#marks.first === undefined && value !== undefined) this.#marks = { first: value, best: value }
    if (because !== undefined) return await this.#goBack(because)
    this.#see(value)
    if (state.verified && (good === undefined || !good.sound || state.sound))
      this.#good = {
        commit: this.#head ?? '',
        round: state.round,
        value: good?.sound ? this.#better(good.value, value) : value,
        sound: state.sound,
      }
    return undefined
  }

  #worse(good: Good, verified: boolean, value: number | undefined): string | undefined {
    if (!verified) return `verify passed in round ${good.round} and fails now`
    const { baseline } = this.#spec
    if (!good.sound || good.value === undefined || value === undefined || baseline === undefined) return undefined
    if (!worsens(value, good.value, aimOf(baseline))) return undefined
    return `${baseline.metric} fell from ${formatMetric(good.value)} to ${formatMetric(value)}`
  }

  async #goBack(because: string): Promise<RolledBack | undefined> {
    if (!this.#isolated) {
      if (!this.#warned) this.#loop.emit('warned', { text: `${because}; working in place, nothing is rolled back` })
      this.#warned = true
      return undefined
    }
    const good = this.#good
    // Nothing changed since: going back would not mend it.
    if (good === undefined || good.commit === this.#head || this.#loop.stopping) return undefined
    await this.#restore(good.commit, because)
    this.#good = { ...good, commit: this.#head ?? good.commit }
    return { to: good.commit, because }
  }

  async #checkpoint(message: string): Promise<void> {
    this.#work = await this.#loop.checkpoint(message)
    this.#changed = [...this.#changed, ...this.#work.changedFiles]
    if (this.#isolated) this.#head = this.#work.commit ?? this.#head
  }

  async #restore(commit: string, because: string): Promise<void> {
    this.#work = await this.#loop.restore(commit, `loopwright: rolled back\n\n${because}`)
    this.#head = this.#work.commit ?? commit
    this.#loop.emit('rolled_back', { to: commit, because, commit: this.#head })
  }

  #see(value: number | undefined): void {
    this.#marks = { ...this.#marks, best: this.#better(this.#marks.best, value) }
  }

  #better(a: number | undefined, b: number | undefined): number | undefined {
    const { baseline } = this.#spec
    if (baseline === undefined) return b
    return bestOf(
      [a, b].filter((one) => one !== undefined),
      aimOf(baseline),
    )
  }
}
