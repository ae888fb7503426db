import { isOfThePlace, LoopwrightError, messageOf } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { AgentDelta, AgentRequest, AgentResponse, Usage, Workspace } from '../core/ports.ts'
import type { Role } from '../core/role.ts'
import type { Branch, StepCall } from './branch.ts'
import type { AgentOptions } from './context.ts'
import type { RoleSettings, Services } from './services.ts'

/** Where a call comes from. */
export interface Caller {
  readonly branch: Branch
  readonly services: Services
  readonly workspace: () => Promise<Workspace>
  readonly run: string
  readonly iteration: number
}

/** An agent's own session, to go on with. */
export interface Session {
  readonly id: string
  readonly totals?: Usage
}

/** What a step of effect `agent` records. */
export type Recorded = Required<Pick<AgentResponse, 'text' | 'outcome'>> &
  Omit<AgentResponse, 'text' | 'outcome' | 'raw'> & {
    readonly outputPath?: string
    /** What the supervisor noticed during the call. */
    readonly notices?: readonly string[]
  }

/** One call of an agent, about to be made. */
export interface Work {
  readonly call: StepCall
  readonly prompt: string
  /** It follows a failed one. */
  readonly again: boolean
  readonly settings: RoleSettings
  readonly session: Session | undefined
  readonly options: AgentOptions
}

/** How many notices of one call are kept. */
const mostNotices = 5

const continuePrompt =
  'A previous attempt at this ended early and may have left work behind. Inspect the working directory first and CONTINUE from there; do not start over.'

/** Makes the call. Rejects with errors of the place, `agent_auth` where no fallback could take over among them; all else is an outcome. */
export async function perform<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  work: Work,
): Promise<Recorded> {
  const { call, settings, options } = work
  const { services } = caller
  const request = await requestOf(caller, role, input, work)
  const notices: string[] = []
  const onDelta = (delta: AgentDelta) => {
    if (delta.type === 'usage') call.onUsage({ ...services.amounts(delta.usage) })
    if (delta.type === 'notice' && notices.length < mostNotices) notices.push(delta.text)
    services.onDelta?.({ ...delta, step: call.key, role: role.name, ...subgoalOf(options) } as JsonObject)
  }
  // Right before the call, the second try and the one after a rate limit too: whoever says stop is heard.
  const halted = await services.desk?.halted()
  if (halted !== undefined) return { text: '', outcome: 'refused', message: halted, chars: 0 }
  let response: AgentResponse
  try {
    response = await settings.agent.run(request, { signal: call.signal, onDelta })
  } catch (error) {
    if (isOfThePlace(error)) throw error
    response = { text: '', outcome: call.signal.aborted ? 'killed' : 'failed', message: messageOf(error) }
  }
  if (response.outcome === 'auth' && settings.fallback === undefined) {
    throw new LoopwrightError('agent_auth', response.message ?? `${settings.agent.name} is not logged in`, {
      hint: `log in to ${settings.agent.name}, then resume the run`,
    })
  }
  const { text, chars = text.length, usage, sessionId, sessionTotals, resetAt } = response
  return {
    text,
    ...judged(response),
    chars,
    ...(usage === undefined ? {} : { usage }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(sessionTotals === undefined ? {} : { sessionTotals }),
    ...(resetAt === undefined ? {} : { resetAt }),
    ...(request.outputPath === undefined ? {} : { outputPath: request.outputPath }),
    ...(notices.length === 0 ? {} : { notices }),
  }
}

/** Who says nothing has done nothing that anyone could judge, whatever it calls that. */
function judged(response: AgentResponse): Pick<Recorded, 'outcome' | 'message'> {
  const said = response.outcome ?? 'done'
  const silent = response.text.trim() === ''
  const outcome = silent && said === 'done' ? 'failed' : said
  const message = response.message ?? (silent && outcome === 'failed' ? 'empty output' : undefined)
  return { outcome, ...(message === undefined ? {} : { message }) }
}

async function requestOf<Input, Output>(
  caller: Caller,
  role: Role<Input, Output>,
  input: Input,
  work: Work,
): Promise<AgentRequest> {
  const { call, prompt, again, settings, options, session } = work
  const { services, iteration, run } = caller
  const subgoal = options.subgoal
  const outputPath = services.outputPath(options.output ?? `iter${iteration}_${subgoal?.id ?? role.name}`)
  const system = settings.instructions === undefined ? role.system : `${role.system}\n\n${settings.instructions}`
  const workspace = await caller.workspace()
  const confinement = settings.agent.spawns ? await services.confine?.(workspace) : undefined
  return {
    role: role.name,
    system,
    prompt: again || session !== undefined || call.attempt > 1 ? `${continuePrompt}\n\n${prompt}` : prompt,
    context: { iteration, ...subgoalOf(options), ...role.context?.(input) },
    expectsJson: role.expectsJson ?? false,
    cwd: workspace.path,
    ...(workspace.files === undefined ? {} : { files: workspace.files }),
    env: {
      LOOPWRIGHT_RUN: run,
      LOOPWRIGHT_ROLE: role.name,
      LOOPWRIGHT_ITERATION: String(iteration),
      ...(subgoal === undefined ? {} : { LOOPWRIGHT_SUBGOAL: subgoal.id }),
    },
    ...(settings.model === undefined ? {} : { model: settings.model }),
    ...(settings.timeoutMs === undefined ? {} : { timeoutMs: settings.timeoutMs }),
    ...(settings.stallMs === undefined ? {} : { stallMs: settings.stallMs }),
    ...(settings.skipPermissions === undefined ? {} : { skipPermissions: settings.skipPermissions }),
    ...(settings.approvals === undefined ? {} : { approvals: settings.approvals }),
    ...(confinement === undefined ? {} : { confinement }),
    ...(session === undefined ? {} : { sessionId: session.id }),
    ...(session?.totals === undefined ? {} : { sessionTotals: session.totals }),
    ...(outputPath === undefined ? {} : { outputPath }),
    allowance: call.reserved,
  }
}

function subgoalOf(options: AgentOptions): JsonObject {
  return options.subgoal === undefined ? {} : { subgoal: { ...options.subgoal } }
}
