import { isLoopwrightError, isOfThePlace, LoopwrightError, messageOf } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { previewOf } from '../core/peek.ts'
import type { AgentRequest, AgentResponse, Usage, Workspace } from '../core/ports.ts'
import type { Role, RoleResult } from '../core/role.ts'
import type { Branch, StepCall } from './branch.ts'
import type { AgentOptions } from './context.ts'
import { allowance, type RoleSettings, type Services } from './services.ts'

interface Caller {
  readonly branch: Branch
  readonly services: Services
  readonly workspace: () => Promise<Workspace>
  readonly run: string
  readonly iteration: number
}

/** What a step of effect `agent` records. */
type Recorded = Required<Pick<AgentResponse, 'text' | 'outcome'>> &
  Omit<AgentResponse, 'text' | 'outcome' | 'raw'> & { readonly outputPath?: string }

/** One call of an agent, about to be made. */
interface Work {
  readonly call: StepCall
  readonly prompt: string
  /** It follows a failed one. */
  readonly again: boolean
  readonly settings: RoleSettings
  readonly options: AgentOptions
}

/** Milliseconds before the first retry; doubled for each further one. */
const backoffMs = 1_000
/** Milliseconds to wait out a rate limit whose reset is not known; doubled each time, to an hour at most. */
const rateLimitMs = 60_000
const hourMs = 3_600_000

/** Outcomes that another try may mend. */
const retriable: readonly string[] = ['failed', 'stalled', 'timeout', 'oom']

const continuePrompt =
  'A previous attempt at this ended early and may have left work behind. Inspect the working directory first and CONTINUE from there; do not start over.'

/** Puts a prompt to the agent of a role until it answers, its retries are used up, or the budget says no. */
export async function callAgent<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  options: AgentOptions,
): Promise<RoleResult<Output>> {
  const { branch, services } = caller
  const settings = services.role(role.name)
  const retries = options.retries ?? settings.retries
  const prompt = role.prompt(input)
  let failures = 0
  let limited = 0
  for (let calls = 1; ; calls++) {
    const again = calls > 1 && limited === 0
    let response: Recorded
    try {
      response = await branch.step(
        options.subgoal ? `${role.name} ${options.subgoal.id}` : role.name,
        (call) => perform(caller, role, input, { call, prompt, again, settings, options }),
        {
          effect: 'agent',
          input: [role.system, prompt],
          reserve: { agentCalls: 1, agents: calls === 1 ? 1 : 0, ...allowance(branch.caps) },
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
    if (response.outcome === 'rate_limited') {
      await branch.sleepUntil(await resetOf(branch, response.resetAt, limited++), {
        name: 'rate limit',
        reason: 'rate_limit',
      })
      continue
    }
    limited = 0
    if (!retriable.includes(response.outcome) || failures >= retries) return result<Output>(response, calls, undefined)
    await branch.sleep(backoffMs * 2 ** failures++, { name: 'backoff' })
  }
}

/** When to ask again, in milliseconds since 1970. One that is limited once more after its reset is not asked without pause. */
async function resetOf(branch: Branch, resetAt: number | undefined, limited: number): Promise<number> {
  if (resetAt !== undefined && limited === 0) return resetAt
  const known = resetAt !== undefined
  const wait = Math.min(hourMs, (known ? backoffMs / 2 : rateLimitMs) * 2 ** limited)
  return Math.max(resetAt ?? 0, (await branch.now()) + wait)
}

/** What the journal shows of an answer that is kept in a file. */
function digestOf({ outcome, message, chars, outputPath, resetAt, text }: Recorded): JsonObject {
  const known = { outcome, message, chars, outputPath, resetAt, preview: previewOf(text) }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
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

async function perform<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  work: Work,
): Promise<Recorded> {
  const { call, settings, options } = work
  const { services } = caller
  const request = await requestOf(caller, role, input, work)
  let response: AgentResponse
  try {
    response = await settings.agent.run(request, {
      signal: call.signal,
      onDelta: (delta) => {
        if (delta.type === 'usage') call.onUsage({ ...services.amounts(delta.usage) })
        services.onDelta?.({ ...delta, step: call.key, role: role.name, ...subgoalOf(options) } as JsonObject)
      },
    })
  } catch (error) {
    if (isOfThePlace(error)) throw error
    response = { text: '', outcome: call.signal.aborted ? 'killed' : 'failed', message: messageOf(error) }
  }
  if (response.outcome === 'auth') {
    throw new LoopwrightError('agent_auth', response.message ?? `${settings.agent.name} is not logged in`, {
      hint: `log in to ${settings.agent.name}, then resume the run`,
    })
  }
  // Who says nothing has done nothing that anyone could judge, whatever it calls that.
  const silent = response.text.trim() === ''
  const said = response.outcome ?? 'done'
  const outcome = silent && said === 'done' ? 'failed' : said
  const message = response.message ?? (silent && outcome === 'failed' ? 'empty output' : undefined)
  return {
    text: response.text,
    outcome,
    ...(message === undefined ? {} : { message }),
    ...(response.usage === undefined ? {} : { usage: response.usage as Usage }),
    ...(response.sessionId === undefined ? {} : { sessionId: response.sessionId }),
    ...(response.resetAt === undefined ? {} : { resetAt: response.resetAt }),
    chars: response.chars ?? response.text.length,
    ...(request.outputPath === undefined ? {} : { outputPath: request.outputPath }),
  }
}

async function requestOf<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  work: Work,
): Promise<AgentRequest> {
  const { call, prompt, again, settings, options } = work
  const { services, iteration, run } = caller
  const subgoal = options.subgoal
  const outputPath = services.outputPath(options.output ?? `iter${iteration}_${subgoal?.id ?? role.name}`)
  const system = settings.instructions === undefined ? role.system : `${role.system}\n\n${settings.instructions}`
  return {
    role: role.name,
    system,
    prompt: again || call.attempt > 1 ? `${continuePrompt}\n\n${prompt}` : prompt,
    context: { iteration, ...subgoalOf(options), ...role.context?.(input) },
    expectsJson: role.expectsJson ?? false,
    cwd: (await caller.workspace()).path,
    env: {
      LOOPWRIGHT_RUN: run,
      LOOPWRIGHT_ROLE: role.name,
      LOOPWRIGHT_ITERATION: String(iteration),
      ...(subgoal === undefined ? {} : { LOOPWRIGHT_SUBGOAL: subgoal.id }),
    },
    ...(settings.model === undefined ? {} : { model: settings.model }),
    ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
    ...(settings.skipPermissions === undefined ? {} : { skipPermissions: settings.skipPermissions }),
    ...(outputPath === undefined ? {} : { outputPath }),
    allowance: call.reserved,
  }
}

function subgoalOf(options: AgentOptions): JsonObject {
  return options.subgoal === undefined ? {} : { subgoal: { ...options.subgoal } }
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
    ...subgoalOf(options),
  }
}
