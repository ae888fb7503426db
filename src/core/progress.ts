import type { EventOf, JournalEvent } from './event.ts'
import { turnWord } from './human.ts'
import type { Json, JsonObject } from './json.ts'
import { listOf, objectOf, previewOf, textOf, textsOf } from './peek.ts'
import { roundText } from './round.ts'
import { escalationOf, escalationQuestion } from './triage/decision.ts'
import { isRetryTimer } from './view-agents.ts'
import { countsOf } from './view-parts.ts'
import type { AgentView, RunView } from './view-types.ts'

/** A line of a run's `events.jsonl`. */
export interface EventLine {
  /** The journal's; it rises from line to line, with gaps, and is the cursor of a reader. */
  readonly seq: number
  /** Seconds since 1970. */
  readonly ts: number
  readonly kind: string
  /** The iteration it belongs to; 0 before the first. */
  readonly iteration: number
  readonly data: JsonObject
}

/** One iteration in short, as `--progress` prints it. */
export interface ProgressLine {
  readonly iteration: number
  readonly subgoals_ok: number
  readonly subgoals_total: number
  readonly verification_ok: number
  readonly verification_total: number
  readonly goal_complete: boolean
}

/** Kinds that the engine says itself; a loop that emits one of them is shown as `custom_<name>`. */
const ownKinds: ReadonlySet<string> = new Set([
  ...['run_started', 'run_resumed', 'run_suspended', 'run_paused', 'run_stopped', 'run_finished', 'run_error'],
  ...['run_cancelled', 'run_killed', 'needs_input', 'answered', 'worktree_ready', 'iteration_started'],
  ...['subagent_started', 'subagent_finished', 'subagent_failed', 'agent_started', 'agent_finished', 'agent_failed'],
  ...['check_started', 'check_finished', 'checkpoint', 'merge', 'step_failed', 'retry_scheduled', 'timer_set'],
  ...['child_started', 'child_finished', 'message_received', 'stop_requested', 'cancel_requested', 'reopened'],
  ...['budget_warned', 'continued'],
])

/**
 * What the event stream of a run shows for a journal event: one line, or none for what only the engine needs.
 *
 * @param view the view with this event folded in
 */
export function eventLines(view: RunView, event: JournalEvent): EventLine[] {
  const shown = show(view, event)
  if (!shown) return []
  const [kind, data] = shown
  return [{ seq: event.seq, ts: event.ts / 1000, kind, iteration: view.iteration, data }]
}

/** The `--progress` line at the end of an iteration, undefined for every other event. */
export function progressLine(view: RunView, event: JournalEvent): ProgressLine | undefined {
  const item = finishedItem(event)
  if (!item) return undefined
  const counts = countsOf(item)
  return {
    iteration: typeof item.iteration === 'number' ? item.iteration : view.iteration,
    subgoals_ok: counts.subgoalsOk,
    subgoals_total: counts.subgoalsTotal,
    verification_ok: counts.checksOk,
    verification_total: counts.checksTotal,
    goal_complete: counts.goalComplete || item.verdict === 'complete',
  }
}

/**
 * A sentence for clients that show progress, at the start and after every iteration, undefined otherwise:
 * `iteration 2/4: 3/3 subgoals ok, gates pass, goal incomplete, verification pass`.
 */
export function progressMessage(view: RunView, event: JournalEvent): string | undefined {
  const of = view.caps.iterations === undefined ? '' : `/${view.caps.iterations}`
  if (event.kind === 'run_started')
    return `run ${view.id} started${of === '' ? '' : `, at most ${of.slice(1)} iterations`}`
  const item = finishedItem(event)
  if (!item) return undefined
  if (Array.isArray(item.stages)) return `round ${view.iteration}${of}: ${roundText(item)}`
  const counts = countsOf(item)
  const number = typeof item.iteration === 'number' ? item.iteration : view.iteration
  return [
    `iteration ${number}${of}: ${counts.subgoalsOk}/${counts.subgoalsTotal} subgoals ok`,
    `gates ${counts.gatesPassed ? 'pass' : 'fail'}`,
    `goal ${counts.goalComplete ? 'complete' : 'incomplete'}`,
    ...(counts.checksTotal === 0 ? [] : [`verification ${counts.checksOk === counts.checksTotal ? 'pass' : 'fail'}`]),
  ].join(', ')
}

function finishedItem(event: JournalEvent): JsonObject | undefined {
  if (event.kind !== 'emitted' || (event.name !== 'iteration_finished' && event.name !== 'round_finished'))
    return undefined
  return objectOf(objectOf(event.data).item)
}

type Shown = readonly [kind: string, data: JsonObject] | undefined

