import { objectOf, textOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'
import type { RoleResult } from '../../core/role.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import { decideChange, decideTriage, ownOf, rulePatch } from '../../core/triage/decide.ts'
import type { Finding } from '../../core/triage/finding.ts'
import { permissions } from '../../core/triage/level.ts'
import { scanPatch } from '../../core/triage/patch-scan.ts'
import type { Standing } from '../../core/triage/ports.ts'
import { quietLine } from '../../core/triage/pull-request.ts'
import { ruleOn } from '../../core/triage/rule.ts'
import type { EscalationAnswer, EscalationRequest, TickDraft, TickResult } from '../../core/triage/tick.ts'
import type { LoopContext } from '../../engine/context.ts'
import { implementerRole, triagerRole, verifierRole } from './roles.ts'
import { attemptOf, draftOf, isActing, levelOf, outcomeOf, placeOf, type TickState } from './state.ts'

/** One tick while it happens: what it does next. What it knows, and what that comes to, is its state. */
export class Tick {
  readonly #loop: LoopContext
  readonly #spec: TriageSpec
  readonly #at: TickState

  constructor(loop: LoopContext, spec: TriageSpec) {
    this.#loop = loop
    this.#spec = spec
    this.#at = { run: loop.run.id, spec, startedAt: 0, seen: { findings: [], skipped: [] }, checks: [] }
  }

  /** There is something to triage, and nothing forbids it. */
  get open(): boolean {
    if (this.#at.halted !== undefined) return false
    const asked = this.#spec.request !== undefined
    return asked || this.#at.seen.findings.length > 0
  }

  /** It is about to change something, or has. */
  get acting(): boolean {
    return isActing(this.#at)
  }

  /** The gate lets the change through, and it is no rehearsal. */
  get allowed(): boolean {
    return (
      this.acting && !this.#spec.dryRun && this.#at.gate?.decision === 'allow' && this.#at.verdict?.verdict === 'accept'
    )
  }

  /** A human has to decide about a change that is there. */
  get escalated(): boolean {
    return outcomeOf(this.#at) === 'escalated'
  }

  /** What is there, and what earlier ticks left. */
  async discover(): Promise<void> {
    const loop = this.#loop
    await loop.iteration()
    this.#at.startedAt = await loop.now()
    this.#at.standing = await loop.desk.standing()
    this.#at.halted = this.#at.standing.halted
    if (this.#at.halted !== undefined) return
    const seen = await loop.desk.discover()
    this.#at.halted = seen.pausedBy
    const { item } = this.#spec
    const findings = reviewed(seen.findings, this.#at.standing)
    this.#at.seen = { ...seen, findings: item === undefined ? findings : findings.filter(({ id }) => id === item) }
  }

  /** noop, report or act: the triager proposes, code decides. */
  async triage(): Promise<void> {
    if (await this.#refused()) return
    const { findings, skipped } = this.#at.seen
    const facts = {
      findings,
      mayAct: permissions[levelOf(this.#at)].change,
      attempts: this.#at.standing?.attempts ?? {},
      maxAttempts: this.#spec.maxAttempts,
      waiting: this.#at.standing?.waiting ?? [],
      ...(this.#at.standing?.reportOnly === undefined ? {} : { reportOnly: this.#at.standing.reportOnly }),
      ...(this.#spec.item === undefined ? {} : { named: this.#spec.item }),
    }
    // A copy of its own: what the triager touches is never part of a change.
    const [said] = await this.#apart('triage', (loop) =>
      loop.agent(triagerRole, {
        spec: this.#spec,
        findings,
        state: this.#at.standing?.state ?? '',
        mayAct: facts.mayAct && facts.reportOnly === undefined,
        skipped: skipped.map(({ source, why }) => `${source}: ${why}`),
      }),
    )
    if (await this.#refused(said)) return
    if (said?.ok === false) this.#at.failed = `the triager failed: ${said.error ?? said.outcome}`
    this.#at.triaged = decideTriage(said?.value, facts)
  }

  /** The change, in the run's worktree, as one commit that nobody sees yet. */
  async implement(): Promise<void> {
    const { item, proposal = '' } = this.#at.triaged ?? {}
    if (item === undefined || (await this.#refused())) return
    const loop = this.#loop
    const feedback = [ownOf(this.#at.standing?.feedback ?? {}, item.id) ?? '', this.#spec.request?.text ?? ''].filter(
      (text) => text !== '',
    )
    const said = await loop.agent(implementerRole, {
      spec: this.#spec,
      item,
      proposal,
      feedback: feedback.join('\n\n'),
    })
    if (await this.#refused(said)) return
    if (!said.ok) this.#at.failed = `the implementer failed: ${said.error ?? said.outcome}`
    const work = await loop.checkpoint(
      `${quietLine(oneLine(item.title, 60))}\n\nloopwright: ${this.#spec.pattern.id}, ${quietLine(oneLine(item.id, 200))}`,
    )
    // Of the commit: what is left running in the worktree cannot show one thing and deliver another.
    this.#at.change = { work, ...(await loop.diff(scanPatch, work.commit)) }
  }

  /** Checks and a verifier, in a fresh copy of what was committed: nothing else can make them pass, and nothing they do stays. */
  async verify(): Promise<void> {
    const { item, proposal = '' } = this.#at.triaged ?? {}
    if (item === undefined || this.#at.change === undefined) return
    const { work, diff } = this.#at.change
    const files = work.totalChangedFiles
    if (this.#at.failed === undefined && files.length > 0) {
      if (await this.#refused()) return
      const [seen] = await this.#apart('verify', async (loop) => {
        const checks = await loop.checks(this.#spec.verify, { timeoutMs: this.#spec.verifyTimeout * 1000 })
        if (checks.some((check) => !check.ok)) return { checks }
        const said = await loop.agent(verifierRole, { spec: this.#spec, item, proposal, diff, files, checks })
        return { checks, said }
      })
      this.#at.checks = seen?.checks ?? []
      this.#at.verifier = seen?.said?.value
      if (await this.#refused(seen?.said)) return
    }
    this.#at.verdict = decideChange({
      files,
      checks: this.#at.checks,
      verifier: this.#at.verifier,
      unattended: levelOf(this.#at) === 'L3',
      ...(this.#at.failed === undefined ? {} : { failed: this.#at.failed }),
    })
  }

  /** The policy of the base: what the change edits has no say in it. */
  async gate(): Promise<void> {
    const change = this.#at.change
    if (change === undefined || this.#at.verdict === undefined || this.#at.verdict.verdict === 'reject') return
    const { deliver, gate, maxAttempts } = this.#spec
    const ruling = ruleOn(gate, {
      action: deliver === 'merge' ? 'auto-merge' : 'commit',
      paths: change.work.totalChangedFiles,
      lines: change.lines,
      own: [this.#spec.pattern.state, ...this.#spec.own],
      attempts: attemptOf(this.#at) - 1,
      // A person who names a finding has decided to try again.
      maxAttempts: this.#spec.item === undefined ? maxAttempts : Number.MAX_SAFE_INTEGER,
    })
    const rest = { path: 'the change', line: 0, kind: 'more than can be looked at', severity: 'escalate' } as const
    this.#at.gate = rulePatch(ruling, [...change.found, ...(change.cut ? [rest] : [])])
  }

  /** Where the change goes that the gate let through. */
  async deliver(): Promise<void> {
    if ((await this.#refused()) || this.#at.change === undefined) return
    this.#at.delivery = await this.#loop.desk.deliver(this.#spec.deliver, draftOf(this.#at, 'committed'))
  }

  /** What came of it, for people and for later ticks; what waits for a human keeps its branch. */
  async record(): Promise<TickResult> {
    const outcome = outcomeOf(this.#at)
    if (outcome === 'escalated') await this.#loop.desk.keep()
    const result = await this.#loop.desk.record(draftOf(this.#at, outcome))
    this.#loop.emit('tick_finished', { result })
    return result
  }

  /** Waits for a person, however long, and does what they said. */
  async askHuman(result: TickResult): Promise<TickResult> {
    this.#loop.report(result)
    const { item, reason, change, branch, url } = result
    const request: EscalationRequest = {
      kind: 'escalation',
      pattern: result.pattern,
      item: item?.id ?? '',
      title: item?.title ?? '',
      reason,
      files: [...(change?.files ?? [])].slice(0, 200),
      branch: branch ?? url ?? '',
    }
    const { approved, by, note } = objectOf(await this.#loop.ask('approval', request))
    // What is not plainly a yes is a no.
    const decided: EscalationAnswer = {
      approved: approved === true,
      by: oneLine(textOf(by) ?? '', 80) || 'somebody',
      note: (textOf(note) ?? '').slice(0, 2000),
    }
    const { tokens: _t, costUsd: _c, spent: _s, cap: _cap, duration: _d, ...draft } = result
    if (!decided.approved)
      return await this.#decided({ ...draft, outcome: 'rejected', reason: `${decided.by} said no`, decided })
    const how = this.#spec.deliver
    const delivery = await this.#loop.desk.deliver(how, { ...draft, decided })
    return await this.#decided({ ...draft, ...placeOf(delivery), decided })
  }

  async #decided(draft: TickDraft): Promise<TickResult> {
    const result = await this.#loop.desk.record(draft)
    this.#loop.emit('tick_finished', { result })
    return result
  }

  /** Whether nothing more may be done: a cap refused the last call, or somebody pulled the switch meanwhile. */
  async #refused(said?: Pick<RoleResult, 'outcome' | 'error'>): Promise<boolean> {
    const why = said?.outcome === 'budget' ? (said.error ?? 'a budget refused the next call') : undefined
    if (this.#loop.stopping) this.#at.halted = why ?? 'it was asked to stop'
    else this.#at.halted ??= (await this.#loop.desk.halted()) ?? why
    return this.#at.halted !== undefined
  }

  /** Does something in a worktree of its own, which is thrown away afterwards. */
  async #apart<T>(name: string, call: (loop: LoopContext) => Promise<T>): Promise<T[]> {
    const done = await this.#loop.parallel([name], (loop) => call(loop), { workspaces: () => name })
    await this.#loop.drop(name)
    return done
  }
}

/** Findings whose pull request people want changed say so, and that pull request is no finding of its own. */
function reviewed(findings: readonly Finding[], standing: Standing | undefined): readonly Finding[] {
  const revisions = standing?.revisions ?? {}
  const urls = Object.values(revisions).map(({ url }) => url)
  return findings
    .filter(({ source, url }) => source !== 'pulls' || url === undefined || !urls.includes(url))
    .map((finding) => {
      const revision = ownOf(revisions, finding.id)
      if (revision === undefined) return finding
      return { ...finding, note: `its change is proposed in ${revision.url} and was reviewed: it has to be made again` }
    })
}
