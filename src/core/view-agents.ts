import type { EventOf } from './event.ts'
import { numberOf, objectOf, previewOf, textOf } from './peek.ts'
import type { AgentView } from './view-types.ts'

type Agents = readonly AgentView[]

/** How many calls that are over stay in a view. */
const keptOver = 200

/** An agent is called: a new row, or the row of the call it retries. */
export function agentStarted(agents: Agents, event: EventOf<'step_started'>, iteration: number): Agents {
  const detail = objectOf(event.detail)
  const subgoal = objectOf(detail.subgoal)
  const id = textOf(subgoal.id)
  const { role, subgoalId } = readName(event.name)
  const call = numberOf(detail.call) ?? 1
  const started: AgentView = {
    ...blank,
    key: event.key,
    role: textOf(detail.role) ?? role,
    agent: textOf(detail.agent),
    model: textOf(detail.model),
    subgoal: id === undefined ? subgoalId : { id, description: textOf(subgoal.description) ?? '' },
    iteration: numberOf(detail.iteration) ?? iteration,
    call,
    attempt: event.attempt,
    startedAt: event.ts,
  }
  const again = agents.findLastIndex((one) => one.key === event.key || (call > 1 && isSameWork(one, started)))
  return again < 0 ? [...agents, started] : agents.with(again, started)
}

/** A call of an agent is over. One that a cap refused never began: it gets its row here. */
export function agentSettled(agents: Agents, event: EventOf<'step_settled'>, iteration: number): Agents {
  const value = event.value === undefined ? objectOf(event.detail) : objectOf(event.value)
  const text = textOf(value.text)
  const outcome = event.error
    ? event.error.code === 'budget_exceeded'
      ? 'budget'
      : 'failed'
    : (textOf(value.outcome) ?? 'done')
  const done = outcome === 'done'
  const over = {
    state: done ? ('done' as const) : outcome === 'rate_limited' ? ('waiting' as const) : ('failed' as const),
    endedAt: event.ts,
    outcome,
    error: done ? undefined : (event.error?.message ?? textOf(value.message) ?? outcome),
    preview: text === undefined ? textOf(value.preview) : previewOf(text),
    chars: numberOf(value.chars) ?? text?.length,
    outputPath: textOf(value.outputPath),
    resumesAt: numberOf(value.resetAt),
  }
  const at = agents.findLastIndex((one) => one.key === event.key)
  const known = agents[at]
  if (known) return bounded(agents.with(at, { ...known, ...over }), event.key)
  const { role, subgoalId: subgoal } = readName(event.name)
  const refused = { ...blank, key: event.key, role, subgoal, iteration, startedAt: event.ts }
  const before = agents.findLastIndex((one) => isSameWork(one, refused))
  const previous = agents[before]
  if (!previous) return bounded([...agents, { ...refused, ...over }], event.key)
  return agents.with(before, { ...previous, ...over, key: event.key, call: previous.call + 1 })
}

/** A call ended and its result does not count. */
export function agentAborted(agents: Agents, event: EventOf<'step_aborted'>): Agents {
  const at = agents.findLastIndex((one) => one.key === event.key)
  const known = agents[at]
  if (!known) return agents
  const aborted = { state: 'failed', endedAt: event.ts, outcome: 'aborted', error: event.reason } as const
  return bounded(agents.with(at, { ...known, ...aborted }), event.key)
}

/** The branch of a call that is over waits before it calls again. */
export function agentWaits(agents: Agents, event: EventOf<'timer_set'>): Agents {
  const at = agents.findLastIndex((one) => branchOf(one.key) === branchOf(event.key))
  const known = agents[at]
  if (!known || known.endedAt === undefined || known.state === 'done' || !isRetryTimer(event)) return agents
  return agents.with(at, { ...known, state: 'waiting', resumesAt: event.dueAt })
}

/** Timers that an agent's retries set. */
export function isRetryTimer(event: EventOf<'timer_set'>): boolean {
  return event.reason === 'rate_limit' || event.name === 'backoff'
}

/** The driver of these calls is gone: they wait for the next one, or are over when there will be none. */
export function agentsLeft(agents: Agents, options: { readonly at: number; readonly final: boolean }): Agents {
  if (!agents.some((one) => one.state === 'running' || (options.final && one.state === 'waiting'))) return agents
  return agents.map((one) => {
    if (one.state !== 'running' && one.state !== 'waiting') return one
    if (options.final) {
      return { ...one, state: 'failed', endedAt: options.at, outcome: 'aborted', error: one.error ?? 'the run ended' }
    }
    return { ...one, state: 'waiting' }
  })
}

/** What is left of an iteration's rows when the next begins. */
export function agentsUnderWay(agents: Agents): Agents {
  return agents.filter((one) => one.state === 'running')
}

/** Keeps what is not over, and of what is the newest and the row of `key`, which the event line of this moment needs. */
function bounded(agents: Agents, key: string): Agents {
  if (agents.length <= keptOver) return agents
  let over = 0
  let oldest: { readonly at: number; readonly endedAt: number } | undefined
  for (const [at, { state, endedAt, key: own }] of agents.entries()) {
    if ((state !== 'done' && state !== 'failed') || endedAt === undefined) continue
    over += 1
    if (own !== key && (!oldest || endedAt < oldest.endedAt)) oldest = { at, endedAt }
  }
  return oldest && over > keptOver ? agents.toSpliced(oldest.at, 1) : agents
}

const blank: Omit<AgentView, 'key' | 'role' | 'iteration' | 'startedAt'> = {
  agent: undefined,
  model: undefined,
  subgoal: undefined,
  call: 1,
  attempt: 1,
  state: 'running',
  endedAt: undefined,
  outcome: undefined,
  error: undefined,
  preview: undefined,
  chars: undefined,
  outputPath: undefined,
  resumesAt: undefined,
}

function isSameWork(one: AgentView, other: AgentView): boolean {
  return (
    branchOf(one.key) === branchOf(other.key) &&
    one.role === other.role &&
    one.subgoal?.id === other.subgoal?.id &&
    one.iteration === other.iteration
  )
}

function branchOf(key: string): string {
  return key.slice(0, key.lastIndexOf(':'))
}

/** A step of an agent is named after its role and, for a subgoal, its id: `worker s1`. */
function readName(name: string): { readonly role: string; readonly subgoalId: AgentView['subgoal'] } {
  const space = name.indexOf(' ')
  if (space < 0) return { role: name, subgoalId: undefined }
  return { role: name.slice(0, space), subgoalId: { id: name.slice(space + 1), description: '' } }
}
