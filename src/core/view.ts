import type { Amounts } from './budget.ts'
import type { EventOf, JournalEvent } from './event.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, textOf, textsOf } from './peek.ts'
import type { RunRecord } from './ports.ts'
import { agentAborted, agentSettled, agentStarted, agentsLeft, agentsUnderWay, agentWaits } from './view-agents.ts'
import { checkSettled, checkStarted, emitted, noticed, warningText } from './view-parts.ts'
import type { RunView, SpendView } from './view-types.ts'

export type { AgentView, AskView, CheckView, IterationView, RunView, SpendView } from './view-types.ts'

/** What is seen of a run before the first event of its journal. */
export function emptyView(run: RunRecord): RunView {
  return {
    id: run.id,
    loop: run.loop,
    kind: run.kind,
    goal: goalOf(run.spec),
    status: 'queued',
    reason: undefined,
    phase: undefined,
    iteration: 0,
    createdAt: run.createdAt,
    startedAt: undefined,
    updatedAt: run.createdAt,
    wakeAt: undefined,
    caps: run.caps ?? {},
    plan: [],
    workers: [],
    checks: [],
    review: undefined,
    asks: [],
    spend: { iterations: 0, agentCalls: 0, agents: 0, tokens: 0, microUsd: 0 },
    warnings: [],
    workspace: undefined,
    changedFiles: [],
    changedCount: 0,
    checkpoints: [],
    history: [],
    children: [],
    result: undefined,
    resultRef: undefined,
    error: undefined,
    forkedFrom: textOf(run.meta?.forkedFrom),
    segment: 0,
    seq: 0,
  }
}

/**
 * Folds one event into a view and returns the new one; the old one stays as it was. An event that was folded before changes
 * nothing, one of a kind this version does not know only counts. Costs a copy of the list it touches, which is bounded by what
 * is under way plus 200 rows (the lists of iterations and checkpoints grow with the run). Never throws.
 */
export function reduce(view: RunView, event: JournalEvent): RunView {
  if (event.seq <= view.seq) return view
  const next = { ...view, ...change(view, event), seq: event.seq, updatedAt: event.ts }
  // What a fork copied from another run (epoch 0: nobody ever claimed it) says where the run begins, not that it ran.
  if (event.epoch === 0) return { ...next, status: view.status, reason: undefined, spend: view.spend, warnings: [] }
  return view.startedAt === undefined ? { ...next, startedAt: event.ts } : next
}

/** What a run is for, as its kind says it. */
function goalOf(spec: Json): string | undefined {
  const { goal, mission } = objectOf(spec)
  return textOf(goal) ?? textOf(mission)
}

/** Folds many events. */
export function fold(view: RunView, events: readonly JournalEvent[]): RunView {
  return events.reduce(reduce, view)
}

type Change = Partial<RunView>

function change(view: RunView, event: JournalEvent): Change {
  switch (event.kind) {
    case 'run_started':
      return { status: 'running', goal: goalOf(event.spec) ?? view.goal }
    case 'run_claimed': {
      const workers = agentsLeft(view.workers, { at: event.ts, final: false })
      return { status: 'running', reason: undefined, error: undefined, wakeAt: undefined, workers }
    }
    case 'step_started':
      return stepStarted(view, event)
    case 'step_settled':
      return { spend: spent(view.spend, event.usage), ...stepSettled(view, event) }
    case 'step_aborted':
      return { spend: spent(view.spend, event.usage), workers: agentAborted(view.workers, event) }
    case 'timer_set':
      return { workers: agentWaits(view.workers, event) }
    case 'ask_opened':
      return { asks: [...view.asks, { id: event.ask, name: event.name, request: event.request }] }
    case 'child_started': {
      const { key, name, child: run, loop } = event
      return { children: [...view.children, { key, name, run, loop, status: 'running' }] }
    }
    case 'iteration_started':
      return iterationStarted(view, event)
    case 'signal_received':
      return signalReceived(view, event)
    case 'stop_requested':
    case 'cancel_requested':
      return { reason: event.reason }
    case 'reopened':
      return { caps: { ...view.caps, ...event.caps }, reason: undefined }
    case 'budget_warned':
      return {
        warnings: [...view.warnings, { at: event.ts, text: warningText(event.refusal), refusal: event.refusal }],
      }
    case 'emitted':
      return emitted(view, event)
    case 'continued':
      return { segment: event.segment, iteration: event.iteration, asks: [], workers: [], checks: [] }
    case 'timer_fired':
    case 'changed':
      return {}
    default:
      return ended(view, event)
  }
}

type Ended =
  | 'run_suspended'
  | 'run_paused'
  | 'run_stopped'
  | 'run_error'
  | 'run_finished'
  | 'run_failed'
  | 'run_cancelled'
  | 'run_killed'