function show(view: RunView, event: JournalEvent): Shown {
  switch (event.kind) {
    case 'run_started':
      return ['run_started', started(view, event)]
    case 'run_claimed':
      return ['run_resumed', { driver: event.driver, version: event.version }]
    case 'step_started':
      return stepStarted(view, event)
    case 'step_settled':
      return stepSettled(view, event)
    case 'step_aborted': {
      const agent = view.workers.findLast((one) => one.key === event.key)
      if (!agent) return undefined
      return [`${prefixOf(agent)}_failed`, { ...who(agent), outcome: 'aborted', error: event.reason }]
    }
    case 'timer_set': {
      const data = { name: event.name, until: event.dueAt / 1000 }
      return isRetryTimer(event) ? ['retry_scheduled', data] : ['timer_set', data]
    }
    case 'ask_opened':
      return ['needs_input', { questions: questionsOf(event.request), token: event.ask, name: event.name }]
    case 'child_started':
      return ['child_started', { run: event.child, loop: event.loop, name: event.name }]
    case 'iteration_started':
      return ['iteration_started', startedTurn(view, event.iteration)]
    case 'signal_received':
      return signalReceived(event)
    case 'cancel_requested':
    case 'stop_requested':
    case 'run_paused':
    case 'run_cancelled':
    case 'run_killed':
      return [event.kind, { reason: event.reason }]
    case 'reopened':
      return ['reopened', { caps: { ...event.caps } }]
    case 'budget_warned':
      return ['budget_warned', { text: view.warnings.at(-1)?.text, ...event.refusal }]
    case 'emitted':
      return [ownKinds.has(event.name) ? `custom_${event.name}` : event.name, dataOf(event.data)]
    case 'continued':
      return ['continued', { segment: event.segment }]
    case 'run_suspended':
      return ['run_suspended', { reason: event.reason, wake_at: event.wakeAt && event.wakeAt / 1000 }]
    case 'run_stopped':
      return ['run_stopped', { reason: event.reason, completed: false, stop_reason: event.reason }]
    case 'run_error':
    case 'run_failed':
      return ['run_error', { error: event.error.message, code: event.error.code, hint: event.error.hint }]
    case 'run_finished':
      return ['run_finished', finished(view, event)]
    default:
      return undefined
  }
}

function startedTurn(view: RunView, iteration: number): JsonObject {
  const word = turnWord(view.kind)
  return { iteration, max_iterations: view.caps.iterations, ...(word === 'iteration' ? {} : { called: word }) }
}

function started(view: RunView, event: EventOf<'run_started'>): JsonObject {
  return { run_id: view.id, loop: event.loop, kind: view.kind, goal: view.goal, max_iterations: view.caps.iterations }
}

function finished(view: RunView, event: EventOf<'run_finished'>): JsonObject {
  const value = objectOf(event.value)
  return {
    completed: value.completed !== false,
    iterations: typeof value.iterations === 'number' ? value.iterations : view.iteration,
    stop_reason: textOf(value.stop_reason) ?? 'done',
    summary: textOf(value.summary),
    preview: previewOf(textOf(value.final_output) ?? (event.value === undefined ? '' : JSON.stringify(event.value))),
  }
}

function stepStarted(view: RunView, event: EventOf<'step_started'>): Shown {
  if (event.effect === 'check') return ['check_started', { name: textOf(objectOf(event.detail).name) ?? event.name }]
  if (event.effect !== 'agent') return undefined
  const agent = view.workers.findLast((one) => one.key === event.key)
  return agent && [`${prefixOf(agent)}_started`, who(agent)]
}

function stepSettled(view: RunView, event: EventOf<'step_settled'>): Shown {
  // Too much for the journal leaves a digest.
  const value = objectOf(event.value ?? event.detail)
  if (event.effect === 'agent') {
    const agent = view.workers.findLast((one) => one.key === event.key)
    return agent && [`${prefixOf(agent)}_${agent.outcome === 'done' ? 'finished' : 'failed'}`, outcomeOf(agent, event)]
  }
  if (event.error) return ['step_failed', { name: event.name, error: event.error.message, code: event.error.code }]
  switch (event.effect) {
    case 'workspace':
      return ['worktree_ready', value]
    case 'check': {
      const { name, ok, exit_code, duration, error } = value
      return ['check_finished', { name, ok, exit_code, duration, error }]
    }
    case 'checkpoint':
      return value.commit === undefined
        ? undefined
        : ['checkpoint', { commit: value.commit, changed_files: value.changedFiles, changed: value.changed }]
    case 'merge':
      return ['merge', { results: listOf(event.value) }]
    default:
      return undefined
  }
}

/** Workers are `subagent_…`, as clients know them; calls in other roles are `agent_…`. */
function prefixOf(agent: AgentView): string {
  return agent.role === 'worker' ? 'subagent' : 'agent'
}

function who(agent: AgentView): JsonObject {
  return {
    subgoal: agent.subgoal?.id,
    description: agent.subgoal?.description,
    role: agent.role,
    agent: agent.agent,
    model: agent.model,
    call: agent.call,
    ...(agent.attempt > 1 ? { attempt: agent.attempt } : {}),
  }
}

function outcomeOf(agent: AgentView, event: EventOf<'step_settled'>): JsonObject {
  const notices = textsOf(objectOf(event.value ?? event.detail).notices)
  return {
    ...who(agent),
    outcome: agent.outcome,
    ...(agent.error === undefined ? {} : { error: agent.error }),
    preview: agent.preview ?? '',
    chars: agent.chars ?? 0,
    output_path: agent.outputPath ?? null,
    duration: Math.max(0, event.ts - agent.startedAt) / 1000,
    ...(event.usage ? { usage: { ...event.usage } } : {}),
    ...(notices.length === 0 ? {} : { notices }),
  }
}

function signalReceived({ signal }: EventOf<'signal_received'>): Shown {
  switch (signal.kind) {
    case 'answer':
      return ['answered', { token: signal.target, answer: signal.payload }]
    case 'child_finished':
      return ['child_finished', { run: signal.target, status: textOf(objectOf(signal.payload).status) }]
    case 'message':
      return ['message_received', { name: signal.target }]
    default:
      return undefined
  }
}

/** The questions of an ask: a loop may ask one text, a list, or an object that has some. */
export function questionsOf(request: Json): readonly Json[] {
  if (Array.isArray(request)) return request
  const escalation = escalationOf(request)
  if (escalation !== undefined) return [{ name: 'approve', question: escalationQuestion(escalation) }]
  const { questions, question } = objectOf(request)
  if (Array.isArray(questions)) return questions
  return [question ?? request]
}

function dataOf(data: Json): JsonObject {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as JsonObject) : { value: data }
}
