import type { Refusal } from './budget.ts'
import type { EventOf } from './event.ts'
import type { Json } from './json.ts'
import { listOf, numberOf, objectOf, textOf, textsOf } from './peek.ts'
import type { CheckView, IterationView, RunView } from './view-types.ts'

/** A check begins. */
export function checkStarted(checks: readonly CheckView[], event: EventOf<'step_started'>): readonly CheckView[] {
  const started: CheckView = { key: event.key, name: checkName(event), ...running }
  const at = checks.findLastIndex((one) => one.key === event.key)
  return at < 0 ? [...checks, started] : checks.with(at, started)
}

/** A check is over. */
export function checkSettled(checks: readonly CheckView[], event: EventOf<'step_settled'>): readonly CheckView[] {
  const value = objectOf(event.value)
  const at = checks.findLastIndex((one) => one.key === event.key)
  const over: CheckView = {
    key: event.key,
    name: checks[at]?.name ?? textOf(value.name) ?? checkName(event),
    state: value.ok === true ? 'passed' : 'failed',
    exitCode: numberOf(value.exit_code) ?? null,
    duration: numberOf(value.duration),
    error: event.error?.message ?? textOf(value.error),
  }
  return at < 0 ? [...checks, over] : checks.with(at, over)
}

/** What a loop says about itself. */
export function emitted(view: RunView, event: EventOf<'emitted'>): Partial<RunView> {
  const data = objectOf(event.data)
  switch (event.name) {
    case 'phase_changed':
      return { phase: textOf(data.to) ?? view.phase }
    case 'decomposed':
      return { plan: listOf(data.subgoals).map(planned) }
    case 'review':
      return { review: event.data }
    case 'warned':
      return { warnings: [...view.warnings, { at: event.ts, text: textOf(data.text) ?? 'a warning' }] }
    case 'agent_fallback':
      return { warnings: [...view.warnings, { at: event.ts, text: fallbackText(data) }] }
    case 'stage_started':
      return { phase: textOf(data.stage) ?? view.phase }
    case 'rolled_back':
      return { warnings: [...view.warnings, { at: event.ts, text: `rolled back: ${textOf(data.because) ?? ''}` }] }
    case 'round_finished':
    case 'iteration_finished':
      return { history: finished(view.history, objectOf(data.item), event.ts) }
    default:
      return {}
  }
}

/** The counts of a history item of the result shape. */
export function countsOf(item: ReturnType<typeof objectOf>): {
  readonly subgoalsOk: number
  readonly subgoalsTotal: number
  readonly checksOk: number
  readonly checksTotal: number
  readonly gatesPassed: boolean
  readonly goalComplete: boolean
} {
  const results = listOf(item.results)
  const checks = listOf(item.verification)
  const review = objectOf(item.review)
  return {
    subgoalsOk: results.filter(isOk).length,
    subgoalsTotal: Math.max(results.length, listOf(item.subgoals).length),
    checksOk: checks.filter(isOk).length,
    checksTotal: checks.length,
    gatesPassed: review.gates_passed === true,
    goalComplete: review.goal_complete === true,
  }
}

/** Another agent took over, as people read it. */
export function fallbackText(data: ReturnType<typeof objectOf>): string {
  const why = data.because === 'auth' ? 'is not logged in' : 'is at its limit'
  return `${textOf(data.from)} ${why}: ${textOf(data.to)} takes over as ${textOf(data.role)}`
}

/** What the supervisor noticed during an agent's call. */
export function noticed(view: RunView, event: EventOf<'step_settled'>): Partial<RunView> {
  const notices = textsOf(objectOf(event.value ?? event.detail).notices)
  if (notices.length === 0) return {}
  return { warnings: [...view.warnings, ...notices.map((text) => ({ at: event.ts, text }))] }
}

/** A budget that is nearly used up, as people read it. */
export function warningText({ dimension, cap, used }: Refusal): string {
  switch (dimension) {
    case 'microUsd':
      return `$${(used / 1_000_000).toFixed(2)} of $${(cap / 1_000_000).toFixed(2)} used`
    case 'activeMs':
      return `${Math.round(used / 1000)}s of ${Math.round(cap / 1000)}s used`
    default:
      return `${used} of ${cap} ${words[dimension] ?? dimension} used`
  }
}

const words: Readonly<Record<string, string>> = { agentCalls: 'agent calls' }
const running = { state: 'running', exitCode: null, duration: undefined, error: undefined } as const

function finished(
  history: readonly IterationView[],
  item: ReturnType<typeof objectOf>,
  at: number,
): readonly IterationView[] {
  const iteration = numberOf(item.iteration)
  const index = iteration === undefined ? -1 : history.findLastIndex((one) => one.iteration === iteration)
  const known = history[index]
  return known ? history.with(index, { ...known, finishedAt: at, ...countsOf(item) }) : history
}

function planned(subgoal: Json): { readonly id: string; readonly description: string } {
  const { id, description } = objectOf(subgoal)
  return { id: textOf(id) ?? '', description: textOf(description) ?? '' }
}

function isOk(one: Json): boolean {
  return objectOf(one).ok === true
}

function checkName(event: EventOf<'step_started' | 'step_settled'>): string {
  return textOf(objectOf(event.detail).name) ?? event.name.replace(/^check /, '')
}
