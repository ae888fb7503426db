import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { Clock, RunRecord, Store, Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { Discovery, Finding } from '../../core/triage/finding.ts'
import { permissions } from '../../core/triage/level.ts'
import type { Delivery, Notice, Standing, TickDesk } from '../../core/triage/ports.ts'
import type { Revision, TickDraft, TickResult } from '../../core/triage/tick.ts'
import { type DayLimits, dayLimits, dayOf, dayScope, tokensOf } from './days.ts'
import { isWaiting, pastTicks, remember } from './memory.ts'
import { noticeOf } from './notices.ts'
import { exampleFinding } from './rehearsal.ts'

/** What a desk works with. */
export interface DeskOptions {
  readonly run: RunRecord
  readonly spec: TriageSpec
  readonly store: Store
  readonly clock: Clock
  /** The run's own workspace, with nothing held back. */
  readonly workspace: () => Promise<Workspace>
  /** Reads and writes the files of the project. */
  readonly files: TickFiles
  /** Branches of runs that are in the user's repository and not merged. */
  readonly openBranches: () => Promise<ReadonlySet<string>>
  /** What the sources of the pattern see. */
  readonly look: (signal: AbortSignal) => Promise<Discovery>
  /** Pushes the run's branch and opens a pull request for it; says why not where it cannot. */
  readonly propose: (
    result: TickResult,
    signal: AbortSignal,
  ) => Promise<{ readonly url: string } | { readonly why: string }>
  /** Merges the run's branch into the branch the user is on. */
  readonly merge: () => Promise<{ readonly merged: true } | { readonly merged: false; readonly reason: string }>
  /** What people want changed about pull requests of earlier ticks, by item, and how each stands. */
  readonly reviews?: (
    proposed: ReadonlyMap<string, TickResult>,
  ) => Promise<ReadonlyMap<string, { readonly revision: Revision; readonly feedback: string }>>
  readonly tell: (notice: Notice) => void
}

/** The files of the project that a tick reads and writes. */
export interface TickFiles {
  /** The state file as it is; empty when there is none. */
  state(): Promise<string>
  /** Why the project wants no loop to run now: `loop-pause-all` in the state file. */
  paused(): Promise<string | undefined>
  /** Tries by item id, as the ledger has them; undefined where it cannot be read. */
  attempts(): Promise<Readonly<Record<string, number>> | undefined>
  /** Ticks and tokens of this pattern and UTC day, as the run log has them. */
  today(day: string): Promise<{ readonly runs: number; readonly tokens: number }>
  /** Findings with what people wrote beside them in the state file. */
  decided(findings: readonly Finding[]): Promise<readonly Finding[]>
  write(result: TickResult): Promise<void>
}

/** Makes the desk of one tick. What its level may not do it refuses, whoever asks. */
export function tickDesk(options: DeskOptions): TickDesk {
  const { run, spec, store, clock, files, workspace } = options
  const { pattern, root, dryRun } = spec
  const may = permissions[spec.level]
  const scope =
    run.scopes.find((name) => name.startsWith('triage:') || name.startsWith('rehearsal:')) ?? `run:${run.id}`

  const limits = async (): Promise<DayLimits> => {
    const now = clock.now()
    const [used, caps, logged] = [
      await tokensOf(store, scope),
      await store.caps(scope),
      dryRun ? { runs: 0, tokens: 0 } : await files.today(dayOf(now)),
    ]
    // Another machine may have worked on this project today: then its run log knows more than our ledger.
    // Once its own line is in the run log it counts there.
    const own = run.result === undefined ? await tokensOf(store, `run:${run.id}`) : 0
    const today = dayOf(now)
    const done = dryRun
      ? []
      : (await pastTicks(store, root, pattern.id, now)).filter(
          (tick) => tick.run.id !== run.id && dayOf(tick.run.createdAt) === today && tick.result.outcome !== 'halted',
        )
    return dayLimits(
      {
        used: Math.max(used, logged.tokens + own),
        cap: caps.tokens ?? null,
        ticks: Math.max(done.length, logged.runs),
      },
      spec,
    )
  }

  const halted = async (): Promise<string | undefined> => {
    if (await store.killSwitch()) return 'the kill switch is on: loopwright kill --off turns it off'
    if (dryRun) return undefined
    return await files.paused()
  }

  const completed = async (draft: TickDraft): Promise<TickResult> => {
    const spend = (await store.spend(`run:${run.id}`)).used
    const day = await limits()
    return {
      ...draft,
      tokens: spend.tokens ?? 0,
      costUsd: (spend.microUsd ?? 0) / 1_000_000,
      spent: day.used,
      cap: day.cap,
      duration: Math.max(0, Math.round((clock.now() - Date.parse(draft.startedAt)) / 1000)),
    }
  }

  return {
    halted,
    async standing(): Promise<Standing> {
      const stopped = await halted()
      const day = await limits()
      const past = dryRun ? [] : await pastTicks(store, root, pattern.id, clock.now())
      const others = past.filter((tick) => tick.run.id !== run.id)
      const late =
        scope.startsWith('triage:') && scope !== dayScope(root, pattern.id, clock.now())
          ? 'it counts in the budget of another day (UTC), which is over: begin a new tick'
          : undefined
      const reason = stopped ?? late ?? day.halted
      const known = remember(others, dryRun ? new Set() : await options.openBranches())
      const mayRevise = may.propose && spec.deliver === 'pull_request' && reason === undefined
      const reviewed = (mayRevise ? await options.reviews?.(known.proposed) : undefined) ?? new Map<string, never>()
      const ledger = dryRun ? {} : await files.attempts()
      // Without the ledger nobody knows what was tried before.
      const reportOnly = day.reportOnly ?? (ledger === undefined ? 'loop-ledger.json cannot be read' : undefined)
      return {
        ...(reason === undefined ? {} : { halted: reason }),
        ...(reportOnly === undefined ? {} : { reportOnly }),
        spent: day.used,
        cap: day.cap,
        attempts: most(known.attempts, ledger ?? {}),
        waiting: known.waiting.filter((id) => !reviewed.has(id)),
        state: await files.state(),
        feedback: joined(known.feedback, reviewed),
        revisions: Object.fromEntries([...reviewed].map(([id, { revision }]) => [id, revision])),
      }
    },
    async discover({ signal }) {
      const seen = await options.look(signal)
      const rehearsing = dryRun && spec.agent === 'scripted' && seen.findings.length === 0
      if (rehearsing) return { ...seen, findings: [exampleFinding] }
      return { ...seen, findings: await files.decided(seen.findings) }
    },
    async keep() {
      if (!may.change || dryRun) throw refused('make a branch visible')
      await (await workspace()).publish()
    },
    async deliver({ how, result, signal }): Promise<Delivery> {
      if (!may.change || dryRun) throw refused('commit')
      const own = await workspace()
      await own.publish()
      const branch = own.branch ?? `loopwright/${run.id}`
      const kept = (reason: string): Delivery => ({ outcome: 'committed', branch, reason })
      const why = result.gate?.reason ?? result.reason
      if (how === 'branch') return kept(why)
      if (how === 'pull_request') {
        if (!may.propose) return kept(`${spec.level} opens no pull request: the branch is kept`)
        try {
          const made = await options.propose({ ...(await completed(result)), branch }, signal)
          if ('why' in made) return kept(`no pull request: ${made.why}`)
          return { outcome: 'proposed', branch, url: made.url, reason: why }
        } catch (error) {
          return kept(`no pull request: ${messageOf(error)}`)
        }
      }
      if (!may.merge) return kept(`${spec.level} merges nothing: loopwright merge ${run.id}`)
      const merged = await options.merge()
      return merged.merged ? { outcome: 'merged', branch, reason: why } : kept(`not merged: ${merged.reason}`)
    },
    async record(draft): Promise<TickResult> {
      const result = await completed(draft)
      if (dryRun) return result
      if (may.record && result.outcome !== 'halted') await files.write(result)
      if (may.notify) {
        const past = (await pastTicks(store, root, pattern.id, clock.now())).filter((tick) => tick.run.id !== run.id)
        const last = past[0]?.result
        const notice = noticeOf(result, {
          // A halt is told once, not every five minutes.
          again: result.outcome === 'halted' && last?.outcome === 'halted',
          waiting: past.filter(isWaiting).length,
          maxAttempts: spec.maxAttempts,
        })
        if (notice !== undefined) options.tell(notice)
      }
      return result
    },
  }

  function refused(what: string): LoopwrightError {
    const level = dryRun ? 'a dry run' : `level ${spec.level}`
    return new LoopwrightError('conflict', `${level} may not ${what}`)
  }
}

function joined(
  feedback: Readonly<Record<string, string>>,
  reviewed: ReadonlyMap<string, { readonly feedback: string }>,
): Record<string, string> {
  const all: Record<string, string> = { ...feedback }
  for (const [id, one] of reviewed)
    all[id] = [one.feedback, feedback[id] ?? ''].filter((text) => text !== '').join('\n\n')
  return all
}

function most(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const all: Record<string, number> = { ...a }
  for (const [id, count] of Object.entries(b)) all[id] = Math.max(all[id] ?? 0, count)
  return all
}
