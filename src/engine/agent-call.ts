import { isLoopwrightError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { previewOf } from '../core/peek.ts'
import type { Role, RoleResult } from '../core/role.ts'
import { type Caller, perform, type Recorded, type Session } from './agent-request.ts'
import type { Branch } from './branch.ts'
import type { AgentOptions } from './context.ts'
import { allowance, type RoleSettings } from './services.ts'

/** Milliseconds before the first retry; doubled for each further one. */
const backoffMs = 1_000
/** Milliseconds to wait out a rate limit whose reset is not known; doubled each time, to an hour at most. */
const rateLimitMs = 60_000
const hourMs = 3_600_000

/** Outcomes that another try may mend. */
const retriable: readonly string[] = ['failed', 'stalled', 'timeout', 'oom', 'flood', 'stuck']
/** Of these the session itself may be the reason: the next try begins a new one. */
const spoiled: readonly string[] = ['stuck', 'flood', 'oom']

/**
 * Puts a prompt to the agent of a role until it answers, its retries are used up, or the budget says no. At a rate limit the
 * fallback takes over, or the run waits for the reset; neither counts as a retry. A session that ended early is gone on with.
 */
export async function callAgent<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  options: AgentOptions,
): Promise<RoleResult<Output>> {
  const { branch, services } = caller
  const first = services.role(role.name)
  const retries = options.retries ?? first.retries
  const prompt = role.prompt(input)
  let settings = first
  let session: Session | undefined
  let failures = 0
  let limited = 0
  let firstReset: number | undefined
  for (let calls = 1; ; calls++) {
    const again = calls > 1 && limited === 0
    const now = { settings, session }
    let response: Recorded
    try {
      response = await branch.step(
        options.subgoal ? `${role.name} ${options.subgoal.id}` : role.name,
        (call) => perform(caller, role, input, { call, prompt, again, options, ...now }),
        {
          effect: 'agent',
          input: [role.system, prompt],
          reserve: { agentCalls: 1, agents: calls === 1 ? 1 : 0, ...allowance(branch.caps, services.oneAtATime) },
          usage: (value) => ({ agentCalls: 1, agents: calls === 1 ? 1 : 0, ...services.amounts(value.usage) }),
          detail: detailOf(caller, role.name, settings, options, calls),
          digest: digestOf,
        },
      )
    } catch (error) {
      if (!isLoopwrightError(error, 'budget_exceeded')) throw error
      return result<Output>({ outcome: 'budget', text: '', message: error.message }, calls - 1, undefined)
    }
    if (response.outcome === 'done') return result(response, calls, role.parse?.(response.text, input))
    const { fallback } = settings
    if ((response.outcome === 'rate_limited' || response.outcome === 'auth') && fallback !== undefined) {
      branch.emit('agent_fallback', {
        role: role.name,
        from: settings.agent.name,
        to: fallback.agent.name,
        because: response.outcome,
      })
      firstReset = response.resetAt
      settings = fallback
      session = undefined
      continue
    }
    if (response.outcome === 'rate_limited') {
      const resetAt = earlier(response.resetAt, settings === first ? undefined : firstReset)
      await branch.sleepUntil(await resetOf(branch, resetAt, limited++), { name: 'rate limit', reason: 'rate_limit' })
      session = settings === first ? sessionOf(response, session) : undefined
      settings = first
      continue
    }
    limited = 0
    if (!retriable.includes(response.outcome) || failures >= retries) return result<Output>(response, calls, undefined)
    session = spoiled.includes(response.outcome) ? undefined : sessionOf(response, session)
    await branch.sleep(backoffMs * 2 ** failures++, { name: 'backoff' })
  }
}

/** The session of a call that ended early. One that was gone on with already and failed again is not tried a third time. */
function sessionOf(response: Recorded, before: Session | undefined): Session | undefined {
  if (response.sessionId === undefined || before !== undefined) return undefined
  return {
    id: response.sessionId,
    ...(response.sessionTotals === undefined ? {} : { totals: response.sessionTotals }),
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

/** When to ask again, in milliseconds since 1970. One that is limited once more after its reset is not asked without pause. */
async function resetOf(branch: Branch, resetAt: number | undefined, limited: number): Promise<number> {
  if (resetAt !== undefined && limited === 0) return resetAt
  const known = resetAt !== undefined
  const wait = Math.min(hourMs, (known ? backoffMs / 2 : rateLimitMs) * 2 ** limited)
  return Math.max(resetAt ?? 0, (await branch.now()) + wait)
}

/** What the journal shows of an answer that is kept in a file. */
function digestOf({ outcome, message, chars, outputPath, resetAt, text, notices }: Recorded): JsonObject {
  const known = { outcome, message, chars, outputPath, resetAt, notices, preview: previewOf(text) }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) as JsonObject
}

function result<Output>(
  response: Pick<Recorded, 'text' | 'message' | 'outputPath'> & { outcome: RoleResult['outcome'] },
  calls: number,
  value: Output | undefined,
): RoleResult<Output> {
  const ok = response.outcome === 'done'
  return {
    outcome: response.outcome,
    ok,
    text: response.text,
    value,
    error: ok ? undefined : (response.message ?? response.outcome),
    outputPath: response.outputPath,
    calls,
  }
}

function detailOf(
  caller: Caller,
  role: string,
  settings: RoleSettings,
  options: AgentOptions,
  calls: number,
): JsonObject {
  return {
    role,
    agent: settings.agent.name,
    iteration: caller.iteration,
    call: calls,
    ...(settings.model === undefined ? {} : { model: settings.model }),
    ...(options.subgoal === undefined ? {} : { subgoal: { ...options.subgoal } }),
  }
}
