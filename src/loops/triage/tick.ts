import { objectOf, textOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'
import type { Checkpoint, CheckResult } from '../../core/ports.ts'
import type { RoleResult } from '../../core/role.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import {
  type ChangeVerdict,
  decideChange,
  decideTriage,
  ownOf,
  rulePatch,
  type Triaged,
  type VerifierAnswer,
} from '../../core/triage/decide.ts'
import type { Discovery, Finding } from '../../core/triage/finding.ts'
import type { GateRuling } from '../../core/triage/gate.ts'
import { type Level, lowerLevel, permissions } from '../../core/triage/level.ts'
import { type PatchFinding, scanPatch } from '../../core/triage/patch-scan.ts'
import type { Delivery, Standing } from '../../core/triage/ports.ts'
import { quietLine } from '../../core/triage/pull-request.ts'
import { ruleOn } from '../../core/triage/rule.ts'
import type { EscalationAnswer, EscalationRequest, TickDraft, TickOutcome, TickResult } from '../../core/triage/tick.ts'
import type { LoopContext } from '../../engine/context.ts'
import { implementerRole, triagerRole, verifierRole } from './roles.ts'

/** A change as it was committed in the tick's worktree. */
interface Change {
  readonly work: Checkpoint
  readonly lines: number
  readonly diff: string
  /** What was seen in the patch itself. */
  readonly found: readonly PatchFinding[]
  /** There is more of it than can be looked at. */
  readonly cut: boolean
}

/** One tick while it happens: what it knows so far, and what it does next. */
export class Tick {
  readonly #loop: LoopContext
  readonly #spec: TriageSpec
  #startedAt = 0
  #standing: Standing | undefined
  #seen: Discovery = { findings: [], skipped: [] }
  #halted: string | undefined
  #triaged: Triaged | undefined
  #failed: string | undefined
  #change: Change | undefined
  #checks: readonly CheckResult[] = []
  #verifier: VerifierAnswer | undefined
  #verdict: ChangeVerdict | undefined
  #gate: GateRuling | undefined
  #delivery: Delivery | undefined

  constructor(loop: LoopContext, spec: TriageSpec) {
    this.#loop = loop
    this.#spec = spec
  }