/** The events after which no driver holds the run. */
function ended(view: RunView, event: EventOf<Ended>): Change {
  const left = { workers: agentsLeft(view.workers, { at: event.ts, final: false }), wakeAt: undefined }
  const over = { workers: agentsLeft(view.workers, { at: event.ts, final: true }), wakeAt: undefined, asks: [] }
  switch (event.kind) {
    case 'run_suspended': {
      const asks = new Set(event.asks)
      // A question whose branch was cancelled is open no more; only the suspended run says so.
      return {
        ...left,
        status: 'waiting',
        reason: event.reason,
        wakeAt: event.wakeAt,
        asks: view.asks.filter((ask) => asks.has(ask.id)),
      }
    }
    case 'run_paused':
      return { ...left, status: 'paused', reason: event.reason }
    case 'run_stopped':
      return { ...left, status: 'stopped', reason: event.reason }
    case 'run_error':
    case 'run_failed':
      return { ...left, status: 'failed', reason: event.error.message, error: event.error }
    case 'run_finished':
      return { ...over, status: 'done', reason: 'done', result: event.value, resultRef: event.ref }
    case 'run_cancelled':
      return { ...over, status: 'cancelled', reason: event.reason }
    case 'run_killed':
      return { ...over, status: 'killed', reason: event.reason }
    default:
      return {}
  }
}

function stepStarted(view: RunView, event: EventOf<'step_started'>): Change {
  if (event.effect === 'agent') return { workers: agentStarted(view.workers, event, view.iteration) }
  if (event.effect === 'check') return { checks: checkStarted(view.checks, event) }
  return {}
}

/** Where a run works. What a fork has of it in its copied journal is where the run it came from worked: only the id differs. */
function placeOf(
  view: RunView,
  path: string,
  branch: string | undefined,
): { path: string; branch: string | undefined } {
  const source = /^loopwright\/(.+)$/.exec(branch ?? '')?.[1]
  if (view.forkedFrom === undefined || source === undefined || source === view.id) return { path, branch }
  return { path: path.replace(`/${source}/`, `/${view.id}/`), branch: `loopwright/${view.id}` }
}

function stepSettled(view: RunView, event: EventOf<'step_settled'>): Change {
  switch (event.effect) {
    case 'agent':
      return { workers: agentSettled(view.workers, event, view.iteration), ...noticed(view, event) }
    case 'check':
      return { checks: checkSettled(view.checks, event) }
    case 'workspace': {
      const value = objectOf(event.value)
      const path = textOf(value.path)
      if (path === undefined) return {}
      const facts = { ...placeOf(view, path, textOf(value.branch)), base: textOf(value.base) }
      return { workspace: { ...facts, isolated: value.isolated === true, warnings: textsOf(value.warnings) } }
    }
    case 'checkpoint': {
      // Too many files for the journal leave a digest with the first of them.
      const value = objectOf(event.value ?? event.detail)
      const commit = textOf(value.commit)
      const total = value.totalChangedFiles === undefined ? view.changedFiles : textsOf(value.totalChangedFiles)
      const changed = { changedFiles: total, changedCount: numberOf(value.totalChanged) ?? total.length }
      if (commit === undefined) return changed
      const made = { iteration: view.iteration, commit, files: textsOf(value.changedFiles) }
      return { ...changed, checkpoints: [...view.checkpoints, made] }
    }
    default:
      return {}
  }
}

function iterationStarted(view: RunView, event: EventOf<'iteration_started'>): Change {
  const { iteration, ts } = event
  return {
    iteration,
    workers: agentsUnderWay(view.workers),
    checks: [],
    plan: [],
    review: undefined,
    history: [...view.history, { iteration, startedAt: ts }],
    spend: spent(view.spend, { iterations: 1 }),
  }
}

function signalReceived(view: RunView, { signal }: EventOf<'signal_received'>): Change {
  if (signal.kind === 'answer') return { asks: view.asks.filter((ask) => ask.id !== signal.target) }
  if (signal.kind !== 'child_finished') return {}
  const status = textOf(objectOf(signal.payload).status) ?? 'done'
  return { children: view.children.map((child) => (child.run === signal.target ? { ...child, status } : child)) }
}

function spent(spend: SpendView, usage: Amounts | undefined): SpendView {
  if (usage === undefined) return spend
  return {
    iterations: spend.iterations + (numberOf(usage.iterations) ?? 0),
    agentCalls: spend.agentCalls + (numberOf(usage.agentCalls) ?? 0),
    agents: spend.agents + (numberOf(usage.agents) ?? 0),
    tokens: spend.tokens + (numberOf(usage.tokens) ?? 0),
    microUsd: spend.microUsd + (numberOf(usage.microUsd) ?? 0),
  }
}