  /** There is something to triage, and nothing forbids it. */
  get open(): boolean {
    if (this.#halted !== undefined) return false
    const asked = this.#spec.request !== undefined
    return asked || this.#seen.findings.length > 0
  }

  /** It is about to change something, or has. */
  get acting(): boolean {
    return this.#triaged?.decision === 'act' && this.#halted === undefined
  }

  /** The gate lets the change through, and it is no rehearsal. */
  get allowed(): boolean {
    return this.acting && !this.#spec.dryRun && this.#gate?.decision === 'allow' && this.#verdict?.verdict === 'accept'
  }

  /** A human has to decide about a change that is there. */
  get escalated(): boolean {
    return this.#outcome() === 'escalated'
  }

  /** What is there, and what earlier ticks left. */
  async discover(): Promise<void> {
    const loop = this.#loop
    await loop.iteration()
    this.#startedAt = await loop.now()
    this.#standing = await loop.desk.standing()
    this.#halted = this.#standing.halted
    if (this.#halted !== undefined) return
    const seen = await loop.desk.discover()
    this.#halted = seen.pausedBy
    const { item } = this.#spec
    const findings = reviewed(seen.findings, this.#standing)
    this.#seen = { ...seen, findings: item === undefined ? findings : findings.filter(({ id }) => id === item) }
  }

  /** noop, report or act: the triager proposes, code decides. */
  async triage(): Promise<void> {
    if (await this.#refused()) return
    const { findings, skipped } = this.#seen
    const facts = {
      findings,
      mayAct: permissions[this.#level].change,
      attempts: this.#standing?.attempts ?? {},
      maxAttempts: this.#spec.maxAttempts,
      waiting: this.#standing?.waiting ?? [],
      ...(this.#standing?.reportOnly === undefined ? {} : { reportOnly: this.#standing.reportOnly }),
      ...(this.#spec.item === undefined ? {} : { named: this.#spec.item }),
    }
    // A copy of its own: what the triager touches is never part of a change.
    const [said] = await this.#apart('triage', (loop) =>
      loop.agent(triagerRole, {
        spec: this.#spec,
        findings,
        state: this.#standing?.state ?? '',
        mayAct: facts.mayAct && facts.reportOnly === undefined,
        skipped: skipped.map(({ source, why }) => `${source}: ${why}`),
      }),
    )
    if (await this.#refused(said)) return
    if (said?.ok === false) this.#failed = `the triager failed: ${said.error ?? said.outcome}`
    this.#triaged = decideTriage(said?.value, facts)
  }

  async implement(): Promise<void> {
    const { item, proposal = '' } = this.#triaged ?? {}
    if (item === undefined || (await this.#refused())) return
    const loop = this.#loop
    const feedback = [ownOf(this.#standing?.feedback ?? {}, item.id) ?? '', this.#spec.request?.text ?? ''].filter(
      (text) => text !== '',
    )
    const said = await loop.agent(implementerRole, {
      spec: this.#spec,
      item,
      proposal,
      feedback: feedback.join('\n\n'),
    })
    if (await this.#refused(said)) return
    if (!said.ok) this.#failed = `the implementer failed: ${said.error ?? said.outcome}`
    const work = await loop.checkpoint(
      `${quietLine(oneLine(item.title, 60))}\n\nloopwright: ${this.#spec.pattern.id}, ${quietLine(oneLine(item.id, 200))}`,
    )
    // Of the commit: what is left running in the worktree cannot show one thing and deliver another.
    this.#change = { work, ...(await loop.diff(scanPatch, work.commit)) }
  }

  /** Checks and a verifier, in a fresh copy of what was committed: nothing else can make them pass, and nothing they do stays. */
  async verify(): Promise<void> {
    const { item, proposal = '' } = this.#triaged ?? {}
    if (item === undefined || this.#change === undefined) return
    const { work, diff } = this.#change
    const files = work.totalChangedFiles
    if (this.#failed === undefined && files.length > 0) {
      if (await this.#refused()) return
      const [seen] = await this.#apart('verify', async (loop) => {
        const checks = await loop.checks(this.#spec.verify, { timeoutMs: this.#spec.verifyTimeout * 1000 })
        if (checks.some((check) => !check.ok)) return { checks }
        const said = await loop.agent(verifierRole, { spec: this.#spec, item, proposal, diff, files, checks })
        return { checks, said }
      })
      this.#checks = seen?.checks ?? []
      this.#verifier = seen?.said?.value
      if (await this.#refused(seen?.said)) return
    }
    this.#verdict = decideChange({
      files,
      checks: this.#checks,
      verifier: this.#verifier,
      unattended: this.#level === 'L3',
      ...(this.#failed === undefined ? {} : { failed: this.#failed }),
    })
  }

  /** The policy of the base: what the change edits has no say in it. */
  async gate(): Promise<void> {
    const change = this.#change
    if (change === undefined || this.#verdict === undefined || this.#verdict.verdict === 'reject') return
    const { deliver, gate, maxAttempts } = this.#spec
    const ruling = ruleOn(gate, {
      action: deliver === 'merge' ? 'auto-merge' : 'commit',
      paths: change.work.totalChangedFiles,
      lines: change.lines,
      own: [this.#spec.pattern.state, ...this.#spec.own],
      attempts: this.#attempt - 1,
      // A person who names a finding has decided to try again.
      maxAttempts: this.#spec.item === undefined ? maxAttempts : Number.MAX_SAFE_INTEGER,
    })
    const rest = { path: 'the change', line: 0, kind: 'more than can be looked at', severity: 'escalate' } as const
    this.#gate = rulePatch(ruling, [...change.found, ...(change.cut ? [rest] : [])])
  }

  async deliver(): Promise<void> {
    if ((await this.#refused()) || this.#change === undefined) return
    this.#delivery = await this.#loop.desk.deliver(this.#spec.deliver, this.#draft('committed'))
  }

  async record(): Promise<TickResult> {
    const outcome = this.#outcome()
    if (outcome === 'escalated') await this.#loop.desk.keep()
    const result = await this.#loop.desk.record(this.#draft(outcome))
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

  get #level(): Level {
    return this.#standing?.reportOnly === undefined ? this.#spec.level : lowerLevel(this.#spec.level, 'L1')
  }

  get #attempt(): number {
    const id = this.#triaged?.item?.id
    return (id === undefined ? 0 : (ownOf(this.#standing?.attempts ?? {}, id) ?? 0)) + 1
  }

  /** Whether nothing more may be done: a cap refused the last call, or somebody pulled the switch meanwhile. */
  async #refused(said?: Pick<RoleResult, 'outcome' | 'error'>): Promise<boolean> {
    const why = said?.outcome === 'budget' ? (said.error ?? 'a budget refused the next call') : undefined
    if (this.#loop.stopping) this.#halted = why ?? 'it was asked to stop'
    else this.#halted ??= (await this.#loop.desk.halted()) ?? why
    return this.#halted !== undefined
  }

  /** Does something in a worktree of its own, which is thrown away afterwards. */
  async #apart<T>(name: string, call: (loop: LoopContext) => Promise<T>): Promise<T[]> {
    const done = await this.#loop.parallel([name], (loop) => call(loop), { workspaces: () => name })
    await this.#loop.drop(name)
    return done
  }

  #outcome(): TickOutcome {
    const { dryRun } = this.#spec
    if (this.#halted !== undefined) return 'halted'
    if (this.#triaged === undefined) return 'noop'
    const { decision } = this.#triaged
    if (decision !== 'act' && this.#failed !== undefined) return 'failed'
    if (decision === 'noop') return 'noop'
    if (decision === 'report') return this.#spec.level === 'L0' ? 'drafted' : 'reported'
    if (this.#verdict === undefined || this.#verdict.verdict === 'reject') return 'rejected'
    if (this.#gate?.decision === 'deny') return 'denied'
    if (this.#verdict.verdict === 'escalate' || this.#gate?.decision !== 'allow')
      return dryRun ? 'would_escalate' : 'escalated'
    if (dryRun) return 'would_commit'
    return this.#delivery?.outcome ?? 'failed'
  }

  #reason(outcome: TickOutcome): string {
    if (outcome === 'halted') return this.#halted ?? 'halted'
    if (this.#failed !== undefined && outcome === 'failed') return this.#failed
    if (this.#triaged === undefined)
      return this.#spec.item === undefined ? 'nothing was found' : `${this.#spec.item} was not found`
    if (!this.acting) return this.#triaged.reason
    if (outcome === 'rejected') {
      const last = this.#attempt >= this.#spec.maxAttempts ? `; ${this.#attempt} tries failed: a human has to look` : ''
      return `${this.#verdict?.reason ?? 'it was not verified'}${last}`
    }
    if (this.#verdict?.verdict === 'escalate' && this.#gate?.decision === 'allow') return this.#verdict.reason
    return this.#delivery?.reason ?? this.#gate?.reason ?? this.#triaged.reason
  }

  #draft(outcome: TickOutcome): TickDraft {
    const { pattern, tick, dryRun, agent, level } = this.#spec
    const { decision = 'noop', items = [], item, proposal = '' } = this.#triaged ?? {}
    const change = this.#change
    const reportOnly = this.#standing?.reportOnly
    const revises = item === undefined ? undefined : ownOf(this.#standing?.revisions ?? {}, item.id)
    return {
      run: this.#loop.run.id,
      pattern: pattern.id,
      name: pattern.name,
      tick,
      level: this.#level,
      ...(reportOnly === undefined || this.#level === level ? {} : { lowered: reportOnly }),
      dryRun,
      agent: agent ?? 'command',
      decision: this.#halted === undefined ? decision : 'halt',
      outcome,
      reason: oneLine(this.#reason(outcome), 500),
      items,
      skipped: this.#seen.skipped,
      ...(item === undefined
        ? {}
        : {
            item: {
              id: item.id,
              title: item.title,
              attempt: this.#attempt,
              ...(item.url === undefined ? {} : { url: item.url }),
            },
            proposal,
          }),
      ...(change === undefined
        ? {}
        : {
            change: {
              files: change.work.totalChangedFiles,
              lines: change.lines,
              ...(change.work.commit === undefined ? {} : { commit: change.work.commit }),
            },
          }),
      checks: this.#checks.map(({ name, ok, error }) => ({ name, ok, error })),
      ...(this.#verdict === undefined ? {} : { verdict: this.#verdict.verdict }),
      ...(this.#verifier === undefined ? {} : { verifier: this.#verifier }),
      ...(this.#gate === undefined ? {} : { gate: this.#gate }),
      ...(revises === undefined ? {} : { revises }),
      ...(outcome === 'escalated' ? { branch: `loopwright/${this.#loop.run.id}` } : {}),
      ...(this.#delivery === undefined ? {} : placeOf(this.#delivery)),
      startedAt: new Date(this.#startedAt).toISOString(),
    }
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

function placeOf({ outcome, branch, url, reason }: Delivery): Pick<TickDraft, 'outcome' | 'branch' | 'reason' | 'url'> {
  return { outcome, branch, reason, ...(url === undefined ? {} : { url }) }
}
